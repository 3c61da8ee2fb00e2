"""Do soft labels pay, and does calibrating the teacher? A real local LLM on two real data sets.

The teacher is Qwen2.5-Coder-1.5B-Instruct. For TREC questions (six kinds) its answers are those
that `demo/record.py` recorded with their 20 most probable tokens, replayed over HTTP; for text
messages (spam or not) it scores both labels on this machine. On inputs with a person's label, of
which 300 are seen for calibration and others judge, the first table compares its answers as they
are, and after contextual and batch calibration, with their log-loss (NLL) and calibration error
(ECE) before and after a temperature. The second trains the same student on the teacher's
distributions (soft) and on its answers alone (hard), at several numbers of inputs, each with its
settings chosen on a fifth of them, and gives the mean over seeds with a 95% interval (Student's t);
the difference is paired by seed. "Corrected" is the correction and temperature that the 300 make
most likely; agreement is then with the corrected teacher.

    python -m benchmarks.soft_labels --model FOLDER [--gguf FILE] [--store FILE]

Needs ``pip install 'locum[lm]'``. On two cores the answers to the messages take about half an hour;
they are kept in the store, and a second run asks for none.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.intervals import interval
from benchmarks.sets import MESSAGES, parse_messages
from demo.questions import load_questions, read_member
from demo.replay import Recording, replay_server
from locum.calibration import (
    BiasKind,
    LabelCalibration,
    batch_bias,
    contextual_bias,
    fit_temperature,
    measure_reliability,
)
from locum.config import load_task
from locum.schema import Task
from locum.store import LabelStore
from locum.students import find_family
from locum.teachers import ChatTeacher, LabellingProgress, LocalTeacher, Teacher, label_texts
from locum.training import Labelled, train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HERE = Path(__file__).parent
MESSAGES_TASK = Task(
    "messages",
    ("ordinary", "spam"),
    "Say whether the text message is spam: advertising or fraud sent to strangers.",
    {
        "ordinary": "a message between people who know each other",
        "spam": "advertising, a prize, a subscription, a chat line or a fraud",
    },
)
SIZES = (300, 1_000, 3_000)
HUMAN_LABELLED = 300
VALIDATION_SHARE = 0.2
KINDS: tuple[BiasKind, ...] = ("none", "contextual", "batch")


class DataSet(NamedTuple):
    """Texts with people's labels, and whether the teacher's answers are recorded."""

    task: Task
    texts: list[str]
    human: NDArray[np.int64]
    recorded: bool


class Answers(NamedTuple):
    """What the teacher says: ``[N, C]`` probabilities that sum to one, and people's labels."""

    texts: list[str]
    probabilities: NDArray[np.float64]
    human: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Answers:
        """Some of these inputs."""
        texts = [self.texts[row] for row in rows.tolist()]
        return Answers(texts, self.probabilities[rows], self.human[rows])


class Split(NamedTuple):
    """Inputs with a few human labels, inputs to be judged on, and inputs to learn from."""

    few: Answers
    test: Answers
    pool: Answers


def load_trec_questions() -> DataSet:
    """Six kinds of questions."""
    task = load_task(HERE.parent / "demo" / "locum.toml", "questions")
    questions = load_questions()
    human = [task.labels.index(question.human) for question in questions]
    return DataSet(task, [question.text for question in questions], np.array(human), recorded=True)


def load_messages() -> DataSet:
    """Short messages, spam or not."""
    kinds = parse_messages(read_member(MESSAGES.path, MESSAGES.sha256))
    human = [MESSAGES_TASK.labels.index(kind) for kind in kinds.values()]
    return DataSet(MESSAGES_TASK, list(kinds), np.array(human), recorded=False)


DATA_SETS = {"questions": load_trec_questions, "messages": load_messages}


def ask(data: DataSet, teacher: Teacher, store: Path, most: int) -> Answers:
    """The teacher's distributions; inputs to which it gives no label at all are left out."""
    rows = np.random.default_rng(0).permutation(len(data.texts))[:most]
    texts = [data.texts[row] for row in rows.tolist()]

    def tell(told: LabellingProgress) -> None:
        if told.done % 200 == 0 or told.done == told.wanted:
            sys.stderr.write(f"\r{data.task.name}: {told.done:,} of {told.wanted:,} answers ")

    with LabelStore(store) as labels:
        run = label_texts(data.task, teacher, texts, labels, tell)
    sys.stderr.write("\n")
    found = [(place, answer.distribution) for place, answer in enumerate(run.answers) if answer]
    kept = [place for place, distribution in found if distribution]
    given = np.array([distribution for _, distribution in found if distribution])
    scaled = given / given.sum(axis=1, keepdims=True)
    print(
        f"\n{data.task.name}: {teacher.name} on {len(kept):,} inputs; probability outside the label"
        f" set {1 - given.sum(axis=1).mean():.1%} on average"
    )
    return Answers([texts[place] for place in kept], scaled, data.human[rows[kept]])


@contextmanager
def recorded_teacher() -> Iterator[Teacher]:
    """The recorded answers, over HTTP."""
    recording = Recording()
    with replay_server(recording) as url:
        yield ChatTeacher(url, recording.model)


def divide(answers: Answers, seed: int) -> Split:
    """A few inputs with human labels, a quarter to be judged on, and the rest."""
    order = np.random.default_rng(seed).permutation(len(answers.texts))
    test = len(order) // 4
    few, judged, rest = np.split(order, [HUMAN_LABELLED, HUMAN_LABELLED + test])
    return Split(answers.take(few), answers.take(judged), answers.take(rest))


