"""The report of an audit: one HTML file that needs no network and no script."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.probe import Probe
from locum.report import Line, line_chart, make_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from locum.audit.auditing import Audit, JudgedTask
    from locum.audit.savings import Amount
    from locum.audit.verdict import VerdictKind

__all__ = ["VERDICTS", "render_audit"]

VERDICTS: dict[VerdictKind, str] = {
    "distil": "Distil now",
    "leave_out": "Leave fields out",
    "change_prompt": "Change the calls",
    "collect_more": "Collect more",
    "cache": "Cache it",
    "batch": "Use the batch price",
    "do_not_distil": "Do not distil",
    "unknown": "Not known",
}
"""What each verdict is called."""
_SECONDS_A_DAY = 86_400
_FEWEST_DAYS = 3
_MOST_DAYS = 3_660
_LONGEST_SHOWN = 1_200
_DAY_LABELS = 5


class _Chart(NamedTuple):
    title: str
    explanation: str
    drawing: Markup


def render_audit(audit: Audit) -> str:
    """Return the report of an audit as HTML."""
    environment = make_environment("locum.audit")
    environment.filters |= {"amount": _amount, "day": _day, "pieces": _pieces}
    return environment.get_template("audit.html.jinja").render(
        a=audit,
        names=VERDICTS,
        saved=_saved(audit),
        cost=_cost(audit),
        charts=[_charts(number, judged) for number, judged in enumerate(audit.tasks)],
        version=version("locum"),
    )


def _saved(audit: Audit) -> float | None:
    """Dollars a month that distilling, caching and batches save now."""
    if not audit.priced:
        return None
    return sum(
        judged.verdict.saving.dollars.value
        for judged in audit.tasks
        if judged.verdict.saves_now
        and judged.verdict.saving is not None
        and judged.verdict.saving.dollars is not None
    )


def _cost(audit: Audit) -> float | None:
    costs = [judged.task.volume.cost_a_month_usd for judged in audit.tasks]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _charts(number: int, judged: JudgedTask) -> list[_Chart]:
    found = []
    if isinstance(judged.probed, Probe) and len(judged.probed.curve) > 1:
        found.append(_learning_chart(number, judged.probed))
    days = _days_of([call.time for call in judged.task.sample])
    if len(days) >= _FEWEST_DAYS:
        step = max(1, -(-len(days) // _DAY_LABELS))
        drawing = line_chart(
            [Line("share of calls", list(enumerate(days)))],
            "days since the first call",
            identity=f"days-{number}",
            x_labels=list(range(0, len(days), step)),
        )
        found.append(_Chart("When are its calls?", "Share of them on each day.", drawing))
    return found


def _learning_chart(number: int, probed: Probe) -> _Chart:
    measured = [(one.learned, one.agreement) for one in probed.curve if one.measured]
    ahead = [(one.learned, one.agreement) for one in probed.curve if not one.measured]
    lines = [Line("measured", measured, dots=True)]
    if ahead:
        lines.append(Line("foreseen", [measured[-1], *ahead], dashed=True, dots=True))
    labels = [measured[0][0], measured[-1][0], *(learned for learned, _ in ahead[-1:])]
    drawing = line_chart(
        lines, "inputs learned from", identity=f"learning-{number}", x_labels=labels
    )
    explanation = "Agreement of small students with the model, on inputs they did not learn from."
    return _Chart("How much do more calls help?", explanation, drawing)


def _days_of(times: Sequence[float]) -> list[float]:
    """Share of calls on each day, from the first to the last."""
    counts = Counter(int(time // _SECONDS_A_DAY) for time in times)
    first, last = min(counts), max(counts)
    if last - first >= _MOST_DAYS:
        return []
    return [counts[day] / len(times) for day in range(first, last + 1)]


def _pieces(text: str) -> list[str]:
    """A template's fixed parts, between which something varies."""
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} …"
    return shown.split("{}")


def _amount(amount: Amount, unit: str = "") -> str:
    from locum.prices import format_dollars

    def written(value: float) -> str:
        return f"{value:,.0f}{unit}" if unit else format_dollars(value)

    if amount.low == amount.high:
        return written(amount.value)
    return f"{written(amount.value)} ({written(amount.low)} to {written(amount.high)})"


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s"
