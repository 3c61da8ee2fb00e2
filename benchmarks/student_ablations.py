"""What soft labels, temperatures and human labels are worth to the linear student.

Two teachers whose probabilities are real:

* raters: movie snippets, the shares of about 20 people's ratings (``benchmarks/sets.py``);
* sentences: Banking77 and TREC, logistic regression on a sentence encoder's embeddings that learned
  from people's labels of 1,500 (TREC: 800) other inputs.

The student learns from 500, 2,000 and 10,000 inputs (or as many as there are) that the teacher has
labelled; its penalty is chosen for each variant by itself on a fifth of them, or on each fifth in
turn where they are no more than 500. "Human" variants know people's labels of every fifth input.
Agreement with the teacher and accuracy on people's labels are those of 1,000 to 3,000 other inputs;
means over seeds with 95% intervals (Student's t), and what is gained over hard labels, paired by
seed.

The last table is for movies: 4,000 inputs with people's labels, and with 5,000 more that a teacher
labelled which learned from those 4,000.

    python -m benchmarks.student_ablations --packages DIR --encoder FOLDER --out FILE.jsonl
    python -m benchmarks.student_ablations --out FILE.jsonl --print

Needs ``pip install scikit-learn sentence-transformers``. A run goes on where the last was stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.intervals import interval
from benchmarks.peers.sentences import embed_texts
from benchmarks.result_lines import add_result, read_results
from benchmarks.sets import read_set
from locum.students import find_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.sets import LabelledSet
    from locum.students import Student

    Teacher = Callable[[Sequence[str]], NDArray[np.float64]]

SIZES = (500, 2_000, 10_000)
MOST_TEST = 3_000
LEAST_TEST = 1_000
PENALTIES = (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
FOLDS, FEW = 5, 500
HUMAN_EVERY = 5
JOINED_HUMAN, JOINED_TAUGHT = 4_000, 5_000


class Taught(NamedTuple):
    """Inputs with what a teacher and people say of them, ``N`` of them."""

    labels: tuple[str, ...]
    texts: list[str]
    soft_labels: NDArray[np.float64]
    human: NDArray[np.int64]

    @property
    def answers(self) -> NDArray[np.int64]:
        """The teacher's most probable label, ``[N]``."""
        answers: NDArray[np.int64] = self.soft_labels.argmax(axis=1)
        return answers

    def take(self, rows: NDArray[np.int64]) -> Taught:
        """Some of these inputs."""
        texts = [self.texts[row] for row in rows.tolist()]
        return self._replace(
            texts=texts, soft_labels=self.soft_labels[rows], human=self.human[rows]
        )


class Variant(NamedTuple):
    """How a student learns.

    Args:
        soft: From the teacher's distributions, and not from its answers alone.
        temperature: Of the distillation.
        human_weight: How much a person's label counts where there is one.
    """

    soft: bool
    temperature: float = 1.0
    human_weight: float = 0.0


VARIANTS = {
    "hard": Variant(soft=False),
    "soft": Variant(soft=True),
    "soft, T = 2": Variant(soft=True, temperature=2.0),
    "soft, T = 4": Variant(soft=True, temperature=4.0),
    "hard, human 0.2": Variant(soft=False, human_weight=0.2),
    "soft, human 0.2": Variant(soft=True, human_weight=0.2),
    "soft, human 0.5": Variant(soft=True, human_weight=0.5),
}


class Encoder(NamedTuple):
    """A sentence encoder, and where what it embeds is kept."""

    encoder: str
    embeddings: str


def teach(given: Encoder, learned: Taught) -> Teacher:
    """Return logistic regression on embeddings that learned from people's labels."""
    from sklearn.linear_model import LogisticRegression

    vectors = embed_texts(given, learned.texts).vectors
    regression = LogisticRegression(C=10.0, max_iter=1000).fit(vectors, learned.human)

    def probabilities(texts: Sequence[str]) -> NDArray[np.float64]:
        found = np.zeros((len(texts), len(learned.labels)))
        found[:, regression.classes_] = regression.predict_proba(embed_texts(given, texts).vectors)
        return found

    return probabilities


class Source(NamedTuple):
    """A set, and how many inputs its teacher learns from; none where raters gave soft labels."""

    name: str
    learned: int = 0


