"""Teacher, student and both together: the table that report and terminal share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from locum.distillation import Distillation
    from locum.distillation.result import Evaluation
    from locum.evaluation import Share

__all__ = [
    "Comparison",
    "ComparisonRow",
    "compare",
    "format_dollars",
    "format_duration",
    "format_share",
    "format_size",
]

_NONE = "-"


class ComparisonRow(NamedTuple):
    """One figure for each of the three."""

    name: str
    teacher: str
    student: str
    together: str


class Comparison(NamedTuple):
    """A table of figures.

    Args:
        columns: Its four headings.
        rows: Its rows.
        note: What the reader must know about it, in a sentence.
    """

    columns: tuple[str, str, str, str]
    rows: list[ComparisonRow]
    note: str


def compare(distillation: Distillation) -> Comparison | None:
    """Return the table; ``None`` where no student was trained.

    "Together" is the student where the certificate lets it answer and the teacher elsewhere.
    """
    evaluation, facts = distillation.evaluation, distillation.facts
    if evaluation is None or facts is None:
        return None
    teacher = distillation.teacher
    answered = evaluation.answered.value if evaluation.answered else 0.0
    rows = [
        ComparisonRow(
            "agrees with the teacher",
            "100%",
            format_share(evaluation.agreement),
            _percent(_together_agreement(evaluation)),
        ),
        ComparisonRow("answers", _NONE, format_share(evaluation.answered), "100%"),
        ComparisonRow(
            "agrees where it answers", _NONE, format_share(evaluation.answered_agreement), _NONE
        ),
        ComparisonRow(
            "right by human labels",
            format_share(teacher.accuracy),
            format_share(evaluation.accuracy),
            format_share(evaluation.cascade_accuracy),
        ),
        ComparisonRow(
            "time of a call",
            _milliseconds(teacher.latency_p50_ms),
            format_duration(facts.p50_us),
            _mean_latency(teacher.latency_p50_ms, facts.p50_us, answered),
        ),
        ComparisonRow(
            "cost of 1,000 calls",
            format_dollars(teacher.cost_per_1000_usd),
            "$0 (a CPU)",
            format_dollars(_times(teacher.cost_per_1000_usd, 1 - answered)),
        ),
    ]
    if evaluation.answered is None:
        rows = [row._replace(together=_NONE) for row in rows]
    return Comparison(
        ("", "teacher", "student", "together"),
        rows,
        _note(distillation),
    )


def format_duration(microseconds: float) -> str:
    """Return a duration in the unit that suits it."""
    for limit, divisor, unit in ((1e3, 1, "µs"), (1e6, 1e3, "ms")):
        if microseconds < limit:
            return f"{microseconds / divisor:.3g} {unit}"
    return f"{microseconds / 1e6:.3g} s"


def format_dollars(dollars: float | None) -> str:
    """Return an amount to three digits."""
    if dollars is None:
        return _NONE
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.3g}"


def format_size(size_bytes: int) -> str:
    """Return a size in the unit that suits it."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def format_share(found: Share | None, *, interval: bool = True) -> str:
    """Return a share in percent, with its 95% interval in brackets where that is wanted."""
    if found is None:
        return _NONE
    if not interval:
        return _percent(found.value)
    low, high = found.interval
    return f"{_percent(found.value)} ({100 * low:.0f}-{100 * high:.0f})"


def _note(distillation: Distillation) -> str:
    inputs = distillation.data.splits["test"]
    priced = distillation.teacher.priced_as
    cost = f" Cost: the tokens at the price of {priced}." if priced else ""
    return (
        f"On {inputs:,} inputs that took no part in training, calibration or certification; in "
        f"brackets the 95% interval. Times are medians, and their mean by share together.{cost}"
    )


def _together_agreement(evaluation: Evaluation) -> float:
    if evaluation.answered is None or evaluation.answered_agreement is None:
        return 1.0
    return 1 - evaluation.answered.value * (1 - evaluation.answered_agreement.value)


def _mean_latency(teacher_ms: float | None, student_us: float, answered: float) -> str:
    if teacher_ms is None:
        return _NONE
    return format_duration(answered * student_us + (1 - answered) * 1000 * teacher_ms)


def _milliseconds(value: float | None) -> str:
    return format_duration(1000 * value) if value is not None else _NONE


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
