"""What the examples and answers say of the teacher: accuracy, latency, cost, calibration."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import Reliability, fit_temperature, measure_reliability
from locum.distillation.result import TeacherFacts
from locum.evaluation import share
from locum.losses import soften
from locum.prices import price_usd
from locum.schema import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.distillation.pool import Pool
    from locum.schema import Split, TeacherAnswer

__all__ = ["TeacherCosts", "describe_teacher", "measure_costs"]

_LEAST_HUMAN_LABELS = 50


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


def measure_costs(pool: Pool, answers: Sequence[TeacherAnswer], model: str) -> TeacherCosts:
    """Take recorded costs and times where there are any, else the list price of the tokens."""
    times = [e.latency_ms for e in pool.examples if e.latency_ms is not None]
    times = times or [a.latency_ms for a in answers if a.latency_ms is not None]
    latency = statistics.median(times) if times else None
    recorded = [e.cost_usd for e in pool.examples if e.cost_usd is not None]
    if recorded:
        return TeacherCosts(latency, 1000 * statistics.fmean(recorded), None)
    usages = [answer.usage for answer in answers if answer.usage is not None]
    if not usages:
        return TeacherCosts(latency, None, None)
    total = Usage(sum(u.input_tokens for u in usages), sum(u.output_tokens for u in usages))
    price = price_usd(model, total)
    if price is None:
        return TeacherCosts(latency, None, None)
    return TeacherCosts(latency, 1000 * price / len(usages), model)


def _fit_teacher_temperature(pool: Pool, rows: NDArray[np.int64]) -> float:
    """Fit the teacher's temperature on human labels; 1 where there are under 50 of them.

    Single answers have no temperature.

    Args:
        pool: All inputs.
        rows: Those that may be learned from.
    """
    known = rows[pool.human[rows] >= 0]
    if known.size < _LEAST_HUMAN_LABELS or pool.soft_labels.source == "single answers":
        return 1.0
    return fit_temperature(pool.soft_labels.probabilities[known], pool.human[known])


def describe_teacher(
    name: str, pool: Pool, rows: Mapping[Split, NDArray[np.int64]], costs: TeacherCosts
) -> TeacherFacts:
    """Fit the teacher's temperature on what may be learned from; compare it with people on test.

    Args:
        name: The model.
        pool: All inputs, with distributions as the teacher gave them.
        rows: Row numbers by split.
        costs: What a call takes.
    """
    learned_from = np.concatenate([rows["train"], rows["validation"]])
    temperature = _fit_teacher_temperature(pool, learned_from)
    known = rows["test"][pool.human[rows["test"]] >= 0]
    before: Reliability | None = None
    after: Reliability | None = None
    if known.size and pool.soft_labels.source != "single answers":
        probabilities, human = pool.soft_labels.probabilities[known], pool.human[known]
        before = measure_reliability(probabilities, human)
        after = measure_reliability(soften(probabilities, temperature), human)
    return TeacherFacts(
        name=name,
        accuracy=share(pool.answers[known] == pool.human[known]),
        latency_p50_ms=costs.latency_p50_ms,
        cost_per_1000_usd=costs.cost_per_1000_usd,
        priced_as=costs.priced_as,
        temperature=temperature,
        before=before,
        after=after,
    )