SOURCES = {
    "movies, raters": Source("movies"),
    "banking77, sentences": Source("banking77", 1_500),
    "trec, sentences": Source("trec", 800),
}
JOINED = "movies, 4,000 human labels and 5,000 taught"


class Prepared(NamedTuple):
    """Inputs to learn from, and inputs to be judged on."""

    pool: Taught
    judged: Taught


def prepare(source: Source, whole: LabelledSet, given: Encoder, seed: int) -> Prepared:
    """Draw the inputs by seed, and let the teacher label them."""
    order = np.random.default_rng(seed).permutation(len(whole.texts))
    one_hot = np.eye(len(whole.labels))[whole.human]
    given_labels = one_hot if whole.soft_labels is None else whole.soft_labels
    everything = Taught(whole.labels, whole.texts, given_labels, whole.human)
    learned, rest = np.split(order, [source.learned])
    test = min(MOST_TEST, max(LEAST_TEST, len(rest) - SIZES[-1]))
    pool, judged = everything.take(rest[test:][: SIZES[-1]]), everything.take(rest[:test])
    if not source.learned:
        return Prepared(pool, judged)
    teacher = teach(given, everything.take(learned))
    return Prepared(
        pool._replace(soft_labels=teacher(pool.texts)),
        judged._replace(soft_labels=teacher(judged.texts)),
    )


class Learned(NamedTuple):
    """A student, and the penalty that it learned with."""

    student: Student
    penalty: float


def fit(variant: Variant, learned: Taught, known: NDArray[np.bool_]) -> Learned:
    """Choose the penalty on held-out inputs, and learn from all with it.

    Args:
        variant: How to learn.
        learned: What to learn from.
        known: Where a person's label is known, ``[N]``.
    """
    count = len(learned.texts)
    fold = np.arange(count) % FOLDS
    folds = range(FOLDS if count <= FEW else 1)

    def agreement(penalty: float) -> float:
        return sum(agreements(penalty, fold == number) for number in folds)

    def agreements(penalty: float, held: NDArray[np.bool_]) -> int:
        part, rest = learned.take(np.flatnonzero(~held)), learned.take(np.flatnonzero(held))
        student = fit_once(variant, part, known[~held], penalty)
        return int((student.predict_proba(rest.texts).argmax(axis=1) == rest.answers).sum())

    best = max(PENALTIES, key=agreement) * (1 - 1 / FOLDS)
    return Learned(fit_once(variant, learned, known, best), best)


def fit_once(
    variant: Variant, learned: Taught, known: NDArray[np.bool_], penalty: float
) -> Student:
    """Learn with one penalty."""
    student = find_family("linear")(
        learned.labels,
        l2=penalty,
        temperature=variant.temperature,
        human_weight=variant.human_weight,
    )
    one_hot = np.eye(len(learned.labels))[learned.answers]
    targets = learned.soft_labels if variant.soft else one_hot
    return student.fit(learned.texts, targets, np.where(known, learned.human, -1))


def score(student: Student, judged: Taught) -> dict[str, float]:
    """Agreement with the teacher, and accuracy on people's labels."""
    found = student.predict_proba(judged.texts).argmax(axis=1)
    return {
        "agreement": float((found == judged.answers).mean()),
        "accuracy": float((found == judged.human).mean()),
    }


def measure(
    source: Source, whole: LabelledSet, given: Encoder, seed: int
) -> Iterator[dict[str, Any]]:
    """Train each variant at each size."""
    pool, judged = prepare(source, whole, given, seed)
    for size in dict.fromkeys(min(size, len(pool.texts)) for size in SIZES):
        learned = pool.take(np.arange(size))
        known = np.arange(size) % HUMAN_EVERY == 0
        for name, variant in VARIANTS.items():
            found = fit(variant, learned, known & bool(variant.human_weight))
            row = {"inputs": size, "variant": name, "penalty": found.penalty}
            yield row | score(found.student, judged)


