"""Teacher, student and both together: the table that report and terminal share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.prices import format_dollars

if TYPE_CHECKING:
    from locum.distillation import Distillation
    from locum.evaluation import Share
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation

__all__ = [
    "Comparison",
    "ComparisonRow",
    "compare",
    "compare_extraction",
    "compare_generation",
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


class _Compared(NamedTuple):
    """What the table is made of.

    Args:
        agreement: Of the student with the teacher, on all inputs.
        answered: Share of inputs that the student may answer; ``None`` without a certificate.
        answered_agreement: Agreement on those.
        accuracies: Of teacher, student and both on human labels; ``None`` where none are known.
        latency_p50_ms: Median time of a call to the teacher.
        cost_per_1000_usd: Of calls to the teacher.
        p50_us: Median time of the student.
    """

    agreement: Share
    answered: Share | None
    answered_agreement: Share | None
    accuracies: tuple[Share | None, Share | None, Share | None] | None
    latency_p50_ms: float | None
    cost_per_1000_usd: float | None
    p50_us: float

    @property
    def covered(self) -> float:
        """Share of inputs that the student answers."""
        return self.answered.value if self.answered else 0.0

    @property
    def together(self) -> float:
        """Agreement of both together, the teacher answering the rest."""
        if self.answered is None or self.answered_agreement is None:
            return 1.0
        return 1 - self.answered.value * (1 - self.answered_agreement.value)


def compare(distillation: Distillation) -> Comparison | None:
    """Return the table; ``None`` where no student was trained.

    "Together" is the student where the certificate lets it answer and the teacher elsewhere.
    """
    evaluation, facts, teacher = (
        distillation.evaluation,
        distillation.facts,
        distillation.teacher,
    )
    if evaluation is None or facts is None:
        return None
    compared = _Compared(
        evaluation.agreement,
        evaluation.answered,
        evaluation.answered_agreement,
        (teacher.accuracy, evaluation.accuracy, evaluation.cascade_accuracy),
        teacher.latency_p50_ms,
        teacher.cost_per_1000_usd,
        facts.p50_us,
    )
    return _tabulate(compared, distillation.data.splits["test"], teacher.priced_as)


def compare_extraction(distillation: ExtractionDistillation) -> Comparison | None:
    """Return the same table for an extraction task, of whole objects."""
    return _compare_written(distillation)


def compare_generation(distillation: GenerationDistillation) -> Comparison | None:
    """Return the same table for a generation task; agreement is what its rule accepts."""
    return _compare_written(distillation)


def _compare_written(
    distillation: ExtractionDistillation | GenerationDistillation,
) -> Comparison | None:
    evaluation, facts, costs = distillation.evaluation, distillation.facts, distillation.costs
    if evaluation is None or facts is None:
        return None
    compared = _Compared(
        evaluation.agreement,
        evaluation.answered,
        evaluation.answered_agreement,
        None,
        costs.latency_p50_ms,
        costs.cost_per_1000_usd,
        facts.p50_us,
    )
    return _tabulate(compared, distillation.data.splits["test"], costs.priced_as)


def _tabulate(compared: _Compared, inputs: int, priced_as: str | None) -> Comparison:
    """Return the table of what was compared on so many test inputs."""
    rows = [
        ComparisonRow(
            "agrees with the teacher",
            "100%",
            format_share(compared.agreement),
            _percent(compared.together),
        ),
        ComparisonRow("answers", _NONE, format_share(compared.answered), "100%"),
        ComparisonRow(
            "agrees where it answers", _NONE, format_share(compared.answered_agreement), _NONE
        ),
        *_accuracy_row(compared),
        ComparisonRow(
            "time of a call",
            _milliseconds(compared.latency_p50_ms),
            format_duration(compared.p50_us),
            _mean_latency(compared.latency_p50_ms, compared.p50_us, compared.covered),
        ),
        ComparisonRow(
            "cost of 1,000 calls",
            format_dollars(compared.cost_per_1000_usd),
            "$0 (a CPU)",
            format_dollars(_times(compared.cost_per_1000_usd, 1 - compared.covered)),
        ),
    ]
    if compared.answered is None:
        rows = [row._replace(together=_NONE) for row in rows]
    return Comparison(("", "teacher", "student", "together"), rows, _note(inputs, priced_as))


def _accuracy_row(compared: _Compared) -> list[ComparisonRow]:
    if compared.accuracies is None:
        return []
    return [ComparisonRow("right by human labels", *map(format_share, compared.accuracies))]


def format_duration(microseconds: float) -> str:
    """Return a duration in the unit that suits it."""
    for limit, divisor, unit in ((1e3, 1, "µs"), (1e6, 1e3, "ms")):
        if microseconds < limit:
            return f"{microseconds / divisor:.3g} {unit}"
    return f"{microseconds / 1e6:.3g} s"


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


def _note(inputs: int, priced_as: str | None) -> str:
    cost = f" Cost: the tokens at the price of {priced_as}." if priced_as else ""
    return (
        f"On {inputs:,} inputs that took no part in training, calibration or certification; in "
        f"brackets the 95% interval. Times are medians, and their mean by share together.{cost}"
    )


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
