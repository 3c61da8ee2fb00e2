"""The encoder family: speed, rounding, cold start, novelty, and what training takes.

All on Banking77 with its recorded teacher's answers, with the encoder that is given:

speed     Least time of one text of so many tokens, and texts of the test split a second of CPU
          time: the encoder as students run it (ONNX, int8), in float32, and in torch, on one
          thread. Cold start is the time from the start of a process to its first prediction.
rounding  Agreement with the teacher of a head on embeddings in int8, and in float32.
novelty   How often a strange text is more novel than one of the test split (AUROC), by the distance
          to the labels, by that to the mean of all, and by both: for texts of other sets, and for
          texts of labels that the student has not seen. Needs --packages, see benchmarks/sets.py.
training  Seconds and memory to train a head, on copies of the texts with words left out at random.
tuning    Seconds to train the encoder as well, and what that gains.

    python -m benchmarks.encoder_speed ENCODER                  # speed, rounding, training
    python -m benchmarks.encoder_speed ENCODER --only tuning
    python -m benchmarks.encoder_speed ENCODER --only novelty --packages DIR

Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 for one core; training uses all cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.linear_speed import Growth, Parts, divide, perturbed
from benchmarks.sets import read_set
from locum.students.encoder import EncoderStudent
from locum.students.encoder_graph import compile_graph, export_graph
from locum.students.encoder_head import choose_l2, fit_head
from locum.students.encoder_novelty import EmbeddingNovelty
from locum.students.encoder_pooling import last_width, pooled
from locum.students.encoder_session import EncoderSession
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.students.encoder_weights import WEIGHTS
from locum.students.softmax_regression import build_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

PARTS = ("speed", "rounding", "training", "novelty", "tuning")
LENGTHS = (8, 14, 32, 128)
REPETITIONS = 60
COLD_STARTS = 7
LEARNED = 2_000
BATCH = 300
GROWTHS = (Growth(2_500), Growth(5_000), Growth(10_000), Growth(5_000, joined=2))
UNSEEN_LABELS = 20
COLD = """
import pathlib, sys
from locum.students.encoder import EncoderStudent
student = EncoderStudent.load(pathlib.Path(sys.argv[1]))
student.predict(["I am still waiting on my card?"])
"""


class Embedder(NamedTuple):
    """A way to run the encoder on the tokens of one text."""

    name: str
    run: Callable[[NDArray[np.int64]], object]


def read_parts(learned: int = LEARNED) -> Parts:
    """Return so many texts to learn from, and texts to judge by."""
    parts = divide(read_set("banking77", None))
    train = parts.train
    return parts._replace(
        train=train._replace(texts=train.texts[:learned], answers=train.answers[:learned])
    )


def fit(place: str, parts: Parts, epochs: int = 0) -> EncoderStudent:
    """Return a student of the first part."""
    labels = parts.train.labels
    student = EncoderStudent(labels, place, epochs=epochs)
    return student.fit(parts.train.texts, np.eye(len(labels))[parts.train.answers])


def agreement(student: EncoderStudent, parts: Parts) -> float:
    """Return the share of the second part on which student and teacher agree."""
    found = student.predict_proba(parts.test.texts).argmax(axis=1)
    return float((found == parts.test.answers).mean())


def show_speed(place: str, _: Path | None) -> None:
    """Print times of one text, throughput, size and cold start."""
    parts = read_parts()
    student = fit(place, parts)
    encoder = load_encoder(place)
    reader = TokenReader(encoder.tokenizer, 256)
    rows = reader.read(parts.test.texts[:BATCH])
    mean = np.mean([len(row) for row in rows])
    print(f"{'':18}" + "".join(f"{length:>8} tok" for length in LENGTHS) + f"{'texts/s':>10}")
    for embedder in _embedders(place, rows[:100]):
        times = [_least(embedder, length) for length in LENGTHS]
        cells = "".join(f"{1e3 * seconds:>9.2f} ms" for seconds in times)
        print(f"{embedder.name:18}{cells}{_throughput(embedder, rows):>10.0f}", flush=True)
    print(f"a text of the test split has {mean:.1f} tokens on average")
    texts = parts.test.texts[:BATCH]
    whole = [_seconds(partial(student.judge, [text])) for text in texts]
    print(f"student, text to probabilities: p50 {1e3 * np.median(whole):.2f} ms, ", end="")
    print(f"p99 {1e3 * np.quantile(whole, 0.99):.2f} ms")
    with TemporaryDirectory() as folder:
        files = student.save(Path(folder))
        print(f"size {sum(path.stat().st_size for path in files) / 1e6:.1f} MB, ", end="")
        print(f"cold start {min(_cold_start(folder) for _ in range(COLD_STARTS)):.3f} s")


def _embedders(place: str, rows: Sequence[NDArray[np.int64]]) -> list[Embedder]:
    import torch

    torch.set_num_threads(1)
    encoder = load_encoder(place)
    graph = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    contents = [compile_graph(graph, weights, rows).SerializeToString() for weights in WEIGHTS]
    sessions = [EncoderSession(content) for content in contents]
    encoder.model.train(mode=False)

    def in_torch(row: NDArray[np.int64]) -> object:
        with torch.inference_mode():
            return pooled(encoder.model, encoder.pooling, torch.from_numpy(row[None]), None)

    found = [
        Embedder(weights if len(weights) < 9 else "int8 + float32", _running(session))
        for weights, session in zip(WEIGHTS, sessions, strict=True)
    ]
    return [*found, Embedder("torch float32", in_torch)]


def _running(session: EncoderSession) -> Callable[[NDArray[np.int64]], object]:
    return lambda row: session.embed([row])


def _least(embedder: Embedder, length: int) -> float:
    row = np.random.default_rng(0).integers(1_000, 2_000, length)
    return min(_seconds(lambda: embedder.run(row)) for _ in range(REPETITIONS))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _throughput(embedder: Embedder, rows: Sequence[NDArray[np.int64]]) -> float:
    started = time.process_time()
    for row in rows:
        embedder.run(row)
    return len(rows) / (time.process_time() - started)


def _cold_start(folder: str) -> float:
    command = [sys.executable, "-c", COLD, folder]
    return _seconds(lambda: subprocess.run(command, check=True))


def show_rounding(place: str, _: Path | None) -> None:
    """Print how a head does on embeddings of rounded weights."""
    parts = read_parts()
    encoder = load_encoder(place)
    reader = TokenReader(encoder.tokenizer, 256)
    graph = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    terms = build_terms(np.eye(len(parts.train.labels))[parts.train.answers], None, 1.0, 0.0)
    held_out = np.arange(len(parts.train.texts)) % 10 == 0
    train, test = reader.read(parts.train.texts), reader.read(parts.test.texts)
    for weights in WEIGHTS:
        content = compile_graph(graph, weights, train[:100]).SerializeToString()
        session = EncoderSession(content)
        embeddings = session.embed(train)
        head = fit_head(embeddings, terms, choose_l2(embeddings, terms, held_out))
        found = head.logits(session.embed(test)).argmax(axis=1)
        share = 100 * (found == parts.test.answers).mean()
        print(f"{weights:34}{share:>7.2f}% agreement{len(content) / 1e6:>8.1f} MB", flush=True)


def show_novelty(place: str, packages: Path | None) -> None:
    """Print the AUROC of three distances."""
    parts = read_parts()
    encoder = load_encoder(place)
    reader = TokenReader(encoder.tokenizer, 256)
    train, answers = reader.read(parts.train.texts), parts.train.answers
    exported = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    graph = compile_graph(exported, "int8", train[:100])
    session, width = EncoderSession(graph.SerializeToString()), last_width(encoder.model)

    def embed(rows: list[NDArray[np.int64]]) -> NDArray[np.float32]:
        return session.embed(rows)[:, -width:]

    known = embed(train)
    own, own_answers = embed(reader.read(parts.test.texts[:600])), parts.test.answers[:600]
    print(f"{'strange texts':22}{'to labels':>12}{'to all':>12}{'novelty':>12}")
    novelty = EmbeddingNovelty.fit(known, answers)
    for name in ("movies", "amazon"):
        texts = read_set(name, packages).texts
        some = np.random.default_rng(0).permutation(len(texts))[:300].tolist()
        _show_auroc(name, novelty, embed(reader.read([texts[row] for row in some])), own)
    unseen = np.random.default_rng(0).permutation(len(parts.train.labels))[:UNSEEN_LABELS]
    seen = ~np.isin(answers, unseen)
    novelty = EmbeddingNovelty.fit(known[seen], answers[seen])
    strange = np.isin(own_answers, unseen)
    _show_auroc(f"{UNSEEN_LABELS} unseen labels", novelty, own[strange], own[~strange])


def _show_auroc(
    name: str,
    novelty: EmbeddingNovelty,
    strange: NDArray[np.float32],
    own: NDArray[np.float32],
) -> None:
    measures = (novelty.labels.squares, novelty.whole.squares, novelty.measure)
    shares = [(m(strange)[:, None] > m(own)).mean() for m in measures]
    print(f"{name:22}" + "".join(f"{share:>12.4f}" for share in shares), flush=True)


def show_training(place: str, _: Path | None) -> None:
    """Print what training a head takes, each time in a process of its own."""
    print(f"{'rows':>9}{'classes':>9}{'words':>9}{'seconds':>10}{'CPU seconds':>13}{'peak MB':>10}")
    context = multiprocessing.get_context("spawn")
    for growth in GROWTHS:
        process = context.Process(target=train_once, args=(place, growth))
        process.start()
        process.join()


def train_once(place: str, growth: Growth) -> None:
    """Train and print what it took."""
    data = perturbed(growth)
    classes = [str(label) for label in range(growth.classes)]
    started, used = time.perf_counter(), time.process_time()
    EncoderStudent(classes, place).fit(data.texts, data.soft_labels)
    used, seconds = time.process_time() - used, time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    words = np.mean([len(text.split()) for text in data.texts])
    print(
        f"{growth.rows:>9,}{growth.classes:>9}{words:>9.1f}{seconds:>10.1f}{used:>13.1f}"
        f"{peak:>10,.0f}",
        flush=True,
    )


def show_tuning(place: str, _: Path | None) -> None:
    """Print what training the encoder takes and gains."""
    parts = read_parts(8_000)
    print(f"{'epochs':>8}{'best':>6}{'seconds':>10}{'agreement':>12}{'same label':>12}")
    for epochs in (0, 4):
        started = time.perf_counter()
        student = fit(place, parts, epochs)
        seconds = time.perf_counter() - started
        print(
            f"{epochs:>8}{student.epochs_:>6}{seconds:>10.0f}"
            f"{100 * agreement(student, parts):>11.1f}%{student.quantised_agreement_:>12.3f}",
            flush=True,
        )


def main() -> None:
    """Print the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoder", help="folder or name on the hub")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--packages", type=Path, help="folder with the downloaded packages")
    given = parser.parse_args()
    shown = dict(
        zip(
            PARTS,
            (show_speed, show_rounding, show_training, show_novelty, show_tuning),
            strict=True,
        )
    )
    for part in [given.only] if given.only else PARTS[:3]:
        shown[part](given.encoder, given.packages)


if __name__ == "__main__":
    main()