def measure_joined(whole: LabelledSet, given: Encoder, seed: int) -> Iterator[dict[str, Any]]:
    """Train on inputs with people's labels, and on those with others that a teacher labelled."""
    order = np.random.default_rng(seed).permutation(len(whole.texts))
    one_hot = np.eye(len(whole.labels))[whole.human]
    everything = Taught(whole.labels, whole.texts, one_hot, whole.human)
    rows = np.split(order, [JOINED_HUMAN, JOINED_HUMAN + JOINED_TAUGHT])
    human, unlabelled, judged = (everything.take(part) for part in rows)
    teacher = teach(given, human)
    taught = unlabelled._replace(soft_labels=teacher(unlabelled.texts))
    both = Taught(
        whole.labels,
        human.texts + taught.texts,
        np.concatenate([human.soft_labels, taught.soft_labels]),
        np.concatenate([human.human, taught.human]),
    )
    by_teacher = teacher(judged.texts).argmax(axis=1)
    yield {
        "inputs": len(human.texts),
        "variant": "the teacher itself",
        "accuracy": float((by_teacher == judged.human).mean()),
    }
    for name, learned, soft in (
        ("hard", human, False),
        ("and taught, hard", both, False),
        ("and taught, soft", both, True),
    ):
        found = fit(Variant(soft=soft), learned, np.zeros(len(learned.texts), np.bool_))
        yield {
            "inputs": len(learned.texts),
            "variant": name,
            "penalty": found.penalty,
            "accuracy": score(found.student, judged)["accuracy"],
        }


def run(arguments: argparse.Namespace) -> None:
    """Measure what is not known yet."""
    done = {(row["source"], row["seed"]) for row in read_results(arguments.out)}
    for name in arguments.sources:
        whole = read_set(SOURCES[name].name if name in SOURCES else "movies", arguments.packages)
        given = Encoder(str(arguments.encoder), str(arguments.work / f"{whole.name}.npz"))
        for seed in range(arguments.seeds):
            if (name, seed) in done:
                continue
            print(f"{name}, seed {seed} ...", file=sys.stderr, flush=True)
            found = (
                measure(SOURCES[name], whole, given, seed)
                if name in SOURCES
                else measure_joined(whole, given, seed)
            )
            for row in list(found):
                add_result(arguments.out, {"source": name, "seed": seed, **row})


def print_tables(rows: Sequence[dict[str, Any]]) -> None:
    """Print a Markdown table for each source."""
    for source in dict.fromkeys(row["source"] for row in rows):
        print(f"\n## {source}\n")
        print("| inputs | variant | agreement | over hard | accuracy | over hard |")
        print("|---|---|---|---|---|---|")
        of_source = [row for row in rows if row["source"] == source]
        for size, variant in dict.fromkeys((row["inputs"], row["variant"]) for row in of_source):
            cells = [
                cell
                for figure in ("agreement", "accuracy")
                for cell in _cells(of_source, size, variant, figure)
            ]
            print(f"| {size:,} | {variant} | " + " | ".join(cells) + " |")


def _cells(rows: Sequence[dict[str, Any]], size: int, variant: str, figure: str) -> tuple[str, str]:
    """The mean, and what is gained over hard labels of as many inputs, or of human ones alone."""
    values = {
        row["seed"]: row[figure]
        for row in rows
        if (row["inputs"], row["variant"]) == (size, variant) and figure in row
    }
    if not values:
        return "", ""
    base = _hard(rows, size, figure)
    gains = [100 * (value - base[seed]) for seed, value in values.items() if seed in base]
    return interval(list(values.values())), interval(gains, 1) if variant != "hard" else ""


def _hard(rows: Sequence[dict[str, Any]], size: int, figure: str) -> dict[int, float]:
    """By seed, of as many inputs; where none is of as many, of the only ones that there are."""
    hard = [row for row in rows if row["variant"] == "hard"]
    as_many = [row for row in hard if row["inputs"] == size] or hard
    return {row["seed"]: row[figure] for row in as_many if figure in row}


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, help="folder with the packages of the sets")
    parser.add_argument("--encoder", type=Path, help="folder of a sentence encoder")
    parser.add_argument("--sources", nargs="+", choices=[*SOURCES, JOINED], metavar="SOURCE")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("students"), help="for embeddings")
    parser.add_argument("--out", type=Path, required=True, help="file of results, a line each")
    parser.add_argument("--print", action="store_true", help="print what is there, and run nothing")
    arguments = parser.parse_args()
    arguments.sources = arguments.sources or [*SOURCES, JOINED]
    if not arguments.print:
        if arguments.encoder is None:
            parser.error("--encoder is needed to run")
        run(arguments)
    print_tables(read_results(arguments.out))


if __name__ == "__main__":
    main()
