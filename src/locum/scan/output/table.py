"""A scan for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.printing import printable
from locum.scan.findings import SEVERITIES
from locum.scan.fingerprints import in_order
from locum.scan.output.summary import count, describe_totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from locum.scan.findings import Finding, Severity
    from locum.scan.reports import ScanReport

__all__ = ["to_table"]

_STYLES: Mapping[Severity, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def to_table(report: ScanReport, in_baseline: Sequence[Finding]) -> RenderableType:
    """Return findings by severity, the gravest first, and the totals.

    Args:
        report: The scan, without the findings that the baseline holds.
        in_baseline: Those; they are counted, and not told.
    """
    from rich.console import Group
    from rich.text import Text

    shown: list[RenderableType] = []
    for severity in reversed(SEVERITIES):
        found = [one for one in report.findings if one.severity == severity]
        if found:
            shown += [Text(count(len(found), severity), _STYLES[severity]), Text()]
        for one in in_order(found):
            shown += [_show(one), Text()]
    return Group(*shown, _grid(describe_totals(report, in_baseline), space=2))


def _show(found: Finding) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    place = Text(printable(f"{found.path}:{found.line}:{found.column}"), "bold", overflow="fold")
    place.append(f"  {found.rule}", "not bold")
    facts = [["-", fact] for fact in found.evidence]
    told = Group(
        Text(printable(found.reason), overflow="fold"),
        _grid([*facts, [">", found.cure]], space=1),
    )
    return Group(place, Padding(told, (0, 0, 0, 2)))


def _grid(rows: Sequence[Sequence[str]], space: int) -> RenderableType:
    """Columns without lines; what is long is wrapped inside its own."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, space))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    return grid
