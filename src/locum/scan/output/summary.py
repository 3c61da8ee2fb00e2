"""The totals of a scan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locum.scan.findings import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.scan.findings import Finding
    from locum.scan.reports import ScanReport
    from locum.schema import JsonObject

__all__ = ["count", "describe_totals", "summarise"]


def summarise(report: ScanReport, in_baseline: Sequence[Finding]) -> JsonObject:
    """Return how much a scan read and found.

    Args:
        report: The scan, without the findings that the baseline holds.
        in_baseline: Those.
    """
    by_severity = Counter(found.severity for found in report.findings)
    return {
        "files": report.files,
        "lines": report.lines,
        "sites": len(report.sites),
        "findings": len(report.findings),
        "by_severity": {severity: by_severity[severity] for severity in reversed(SEVERITIES)},
        "suppressed": len(report.suppressed),
        "in_baseline": len(in_baseline),
        "skipped": {reason: len(paths) for reason, paths in sorted(report.skipped.items())},
    }


def describe_totals(report: ScanReport, in_baseline: Sequence[Finding]) -> list[list[str]]:
    """Return the same in words: names with their values."""
    totals = summarise(report, in_baseline)
    severities = [count(number, name) for name, number in totals["by_severity"].items() if number]
    skipped = [f"{number:,} {reason}" for reason, number in totals["skipped"].items()]
    return [
        ["files", f"{report.files:,}"],
        ["lines", f"{report.lines:,}"],
        ["call sites", f"{totals['sites']:,}"],
        ["findings", _with_parts(totals["findings"], severities)],
        ["suppressed", f"{totals['suppressed']:,}"],
        ["in baseline", f"{totals['in_baseline']:,}"],
        ["skipped", _with_parts(sum(totals["skipped"].values()), skipped)],
    ]


def count(number: int, name: str) -> str:
    """Return a number of things, such as ``2 errors``."""
    return f"{number:,} {name}{'s' * (number != 1)}"


def _with_parts(total: int, parts: Sequence[str]) -> str:
    return f"{total:,}: {', '.join(parts)}" if parts else f"{total:,}"
