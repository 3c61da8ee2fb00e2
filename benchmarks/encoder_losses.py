"""What each loss is worth where an encoder of six layers is distilled into one of three.

The teacher is a sentence encoder (all-MiniLM-L6-v2) that was fine-tuned on people's labels of 1,500
TREC questions. It labels 800 others, from which the students learn: three of the teacher's layers,
trained for three epochs on its answers alone (hard labels), on its distributions (soft labels), and
on these with one loss of its representations besides, whose weight is such that it begins at about
one. "Hidden alone" sees no label. At the end every encoder gets the same softmax head on its frozen
vectors, fitted on the soft labels (after hard labels: on these).

Agreement with the teacher and accuracy on people's labels are those of 1,500 other questions: means
over seeds with 95% intervals (Student's t), and what is gained over hard labels, the plain
cross-entropy, paired by seed. A seed draws the 800, and all that is random in training.

    python -m benchmarks.encoder_losses --packages DIR --encoder FOLDER --work DIR --out FILE.jsonl
    python -m benchmarks.encoder_losses --out FILE.jsonl --print

Needs ``pip install 'locum[encoder]'``; DIR with the packages is that of ``benchmarks/sets.py``. It
takes one core, a minute to a minute and a half a seed and loss, and goes on where the last run was
stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.intervals import interval
from benchmarks.result_lines import add_result, read_results
from benchmarks.sets import read_set
from locum.losses import soft_target_cross_entropy, softmax
from locum.students.encoder_pooling import pool
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.training import EncoderTraining, distil_encoder
from locum.training.token_batches import TokenBatches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.sets import LabelledSet
    from locum.training.imitation import ImitationLoss

    Floats = NDArray[np.float64]

TAUGHT_BY_PEOPLE, POOL, TEST = 1_500, 800, 1_500
LAYERS = 3
TRAINING = EncoderTraining(epochs=3, learning_rate=2e-4, batch_size=16)
HEAD_PENALTY = 1e-3


class Variant(NamedTuple):
    """What a student learns: labels, if any, and representations with their weights."""

    labels: str | None
    losses: dict[ImitationLoss, float]


VARIANTS = {
    "hard labels": Variant("hard", {}),
    "soft labels": Variant("soft", {}),
    "soft labels, hidden": Variant("soft", {"hidden": 10.0}),
    "soft labels, cosine": Variant("soft", {"cosine": 3.0}),
    "soft labels, attention": Variant("soft", {"attention": 0.15}),
    "soft labels, minilm": Variant("soft", {"minilm": 3.0}),
    "soft labels, relation": Variant("soft", {"relation": 2.0}),
    "hidden alone": Variant(None, {"hidden": 10.0}),
}


class Head(NamedTuple):
    """Softmax regression on an encoder's vectors."""

    weights: Floats
    intercept: Floats

    def probabilities(self, vectors: Floats) -> Floats:
        """Return ``[N, C]``."""
        return softmax(vectors @ self.weights + self.intercept)


class Teacher(NamedTuple):
    """The fine-tuned encoder, and what it says of all questions."""

    folder: Path
    probabilities: Floats


def embed(folder: Path, texts: Sequence[str]) -> Floats:
    """Return an encoder's pooled states, ``[N, D]``."""
    import torch

    encoder = load_encoder(str(folder))
    reader = TokenReader(encoder.tokenizer, TRAINING.max_tokens)
    vectors = np.zeros((len(texts), encoder.model.config.hidden_size))
    for batch in TokenBatches(reader, texts, 64, "cpu").shuffled(np.random.default_rng(0)):
        with torch.inference_mode():
            hidden = encoder.model(**batch.tokens).last_hidden_state
            vectors[batch.rows] = pool(hidden, batch.mask, encoder.pooling).numpy()
    return vectors


def fit_head(vectors: Floats, targets: Floats) -> Head:
    """Return the head at the minimum of the cross-entropy and a penalty on its weights."""
    from scipy.optimize import minimize

    shape = (vectors.shape[1] + 1, targets.shape[1])

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        loss = soft_target_cross_entropy(vectors @ weights[:-1] + weights[-1], targets)
        gradient = np.vstack([vectors.T @ loss.gradient, loss.gradient.sum(axis=0)])
        gradient[:-1] += HEAD_PENALTY * weights[:-1]
        return loss.value + HEAD_PENALTY / 2 * float((weights[:-1] ** 2).sum()), gradient.ravel()

    found = minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B")
    weights = found.x.reshape(shape)
    return Head(weights[:-1], weights[-1])


