"""DistilBERT's recipe (Sanh, Debut, Chaumond and Wolf 2019) on an encoder that was fine-tuned.

The teacher is an encoder with a linear head, fine-tuned on a task's labels. The students are copies
of it that keep every other layer, and learn the same texts

hard         from the labels alone;
soft, hard   from the teacher's probabilities at a temperature besides;
triple       and from the directions of the teacher's last hidden states: the paper's three losses.

The paper's students write masked words; theirs are the labels here. The weights are those of the
code that the authors released: 5 for soft, 2 for hard labels, 1 for the cosine; temperature 2.

Printed are parameters (without head and pooler), the median time of a text alone in float32 on the
CPU, and accuracy on texts that nothing was learned from, with the share of the teacher's accuracy
that each student keeps and its 95% interval (bootstrap of the texts, with one training of each)::

    pip install '.[encoder]'
    python -m examples.distilbert --encoder sentence-transformers/all-mpnet-base-v2
    python -m examples.distilbert --encoder FOLDER --csv labelled.csv
    python -m examples.distilbert --encoder FOLDER --packages DIR --sets banking77 trec movies

The task is banking77 (Casanueva et al. 2020), whose labels here are people's; a CSV file with
columns ``text`` and ``label``; or sets that are read out of packages (see ``benchmarks/sets.py``).
"""

from __future__ import annotations

import argparse
import csv
import sys
from copy import deepcopy
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from benchmarks.sets import SETS, read_set
from locum.losses import cosine_loss, forward_kl, token_cross_entropy
from locum.students.encoder_layers import drop_layers
from locum.students.encoder_pooling import pool
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.training.token_batches import TokenBatches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from locum.students.encoder_source import Pooling, PretrainedEncoder
    from locum.training.token_batches import TokenBatch

STUDENTS = ("hard", "soft, hard", "triple")
WEIGHTS = {"hard": (0.0, 1.0, 0.0), "soft, hard": (5.0, 2.0, 0.0), "triple": (5.0, 2.0, 1.0)}
TEMPERATURE = 2.0
MAX_TOKENS, BATCH = 64, 32
HEAD_RATE = 20  # times the encoder's: the head starts from nothing
RESAMPLES = 2_000


class Texts(NamedTuple):
    """Texts of a task, and the indices of their labels, ``[N]``."""

    texts: list[str]
    labels: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64]) -> Texts:
        """Return some of them."""
        return Texts([self.texts[row] for row in rows.tolist()], self.labels[rows])


class Said(NamedTuple):
    """What a classifier says of a batch: logits ``[B, C]`` and last hidden states ``[B, L, D]``."""

    logits: Tensor
    hidden: Tensor


class Classifier(nn.Module):
    """An encoder with a linear head on its pooled states."""

    def __init__(self, encoder: nn.Module, width: int, labels: int, pooling: Pooling) -> None:
        super().__init__()
        self.encoder, self.head, self.pooling = encoder, nn.Linear(width, labels), pooling

    def forward(self, batch: TokenBatch) -> Said:
        """Read a batch."""
        hidden = self.encoder(**batch.tokens).last_hidden_state
        return Said(self.head(pool(hidden, batch.mask, self.pooling)), hidden)

    def smaller(self, layers: int) -> Classifier:
        """Return a copy with so many of the layers, evenly spread."""
        copy = deepcopy(self)
        copy.encoder = drop_layers(self.encoder, layers)  # type: ignore[arg-type]
        return copy

    @property
    def parameters_counted(self) -> int:
        """Of the encoder, without the pooler, which nobody asks."""
        named = self.encoder.named_parameters()
        return sum(values.numel() for name, values in named if "pooler" not in name)


def triple_loss(
    student: Said, teacher: Said | None, labels: Tensor, mask: Tensor, weights: Sequence[float]
) -> Tensor:
    """Soft labels, hard labels and the cosine of hidden states, each with its weight."""
    of_soft, of_hard, of_cosine = weights
    loss = of_hard * token_cross_entropy(student.logits, labels)
    if teacher is None:
        return loss
    loss = loss + of_soft * forward_kl(student.logits, teacher.logits, temperature=TEMPERATURE)
    return loss + of_cosine * cosine_loss(student.hidden.float(), teacher.hidden.float(), mask)


def learn(
    student: Classifier,
    teacher: Classifier | None,
    batches: TokenBatches,
    labels: NDArray[np.int64],
    weights: Sequence[float],
    arguments: argparse.Namespace,
) -> Classifier:
    """Train by AdamW, the rate rising over a tenth of the steps and then falling to nothing."""
    torch.manual_seed(arguments.seed)
    generator = np.random.default_rng(arguments.seed)
    rate, steps = arguments.rate, arguments.epochs * len(batches)
    head, encoder = student.head.parameters(), student.encoder.parameters()
    groups = [{"params": encoder}, {"params": head, "lr": rate * HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=0.01, fused=True)
    shares = [
        min((step + 1) / (0.1 * steps), (steps - step) / (0.9 * steps)) for step in range(steps)
    ]
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, [*shares, 0.0].__getitem__)
    student.train()
    for _ in range(arguments.epochs):
        for batch in batches.shuffled(generator):
            with torch.autocast("cpu", torch.bfloat16):
                said, wanted = student(batch), None
                if teacher is not None:
                    with torch.no_grad():
                        wanted = teacher(batch)
                right = torch.from_numpy(labels[batch.rows])
                loss = triple_loss(said, wanted, right, batch.mask, weights)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            falling.step()
    student.zero_grad()
    return student.eval()


