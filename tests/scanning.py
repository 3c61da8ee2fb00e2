"""Scanning code that stands in a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan import scan_paths

if TYPE_CHECKING:
    from pathlib import Path

    from locum.scan import CallSite, ScanReport

__all__ = ["expectations", "found", "only_site", "scan"]

_EXPECTED = re.compile(r"(?:#|//) expect: ([\w, -]+)")


def scan(folder: Path, code: str, name: str = "code.py") -> ScanReport:
    """Write a file and scan the folder that it is in."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, "utf-8")
    return scan_paths([folder], processes=1)


def only_site(folder: Path, code: str, name: str = "code.py") -> CallSite:
    """Return the one call site of a file."""
    (located,) = scan(folder, code, name).sites
    return located.site


def found(report: ScanReport) -> set[tuple[str, int, str]]:
    """Path, line and rule of each finding."""
    return {(finding.path, finding.line, finding.rule) for finding in report.findings}


def expectations(path: str, code: str) -> set[tuple[str, int, str]]:
    """The same, of what the comments of a file expect."""
    return {
        (path, number, rule.strip())
        for number, line in enumerate(code.splitlines(), 1)
        for match in _EXPECTED.finditer(line)
        for rule in match[1].split(",")
    }
