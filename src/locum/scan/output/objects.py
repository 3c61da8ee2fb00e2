"""A scan as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.fingerprints import fingerprint_all, place
from locum.scan.output.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.scan.findings import Finding
    from locum.scan.reports import LocatedSite, ScanReport
    from locum.schema import JsonObject

__all__ = ["to_object"]


def to_object(report: ScanReport, in_baseline: Sequence[Finding]) -> JsonObject:
    """Return a scan as JSON: findings, all call sites, and a summary.

    Args:
        report: The scan, without the findings that the baseline holds.
        in_baseline: Those; they are counted, and not told.
    """
    is_new = [(found, True) for found in report.findings]
    is_new += [(found, False) for found in in_baseline]
    is_new.sort(key=lambda pair: place(pair[0]))
    prints = fingerprint_all([found for found, _ in is_new])
    return {
        "findings": [
            found.to_object() | {"fingerprint": fingerprint}
            for (found, new), fingerprint in zip(is_new, prints, strict=True)
            if new
        ],
        "sites": [_located(site) for site in report.sites],
        "summary": summarise(report, in_baseline),
    }


def _located(site: LocatedSite) -> JsonObject:
    return {**site._asdict(), "site": site.site._asdict()}