def is_right(model: Classifier, reader: TokenReader, given: Texts) -> NDArray[np.bool_]:
    """Return whether the likeliest label is the right one, ``[N]``."""
    right = np.zeros(len(given.texts), bool)
    for batch in TokenBatches(reader, given.texts, 64, "cpu").shuffled(np.random.default_rng(0)):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            found = model(batch).logits.argmax(-1).numpy()
        right[batch.rows] = found == given.labels[batch.rows]
    return right


def seconds_of(models: Sequence[Classifier], reader: TokenReader, texts: list[str]) -> list[float]:
    """Return each model's median time for a text alone; the models take turns."""
    times: list[list[float]] = [[] for _ in models]
    for batch in TokenBatches(reader, texts, 1, "cpu").shuffled(np.random.default_rng(0)):
        for model, taken in zip(models, times, strict=True):
            with torch.inference_mode():
                started = perf_counter()
                model(batch)
                taken.append(perf_counter() - started)
    return [float(np.median(taken[len(taken) // 10 :])) for taken in times]


def kept(student: NDArray[np.bool_], teacher: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the share of the teacher's accuracy that a student keeps, with its 95% interval."""
    rows = np.random.default_rng(0).integers(0, len(teacher), (RESAMPLES, len(teacher)))
    shares = student[rows].mean(axis=1) / teacher[rows].mean(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975]).tolist()
    return float(student.mean() / teacher.mean()), low, high


def read_csv(path: Path) -> Texts:
    """Read a file with the columns ``text`` and ``label``."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = sorted({row["label"] for row in rows})
    labels = np.array([names.index(row["label"]) for row in rows], np.int64)
    return Texts([row["text"] for row in rows], labels)


def read_task(name: str, arguments: argparse.Namespace) -> tuple[Texts, Texts]:
    """Return the texts of a task to learn from, and those to judge by."""
    if arguments.csv:
        given = read_csv(arguments.csv)
    else:
        found = read_set(name, arguments.packages)
        given = Texts(found.texts, found.human)
    order = np.random.default_rng(arguments.seed).permutation(len(given.texts))
    train = min(arguments.train, len(order) // 2)
    return given.at(order[:train]), given.at(order[train : train + arguments.test])


def one_task(
    name: str, encoder: PretrainedEncoder, arguments: argparse.Namespace
) -> dict[str, NDArray[np.bool_]]:
    """Train a teacher and its students; print what they take, return what they get right."""
    train, test = read_task(name, arguments)
    reader = TokenReader(encoder.tokenizer, min(MAX_TOKENS, encoder.most_tokens))
    batches = TokenBatches(reader, train.texts, BATCH, "cpu")
    labels = int(max(train.labels.max(), test.labels.max())) + 1
    torch.manual_seed(arguments.seed)
    width = encoder.model.config.hidden_size
    teacher = Classifier(deepcopy(encoder.model), width, labels, encoder.pooling)
    learn(teacher, None, batches, train.labels, WEIGHTS["hard"], arguments)
    right = {"teacher": is_right(teacher, reader, test)}
    print(f"{name}: teacher {right['teacher'].mean():.3f}", file=sys.stderr, flush=True)
    half = encoder.model.config.num_hidden_layers // 2
    for student_name in STUDENTS:
        student = teacher.smaller(half)
        source = None if student_name == "hard" else teacher
        learn(student, source, batches, train.labels, WEIGHTS[student_name], arguments)
        right[student_name] = is_right(student, reader, test)
        shown = f"{name}: {student_name} {right[student_name].mean():.3f}"
        print(shown, file=sys.stderr, flush=True)
    print_sizes(name, teacher, student, reader, test.texts[: arguments.timed])
    return right


def print_sizes(
    name: str, teacher: Classifier, student: Classifier, reader: TokenReader, texts: list[str]
) -> None:
    """Print parameters and times of a teacher and a student."""
    before, after = teacher.parameters_counted, student.parameters_counted
    slow, fast = seconds_of((teacher, student), reader, texts)
    print(
        f"{name}: {before / 1e6:.1f}M to {after / 1e6:.1f}M parameters, {1 - after / before:.0%} "
        f"fewer; {1e3 * slow:.1f} to {1e3 * fast:.1f} ms a text, {slow / fast:.2f} times as fast",
        flush=True,
    )


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True, help="folder, or name on the hub")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["banking77"])
    parser.add_argument("--packages", type=Path, help="folder with the packages of the sets")
    parser.add_argument("--csv", type=Path, help="in the place of sets: text and label in each row")
    parser.add_argument("--train", type=int, default=1_200, help="texts to learn from")
    parser.add_argument("--test", type=int, default=1_500, help="texts to judge by")
    parser.add_argument("--timed", type=int, default=150, help="texts that are timed")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5e-5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.encoder)
    for name in [arguments.csv.stem] if arguments.csv else arguments.sets:
        right = one_task(name, encoder, arguments)
        print(f"{'':14}accuracy  of the teacher's")
        for model, answers in right.items():
            share, low, high = kept(answers, right["teacher"])
            beside = "" if model == "teacher" else f"  {share:.1%} ({low:.1%} to {high:.1%})"
            print(f"  {model:12}{answers.mean():8.3f}{beside}", flush=True)


if __name__ == "__main__":
    main()