def make_teacher(encoder: str, whole: LabelledSet, work: Path) -> Teacher:
    """Fine-tune the encoder on people's labels of the first inputs, or read what was kept of it."""
    folder, kept = work / "teacher", work / "teacher.npy"
    learned = whole.texts[:TAUGHT_BY_PEOPLE]
    one_hot = np.eye(len(whole.labels))[whole.human[:TAUGHT_BY_PEOPLE]]
    if not kept.exists():
        distil_encoder(
            encoder, learned, folder, layers=6, losses={}, soft_labels=one_hot, training=TRAINING
        )
        vectors = embed(folder, whole.texts)
        np.save(kept, fit_head(vectors[:TAUGHT_BY_PEOPLE], one_hot).probabilities(vectors))
    return Teacher(folder, np.load(kept, allow_pickle=False))


def measure(variant: Variant, teacher: Teacher, whole: LabelledSet, seed: int) -> dict[str, float]:
    """Distil one student, and judge it on other inputs."""
    started = process_time()
    first, last = TAUGHT_BY_PEOPLE, TAUGHT_BY_PEOPLE + TEST
    rest = np.arange(last, len(whole.texts))
    rows = np.random.default_rng(seed).choice(rest, POOL, replace=False)
    texts = [whole.texts[row] for row in rows.tolist()]
    soft = teacher.probabilities[rows]
    targets = np.eye(len(whole.labels))[soft.argmax(axis=1)] if variant.labels == "hard" else soft
    with tempfile.TemporaryDirectory() as place:
        folder = distil_encoder(
            teacher.folder,
            texts,
            place,
            layers=LAYERS,
            losses=variant.losses,
            soft_labels=None if variant.labels is None else targets,
            training=TRAINING._replace(seed=seed),
        ).folder
        head = fit_head(embed(folder, texts), targets)
        found = head.probabilities(embed(folder, whole.texts[first:last])).argmax(axis=1)
    return {
        "agreement": float((found == teacher.probabilities[first:last].argmax(axis=1)).mean()),
        "accuracy": float((found == whole.human[first:last]).mean()),
        "seconds": process_time() - started,
    }


def run(arguments: argparse.Namespace) -> None:
    """Measure what is not known yet."""
    import torch

    torch.set_num_threads(1)
    given = read_set("trec", arguments.packages)
    order = np.random.default_rng(0).permutation(len(given.texts))
    texts = [given.texts[row] for row in order.tolist()]
    whole = given._replace(texts=texts, answers=given.answers[order], human=given.human[order])
    arguments.work.mkdir(parents=True, exist_ok=True)
    teacher = make_teacher(arguments.encoder, whole, arguments.work)
    right = teacher.probabilities.argmax(axis=1) == whole.human
    print(f"teacher: right on {right[TAUGHT_BY_PEOPLE:].mean():.3f} of other questions")
    done = {(row["seed"], row["variant"]) for row in read_results(arguments.out)}
    for seed in range(arguments.seeds):
        for name, variant in VARIANTS.items():
            if (seed, name) in done:
                continue
            print(f"seed {seed}, {name} ...", file=sys.stderr, flush=True)
            figures = measure(variant, teacher, whole, seed)
            add_result(arguments.out, {"seed": seed, "variant": name, **figures})


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print a Markdown table: means over seeds, and gains over hard labels in points."""
    print("| student learns from | seeds | agreement | over hard | accuracy | over hard | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name in VARIANTS:
        found = [row for row in rows if row["variant"] == name]
        if not found:
            continue
        cells = [
            cell for figure in ("agreement", "accuracy") for cell in _cells(rows, name, figure)
        ]
        seconds = np.mean([row["seconds"] for row in found])
        print(f"| {name} | {len(found)} | " + " | ".join(cells) + f" | {seconds:.0f} |")


def _cells(rows: Sequence[dict[str, Any]], name: str, figure: str) -> tuple[str, str]:
    values = {row["seed"]: row[figure] for row in rows if row["variant"] == name}
    base = {row["seed"]: row[figure] for row in rows if row["variant"] == "hard labels"}
    gains = [100 * (value - base[seed]) for seed, value in values.items() if seed in base]
    over = "" if name == "hard labels" or not gains else interval(gains, 1)
    return interval(list(values.values())), over


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, help="folder with the packages of the sets")
    parser.add_argument("--encoder", help="folder or name of the sentence encoder")
    parser.add_argument("--work", type=Path, help="where the fine-tuned teacher is kept")
    parser.add_argument("--out", type=Path, required=True, help="file of the results")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="print the table of what is known")
    arguments = parser.parse_args()
    if not arguments.print:
        if not (arguments.packages and arguments.encoder and arguments.work):
            parser.error("give --packages, --encoder and --work, or --print")
        run(arguments)
    print_table(read_results(arguments.out))


if __name__ == "__main__":
    main()
