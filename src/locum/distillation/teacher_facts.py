"""What the examples and answers say of the teacher: accuracy, latency, cost, calibration."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import (
    FEWEST_LABELS,
    BiasKind,
    CalibrationChoice,
    LabelCalibration,
    Reliability,
    batch_bias,
    choose_calibration,
    contextual_bias,
    measure_reliability,
)
from locum.distillation.result import TeacherFacts
from locum.evaluation import share
from locum.prices import Tokens
from locum.teachers import LocalTeacher, Votes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.distillation.pool import Pool
    from locum.prices import Price
    from locum.schema import Example, Split, Task, TeacherAnswer
    from locum.teachers import Budget, Teacher

__all__ = [
    "TeacherCosts",
    "calibrate_teacher",
    "correct_pool",
    "describe_teacher",
    "measure_costs",
    "name_teacher",
]


def name_teacher(teacher: Teacher | None, recorded: str, *, is_bought: bool) -> str:
    """Return whose answers were learned from.

    Args:
        teacher: Who was there to be asked.
        recorded: How the teacher is called where nobody was.
        is_bought: Whether it was asked; else all answers are single ones that came with the inputs,
            also where it would have been asked several times.
    """
    if teacher is None:
        return recorded
    return teacher.teacher.name if isinstance(teacher, Votes) and not is_bought else teacher.name


class TeacherCosts(NamedTuple):
    """What a call to the teacher takes.

    Args:
        latency_p50_ms: Median time.
        cost_per_1000_usd: Mean cost, of 1,000 calls.
        priced_as: Model whose list price was applied, where the cost was not recorded.
    """

    latency_p50_ms: float | None
    cost_per_1000_usd: float | None
    priced_as: str | None


def measure_costs(
    examples: Sequence[Example], answers: Sequence[TeacherAnswer], name: str, budget: Budget
) -> TeacherCosts:
    """Take recorded costs and times where there are any, else the list price of the tokens.

    Answers that did not say their tokens have no cost, rather than the worst case that they count
    for against a budget.
    """
    times = [e.latency_ms for e in examples if e.latency_ms is not None]
    times = times or [a.latency_ms for a in answers if a.latency_ms is not None]
    latency = statistics.median(times) if times else None
    recorded = [e.cost_usd for e in examples if e.cost_usd is not None]
    if recorded:
        return TeacherCosts(latency, 1000 * statistics.fmean(recorded), None)
    price = budget.find_price(name)
    costs = [_cost_of_one(answer, price) for answer in answers]
    known = [cost for cost in costs if cost is not None]
    if not known:
        return TeacherCosts(latency, None, None)
    return TeacherCosts(latency, 1000 * statistics.fmean(known), price.model if price else name)


def _cost_of_one(answer: TeacherAnswer, price: Price | None) -> float | None:
    """What one call costs, also where several were made for one answer; ``None`` if unknown."""
    if answer.cost_assumed:
        return None
    calls = answer.votes or 1
    if price is None or answer.usage is None:
        return None if answer.cost_usd is None else answer.cost_usd / calls
    return price.cost_usd(Tokens(*answer.usage)) / calls


def calibrate_teacher(
    task: Task, pool: Pool, rows: Mapping[Split, NDArray[np.int64]], teacher: Teacher | None
) -> CalibrationChoice:
    """Choose how to correct the teacher's probabilities, by human labels that may be learned from.

    For a local model that scores label words, the bias of these words is a candidate; for others
    the temperature alone. Single answers have neither.

    Args:
        task: What it was asked.
        pool: All inputs, with distributions as the teacher gave them.
        rows: Row numbers by split.
        teacher: Who was asked, if anyone.
    """
    learned_from = np.concatenate([rows["train"], rows["validation"]])
    known = learned_from[pool.human[learned_from] >= 0]
    probabilities = pool.soft_labels.probabilities
    if pool.soft_labels.source == "single answers":
        nothing = LabelCalibration("none", np.zeros(len(task.labels)))
        return CalibrationChoice(nothing, "single answers have no probabilities to correct")
    candidates: dict[BiasKind, NDArray[np.float64]] = {}
    if isinstance(teacher, LocalTeacher) and known.size >= FEWEST_LABELS:
        content_free = teacher.content_free(task)
        candidates["contextual"] = contextual_bias(content_free[None, :])
        candidates["batch"] = batch_bias(probabilities[learned_from])
    return choose_calibration(probabilities[known], pool.human[known], candidates)


def correct_pool(pool: Pool, calibration: LabelCalibration) -> Pool:
    """Return the pool with corrected distributions.

    Where the bias of label words is taken out, the teacher's answer is the label that is then the
    most probable: the correction is part of the teacher.
    """
    probabilities = calibration.apply(pool.soft_labels.probabilities)
    corrected = pool._replace(soft_labels=replace(pool.soft_labels, probabilities=probabilities))
    if calibration.kind == "none":
        return corrected
    return corrected._replace(answers=probabilities.argmax(axis=1).astype(np.int64))


def describe_teacher(
    name: str,
    pool: Pool,
    corrected: Pool,
    test: NDArray[np.int64],
    choice: CalibrationChoice,
    costs: TeacherCosts,
) -> TeacherFacts:
    """Compare the teacher with people on the test split, before and after its correction.

    Args:
        name: The model.
        pool: All inputs, with distributions as the teacher gave them.
        corrected: The same after the correction.
        test: Row numbers of the test split.
        choice: How the correction was chosen.
        costs: What a call takes.
    """
    known = test[pool.human[test] >= 0]
    before: Reliability | None = None
    after: Reliability | None = None
    human = pool.human[known]
    if known.size and pool.soft_labels.source != "single answers":
        before = measure_reliability(pool.soft_labels.probabilities[known], human)
        after = measure_reliability(corrected.soft_labels.probabilities[known], human)
    return TeacherFacts(
        name=name,
        accuracy=share(corrected.answers[known] == human),
        latency_p50_ms=costs.latency_p50_ms,
        cost_per_1000_usd=costs.cost_per_1000_usd,
        priced_as=costs.priced_as,
        temperature=choice.calibration.temperature,
        correction=choice,
        before=before,
        after=after,
    )
