"""The linear family beside scikit-learn: speed, size and accuracy, and what training takes.

The first table trains both on four fifths of a set with their default settings and judges on the
rest: Locum's linear student, and TF-IDF of words and word pairs with logistic regression (C = 10).
Long texts are cut at 800 characters. "first" is the median time of one text, each met for the first
time, after the others of the rest; "one" is the median over texts of the least of several times,
"batch" the most texts a second of CPU time, of several runs over all. The second table trains the
linear student whole, its search of settings included, on copies of Banking77 with words left out at
random; every fifth input is for validation. Each training runs in a process of its own, and memory
is that process's peak.

    python -m benchmarks.linear_speed --packages DIR        # both tables; see benchmarks/sets.py
    python -m benchmarks.linear_speed --only speed --packages DIR
    python -m benchmarks.linear_speed --only training

Needs ``pip install scikit-learn`` for the first table. Set OMP_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.sets import LabelledSet, read_set
from locum.students.linear import LinearStudent
from locum.training import Labelled, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SETS = ("banking77", "newsgroups", "movies", "reuters")
CHARACTERS = 800
TIMED_TEXTS = 500
REPETITIONS = 15
DROPPED = 0.15


class Growth(NamedTuple):
    """A training run: so many rows, classes, and texts that are joined to one input."""

    rows: int
    classes: int = 77
    joined: int = 1


GROWTHS = (
    Growth(12_500),
    Growth(25_000),
    Growth(50_000),
    Growth(100_000),
    Growth(25_000, classes=19),
    Growth(25_000, classes=38),
    Growth(25_000, joined=2),
    Growth(25_000, joined=4),
)


class Parts(NamedTuple):
    """A set in two parts."""

    train: LabelledSet
    test: LabelledSet


class Speed(NamedTuple):
    """Times to predict, in microseconds of one text, and texts a second of many."""

    first: float
    p50: float
    p99: float
    batch: float


def take(whole: LabelledSet, rows: Sequence[int]) -> LabelledSet:
    """Return some rows of a set, its texts cut at 800 characters."""
    texts = [whole.texts[row][:CHARACTERS] for row in rows]
    index = np.asarray(rows)
    return whole._replace(texts=texts, answers=whole.answers[index], human=whole.human[index])


def divide(whole: LabelledSet) -> Parts:
    """Return four fifths of a set and the rest, at random."""
    order = np.random.default_rng(0).permutation(len(whole.texts)).tolist()
    end = len(order) * 4 // 5
    return Parts(take(whole, order[:end]), take(whole, order[end:]))


def measure(predict: Callable[[list[str]], object], texts: list[str]) -> Speed:
    """Time a model on texts that it has not met yet, and again."""
    times = np.array([_times(predict, texts[:TIMED_TEXTS]) for _ in range(REPETITIONS)])
    least = times.min(axis=0)
    whole = min(_cpu_seconds(predict, texts) for _ in range(REPETITIONS))
    return Speed(
        float(np.median(times[0])),
        float(np.median(least)),
        float(np.quantile(least, 0.99)),
        len(texts) / whole,
    )


def _times(predict: Callable[[list[str]], object], texts: list[str]) -> list[float]:
    return [1e6 * _seconds(predict, [text]) for text in texts]


def _seconds(predict: Callable[[list[str]], object], texts: list[str]) -> float:
    started = time.perf_counter()
    predict(texts)
    return time.perf_counter() - started


def _cpu_seconds(predict: Callable[[list[str]], object], texts: list[str]) -> float:
    started = time.process_time()
    predict(texts)
    return time.process_time() - started


def speed_of(name: str, packages: Path | None) -> None:
    """Print a line for each model on one set."""
    parts = divide(read_set(name, packages))
    classes = parts.train.labels
    student = LinearStudent(classes)
    started = time.perf_counter()
    student.fit(parts.train.texts, np.eye(len(classes))[parts.train.answers])
    seconds = time.perf_counter() - started
    with TemporaryDirectory() as folder:
        size = sum(path.stat().st_size for path in student.save(Path(folder)))
    student.predict_proba(parts.test.texts[TIMED_TEXTS:])
    speed = measure(student.predict_proba, parts.test.texts)
    right = student.predict_proba(parts.test.texts).argmax(axis=1)
    _line(name, "locum linear", right == parts.test.answers, speed, seconds, f"{size / 1e6:.2f}")
    other = _scikit_learn(parts)
    print(f"{'':12}{'faster':14}{other.p50 / speed.p50:>43.1f}x\n")


def _scikit_learn(parts: Parts) -> Speed:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    started = time.perf_counter()
    model.fit(parts.train.texts, parts.train.answers)
    seconds = time.perf_counter() - started
    texts = parts.test.texts
    speed = measure(model.predict_proba, texts)
    _line("", "scikit-learn", model.predict(texts) == parts.test.answers, speed, seconds, "")
    return speed


def _line(
    name: str, model: str, right: NDArray[np.bool_], speed: Speed, seconds: float, size: str
) -> None:
    print(
        f"{name:12}{model:14}{100 * right.mean():>9.1f}%{speed.first:>11.1f}{speed.p50:>11.1f}"
        f"{speed.p99:>11.1f}{speed.batch:>12,.0f}{seconds:>10.1f}{size:>8}",
        flush=True,
    )


def perturbed(growth: Growth) -> Labelled:
    """Return so many inputs of Banking77, each with some words left out."""
    whole = read_set("banking77", None)
    of_class = np.flatnonzero(whole.answers < growth.classes).tolist()
    generator = np.random.default_rng(0)
    chosen = generator.choice(of_class, growth.rows)
    answers = whole.answers[chosen]
    same = [np.flatnonzero(whole.answers == label) for label in range(growth.classes)]
    texts = []
    for row, answer in zip(chosen.tolist(), answers.tolist(), strict=True):
        others = generator.choice(same[answer], growth.joined - 1).tolist()
        words = " ".join(whole.texts[index] for index in [row, *others]).split()
        kept = generator.random(len(words)) >= DROPPED
        texts.append(" ".join(word for word, stays in zip(words, kept, strict=True) if stays))
    soft = np.eye(growth.classes)[answers]
    return Labelled(texts, soft, answers, np.full(growth.rows, -1))


def train_once(growth: Growth) -> None:
    """Train and print what it took."""
    data = perturbed(growth)
    fifth = np.arange(growth.rows) % 5 == 0
    parts = [
        Labelled(
            [text for text, chosen in zip(data.texts, part, strict=True) if chosen],
            data.soft_labels[part],
            data.answers[part],
            data.human[part],
        )
        for part in (~fifth, fifth)
    ]
    classes = [str(label) for label in range(growth.classes)]
    started = time.perf_counter()
    used = time.process_time()
    trained = train(partial(LinearStudent, classes), parts[0], parts[1], lambda _: None)
    used, seconds = time.process_time() - used, time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    words = statistics.fmean(len(text.split()) for text in data.texts)
    print(
        f"{growth.rows:>9,}{growth.classes:>9}{words:>9.1f}{seconds:>10.1f}{used:>13.1f}"
        f"{peak:>10,.0f}{len(trained.trials):>8}",
        flush=True,
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packages", type=Path, help="folder with the downloaded packages")
    parser.add_argument("--only", choices=("speed", "training"))
    given = parser.parse_args()
    if given.only != "training":
        print(
            f"{'set':12}{'model':14}{'accuracy':>10}{'first us':>11}{'one us':>11}"
            f"{'p99 us':>11}{'batch /s':>12}{'fit s':>10}{'MB':>8}"
        )
        for name in SETS:
            speed_of(name, given.packages)
    if given.only != "speed":
        print(
            f"{'rows':>9}{'classes':>9}{'words':>9}{'seconds':>10}{'CPU seconds':>13}"
            f"{'peak MB':>10}{'trials':>8}"
        )
        context = multiprocessing.get_context("spawn")
        for growth in GROWTHS:
            process = context.Process(target=train_once, args=(growth,))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
