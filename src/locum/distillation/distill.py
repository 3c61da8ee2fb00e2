"""The loop: from inputs and a teacher to a certified student."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation.answers import collect_answers
from locum.distillation.assess import evaluate, measure_latency_us
from locum.distillation.decide import decide, least_certify_inputs, too_few
from locum.distillation.pool import build_pool
from locum.distillation.progress import Progress, Silent
from locum.distillation.result import Distillation, StudentFacts
from locum.distillation.splitting import split_pool
from locum.distillation.summary import summarise
from locum.distillation.synthetic import Synthetic, conclude_synthetic, divide_answers
from locum.distillation.teacher_facts import (
    calibrate_teacher,
    correct_pool,
    describe_teacher,
    measure_costs,
)
from locum.errors import InputError, UsageError
from locum.evaluation import Promise, certify, plan_thresholds
from locum.export import CertifiedStudent, artefact_size
from locum.losses import soften
from locum.schema import Example, Split, Task
from locum.students import find_family
from locum.teachers import Budget, Teacher
from locum.training import Labelled, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.dataset import SplitRows
    from locum.distillation.pool import Pool
    from locum.distillation.result import DataSummary, Decision, TeacherFacts
    from locum.evaluation import Certificate
    from locum.store import Database
    from locum.training import TrainedStudent

__all__ = ["Progress", "distill"]


class _Outcome(NamedTuple):
    decision: Decision
    certificate: Certificate | None
    trained: TrainedStudent


def distill(
    task: Task,
    inputs: Sequence[str | Example],
    teacher: Teacher | None = None,
    *,
    target: float = 0.95,
    confidence: float = 0.95,
    family: str = "linear",
    minimum_coverage: float = 0.05,
    seed: int = 0,
    store: str | Path | Database | None = None,
    teacher_name: str = "recorded answers",
    budget: Budget | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Distillation:
    """Train a student, calibrate it, and certify where it may stand in for its teacher.

    Args:
        task: What is distilled.
        inputs: Texts as production sends them, or `Example` objects with what is known of them.
            Synthetic ones are learned from where that helps; all other figures leave them aside.
        teacher: Asked for every input that has no answer yet; not needed where all have one.
        target: Promised agreement with the teacher on what the student answers.
        confidence: Confidence of the promise.
        family: Student family.
        minimum_coverage: Coverage under which a student is not worth having.
        seed: Seed of the splits.
        store: SQLite file, ``postgresql://`` URL or open store that keeps the teacher's answers, so
            that a run that is stopped goes on where it was; by default they are kept for this run
            alone.
        teacher_name: How the report calls the teacher where none is asked.
        budget: What the teacher's answers may cost, and what its tokens do; by default there is no
            cap, and the public list's price of the model.
        notes: What else the reader of the report should know of the inputs, a sentence each.
        progress: Is told how the run goes on.

    Returns:
        What was found out; its ``student`` is ``None`` unless the decision is ``distil``.

    Raises:
        InputError: No input has an answer that is a label, or there is one class alone.
        TeacherError: The teacher fails.
        UsageError: A value cannot be used.
    """
    promise = Promise(target, confidence)
    _check_settings(promise, seed, minimum_coverage)
    student_class = find_family(family)
    told = progress or Silent()
    examples = [Example(given) if isinstance(given, str) else given for given in inputs]
    _check_texts(examples)
    money = budget or Budget(ledger=task.name)
    answers, bought = collect_answers(task, examples, teacher, store, money, told)
    real, written = divide_answers(examples, answers)
    pool = build_pool(task, *real)

    told.stage("grouping near-copies and splitting")
    divided = split_pool(pool, seed, seeded=bool(written.examples))
    splits = divided.splits
    data = summarise(task, pool, divided.groups, splits, [*notes, *bought])
    synthetic = Synthetic.among(task, written, pool, divided)
    name = teacher.name if teacher else teacher_name
    costs = measure_costs(pool, [a for a in real.answers if a is not None], name, money)
    choice = calibrate_teacher(task, pool, splits.rows, teacher)
    corrected = correct_pool(pool, choice.calibration)
    facts = describe_teacher(name, pool, corrected, splits.rows["test"], choice, costs)

    certify_inputs = len(splits.rows["certify"])
    if certify_inputs < least_certify_inputs(promise) or not splits.rows["test"].size:
        share = max(certify_inputs, 1) / len(pool.examples)
        decision = too_few(len(pool.examples), certify_inputs, share, promise)
        data = conclude_synthetic(data, synthetic, None)
        return Distillation(task, promise, decision, data, facts, None, None, None, None)

    labelled = _labelled(corrected, splits)
    started = time.perf_counter()
    trained = train(
        lambda **settings: student_class(task.labels, **settings),
        labelled["train"],
        labelled["validation"],
        told.stage,
        synthetic=synthetic.labelled(choice.calibration),
    )
    data = conclude_synthetic(data, synthetic, trained.synthetic)
    seconds = time.perf_counter() - started
    told.stage(f"certifying on {certify_inputs:,} untouched inputs")
    outcome = _certify(trained, labelled, promise, minimum_coverage, len(pool.examples))
    return _conclude(task, promise, outcome, data, facts, labelled, seconds)


def _check_settings(promise: Promise, seed: int, minimum_coverage: float) -> None:
    promise.check()
    if seed < 0 or not 0 <= minimum_coverage <= 1:
        raise UsageError(
            f"seed {seed}, minimum coverage {minimum_coverage}: expected a seed of zero or more, "
            "and a coverage between 0 and 1"
        )


def _check_texts(examples: Sequence[Example]) -> None:
    if not examples:
        raise InputError("there are no inputs: give at least one text")
    for number, example in enumerate(examples, start=1):
        if any("\ud800" <= character <= "\udfff" for character in example.text):
            raise InputError(f"input {number} holds half a surrogate pair: it is no valid text")


def _labelled(pool: Pool, splits: SplitRows) -> dict[Split, Labelled]:
    """Each split's inputs, with the teacher's corrected distributions."""
    soft_labels = pool.soft_labels.probabilities
    texts = [example.text for example in pool.examples]

    def take(rows: NDArray[np.int64]) -> Labelled:
        chosen = [texts[row] for row in rows.tolist()]
        return Labelled(chosen, soft_labels[rows], pool.answers[rows], pool.human[rows])

    return {split: take(rows) for split, rows in splits.rows.items()}


def _certify(
    trained: TrainedStudent,
    labelled: dict[Split, Labelled],
    promise: Promise,
    minimum_coverage: float,
    usable: int,
) -> _Outcome:
    tested = trained.student.predict_proba(labelled["certify"].texts)
    sure, agrees = _selective(trained, trained.raw_validation_proba, labelled["validation"])
    sure_tested, agrees_tested = _selective(trained, tested, labelled["certify"])
    thresholds = plan_thresholds(sure, agrees, len(sure_tested), promise)
    certificate = certify(sure_tested, agrees_tested, thresholds, promise)
    decision = decide(
        certificate,
        np.concatenate([sure, sure_tested]),
        np.concatenate([agrees, agrees_tested]),
        (usable, len(sure_tested)),
        promise,
        minimum_coverage,
    )
    return _Outcome(decision, certificate, trained)


def _selective(
    trained: TrainedStudent, raw: NDArray[np.floating], labelled: Labelled
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The student's confidence in each input, and whether it agrees with the teacher."""
    proba = soften(raw, trained.temperature)
    return proba.max(axis=1), proba.argmax(axis=1) == labelled.answers


