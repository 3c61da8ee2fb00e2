"""The ladder as a table and a chart: what each student covers, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.report.charts import Dot, scatter_chart
from locum.report.comparison import format_duration, format_share, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from locum.distillation import Distillation
    from locum.distillation.result import RungFigures, RungResult

__all__ = ["Frontier", "FrontierRow", "frontier_chart", "frontier_table"]

_COLUMNS = (
    "student",
    "foreseen to answer",
    "agrees",
    "human labels",
    "size",
    "mean time",
    "trained in",
)


class FrontierRow(NamedTuple):
    """One student that was tried: whether it was chosen, its name, and its figures."""

    chosen: bool
    name: str
    cells: tuple[str, str, str, str, str, str]


class Frontier(NamedTuple):
    """The students of the ladder.

    Args:
        columns: Headings of the name and the figures.
        rows: Those that were tried, the cheapest to ask first.
        omitted: Others, with why they were not tried; those of the same reason together.
        note: What the reader must know about the figures, in a sentence or two.
    """

    columns: Sequence[str]
    rows: list[FrontierRow]
    omitted: list[str]
    note: str


def frontier_table(distillation: Distillation, *, intervals: bool = True) -> Frontier | None:
    """Return the table; ``None`` where one student alone was asked for, or none was trained.

    Args:
        distillation: What was found out.
        intervals: Whether shares of test inputs stand with their intervals.
    """
    frontier = distillation.frontier
    if len(frontier) < 2:
        return None
    rows = [
        FrontierRow(rung.chosen, rung.name, _cells(rung.figures, intervals=intervals))
        for rung in frontier
        if rung.figures is not None
    ]
    return Frontier(_COLUMNS, rows, _omitted(frontier), _note(distillation, intervals=intervals))


def frontier_chart(distillation: Distillation) -> Markup | None:
    """Return foreseen coverage against mean latency; ``None`` where fewer than two were tried."""
    dots = [
        Dot(rung.name, rung.figures.mean_us, rung.figures.foreseen_coverage, rung.chosen)
        for rung in distillation.frontier
        if rung.figures is not None
    ]
    if len(dots) < 2:
        return None
    return scatter_chart(dots, "mean time of a text", format_duration, identity="frontier")


def _cells(figures: RungFigures, *, intervals: bool) -> tuple[str, str, str, str, str, str]:
    coverage, error = 100 * figures.foreseen_coverage, 100 * figures.standard_error
    return (
        f"{coverage:.1f}% ±{error:.2g}",
        format_share(figures.agreement, interval=intervals),
        format_share(figures.accuracy, interval=intervals),
        format_size(figures.size_bytes),
        format_duration(figures.mean_us),
        format_duration(1e6 * figures.train_seconds),
    )


def _omitted(frontier: Sequence[RungResult]) -> list[str]:
    names: dict[str, list[str]] = {}
    for rung in frontier:
        if rung.figures is None:
            names.setdefault(rung.reason, []).append(rung.name)
    return [f"{', '.join(those)}: {reason}" for reason, those in names.items()]


def _note(distillation: Distillation, *, intervals: bool) -> str:
    splits, target = distillation.data.splits, distillation.promise.target
    return (
        f"Foreseen to answer: the coverage that a certificate of at least {target:.1%} agreement "
        f"would reach, by {splits['validation']:,} validation inputs, with its standard error. "
        "Agreement with the teacher and with human labels on "
        f"{splits['test']:,} test inputs{', with 95% intervals' * intervals}."
    )
