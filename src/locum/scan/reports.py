"""What a scan of whole folders gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from locum.scan.findings import CallSite, Finding

__all__ = ["LocatedSite", "ScanReport"]


class LocatedSite(NamedTuple):
    """A call site and where it is.

    Args:
        path: Of the file, from the folder of the project on or absolute, with ``/``.
        line: Where the call begins, from 1.
        column: Likewise, from 1, in characters.
        site: The call.
    """

    path: str
    line: int
    column: int
    site: CallSite


class ScanReport(NamedTuple):
    """What a scan found.

    Args:
        findings: Call sites that break a rule, by path and line, but those in ``suppressed``.
        sites: All call sites, found guilty or not, by path and line.
        files: How many files were read.
        lines: How many lines they have.
        skipped: Paths of files that were not read, by the reason.
        suppressed: Findings that a comment in the code says to ignore.
    """

    findings: list[Finding]
    sites: list[LocatedSite]
    files: int
    lines: int
    skipped: dict[str, list[str]]
    suppressed: list[Finding]