def _conclude(
    task: Task,
    promise: Promise,
    outcome: _Outcome,
    data: DataSummary,
    teacher: TeacherFacts,
    labelled: dict[Split, Labelled],
    seconds: float,
) -> Distillation:
    decision, certificate, trained = outcome
    outside = data.outside.answers / (data.inputs + data.outside.answers)
    if outside and decision.verdict == "distil":
        counted = f"; not counted are {outside:.1%} of inputs, to which the teacher gave no label"
        decision = decision._replace(reason=decision.reason + counted)
    test = labelled["test"]
    raw = trained.student.predict_proba(test.texts)
    usable = certificate if decision.verdict == "distil" else None
    evaluation = evaluate(raw, trained.temperature, test, task.labels, usable)
    certified = None
    if usable is not None:
        certified = CertifiedStudent(
            task,
            trained.student,
            trained.temperature,
            usable,
            teacher.name,
            data.training_sha256,
        )
    facts = StudentFacts(
        family=trained.student.family,
        size_bytes=_saved_size(trained),
        p50_us=measure_latency_us(trained.student, test.texts),
        train_seconds=seconds,
        trials=trained.trials,
        curve=trained.curve,
        temperature=trained.temperature,
    )
    return Distillation(
        task, promise, decision, data, teacher, certified, facts, usable, evaluation
    )


def _saved_size(trained: TrainedStudent) -> int:
    with TemporaryDirectory() as scratch:
        trained.student.save(Path(scratch))
        return artefact_size(Path(scratch))