def corrections(
    split: Split, content_free: NDArray[np.float64]
) -> dict[BiasKind, LabelCalibration]:
    """Each way to correct the bias, without a temperature."""
    nothing = np.zeros(split.pool.probabilities.shape[1])
    return {
        "none": LabelCalibration("none", nothing),
        "contextual": LabelCalibration("contextual", contextual_bias(content_free[None, :])),
        "batch": LabelCalibration("batch", batch_bias(split.pool.probabilities)),
    }


def show_teacher(split: Split, ways: dict[BiasKind, LabelCalibration]) -> None:
    """Print accuracy, and log-loss and calibration error before and after a temperature."""
    print("teacher     accuracy    T     NLL before after     ECE before after")
    for kind, way in ways.items():
        few, test = way.apply(split.few.probabilities), way.apply(split.test.probabilities)
        tempered = way._replace(temperature=fit_temperature(few, split.few.human))
        before = measure_reliability(test, split.test.human)
        after = measure_reliability(tempered.apply(split.test.probabilities), split.test.human)
        accuracy = (test.argmax(axis=1) == split.test.human).mean()
        print(
            f"{kind:<12}{accuracy:8.3f}{tempered.temperature:7.2f}{before.nll:11.3f}{after.nll:8.3f}"
            f"{before.ece:11.3f}{after.ece:8.3f}"
        )


def best_way(split: Split, ways: dict[BiasKind, LabelCalibration]) -> LabelCalibration:
    """The correction, with its temperature, that the few human labels make most likely."""
    few = split.few

    def loss(way: LabelCalibration) -> float:
        return measure_reliability(way.apply(few.probabilities), few.human).nll

    tempered = [
        way._replace(temperature=fit_temperature(way.apply(few.probabilities), few.human))
        for way in ways.values()
    ]
    return min(tempered, key=loss)


def measure(
    task: Task, answers: Answers, test: Answers, *, soft: bool
) -> tuple[float, float, float]:
    """Agreement with the teacher, accuracy and NLL of the teacher's answer, of a student."""
    unknown = np.full(len(answers.texts), -1)
    labelled = Labelled(
        answers.texts, answers.probabilities, answers.probabilities.argmax(axis=1), unknown
    )
    used = labelled if soft else labelled.hardened()
    held = round(VALIDATION_SHARE * len(answers.texts))
    rows = np.arange(len(answers.texts))

    def part(which: NDArray[np.int64]) -> Labelled:
        texts = [used.texts[row] for row in which.tolist()]
        return Labelled(texts, used.soft_labels[which], used.answers[which], used.human[which])

    family = find_family("linear")
    trained = train(
        lambda **settings: family(task.labels, **settings),
        part(rows[held:]),
        part(rows[:held]),
        lambda _: None,
    )
    predicted = trained.student.predict_proba(test.texts)
    given = test.probabilities.argmax(axis=1)
    return (
        float((predicted.argmax(axis=1) == given).mean()),
        float((predicted.argmax(axis=1) == test.human).mean()),
        measure_reliability(predicted, given).nll,
    )


def show_students(
    data: DataSet, answers: Answers, content_free: NDArray[np.float64], seeds: int
) -> None:
    """Print agreement, accuracy and NLL of students from soft and hard labels."""
    print("student                   inputs  agreement       accuracy        NLL of the answer")
    for size in SIZES:
        for name, corrected in (("as they are", False), ("corrected", True)):
            found: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
            for seed in range(seeds):
                split = divide(answers, seed)
                way = best_way(split, corrections(split, content_free)) if corrected else None
                learned, test = sample(split, size, seed), split.test
                if way is not None:
                    learned = learned._replace(probabilities=way.apply(learned.probabilities))
                    test = test._replace(probabilities=way.apply(test.probabilities))
                for soft in (True, False):
                    found[soft].append(measure(data.task, learned, test, soft=soft))
            for label, rows in compared(found):
                columns = "   ".join(interval(column) for column in zip(*rows, strict=True))
                print(f"{label + ', ' + name:<25}{size:7,}  {columns}", flush=True)


def compared(
    found: dict[bool, list[tuple[float, float, float]]],
) -> Iterator[tuple[str, list[tuple[float, ...]]]]:
    """Soft, hard, and their difference by seed."""
    yield "soft", list(found[True])
    yield "hard", list(found[False])
    pairs = zip(found[True], found[False], strict=True)
    yield (
        "soft - hard",
        [tuple(s - h for s, h in zip(soft, hard, strict=True)) for soft, hard in pairs],
    )


def sample(split: Split, size: int, seed: int) -> Answers:
    """Inputs to learn from, at random."""
    rows = np.random.default_rng(1_000 + seed).permutation(len(split.pool.texts))
    return split.pool.take(rows[:size])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="folder or name of a causal language model")
    parser.add_argument("--gguf", help="file of the folder, where it is a GGUF")
    parser.add_argument("--store", type=Path, default=Path("soft_labels.sqlite"))
    parser.add_argument("--data", choices=[*DATA_SETS], action="append", help="both by default")
    parser.add_argument("--most", type=int, default=4_600, help="inputs of a data set at most")
    parser.add_argument("--seeds", type=int, choices=range(3, 11), default=5)
    arguments = parser.parse_args()
    local = LocalTeacher(arguments.model, gguf_file=arguments.gguf)
    for name in arguments.data or DATA_SETS:
        data = DATA_SETS[name]()
        with recorded_teacher() if data.recorded else nullcontext(local) as teacher:
            answers = ask(data, teacher, arguments.store, arguments.most)
        content_free = local.content_free(data.task)
        split = divide(answers, 0)
        show_teacher(split, corrections(split, content_free))
        show_students(data, answers, content_free, arguments.seeds)


if __name__ == "__main__":
    main()
