"""Scans whose paths all begin at one folder, whichever folders and files are scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.scan.files import is_test
from locum.scan.fingerprints import place
from locum.scan.reports import ScanReport
from locum.scan.scanning import scan_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["scan_workspace"]


def scan_workspace(workspace: Path, paths: Sequence[Path], *, tests: bool = False) -> ScanReport:
    """Return what is found, with paths as they are seen from the workspace.

    A file is scanned once, also where several of the paths lead to it. Paths outside the workspace
    are told as absolute ones. What UTF-8 has no bytes for, in the names of files or in prompts, is
    told as ``?``.

    Args:
        workspace: Such as the root of a repository.
        paths: Files and folders.
        tests: Whether test files are scanned too.
    """
    base = workspace.resolve()
    given = [path.resolve() for path in paths]
    reports = [
        _renamed(scan_paths(inside, tests=tests, base=base), _prefix(root, base))
        for root, inside in _by_root(given, base, tests=tests).items()
    ]
    report: ScanReport = _writable(_merged(reports))
    return report


def _by_root(given: Sequence[Path], base: Path, *, tests: bool) -> dict[Path, list[Path]]:
    """The outermost folders, and files by their folder."""
    folders = {path for path in given if path.is_dir()}
    roots: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(given):
        if folders.intersection(path.parents):
            continue
        if path in folders:
            roots[path] = [path]
        elif tests or not is_test(path, base):
            roots.setdefault(path.parent, []).append(path)
    return roots


def _prefix(root: Path, base: Path) -> str:
    if root == base:
        return ""
    inside = root.relative_to(base) if root.is_relative_to(base) else root
    return f"{inside.as_posix().rstrip('/')}/"


def _renamed(report: ScanReport, prefix: str) -> ScanReport:
    return report._replace(
        findings=[one._replace(path=prefix + one.path) for one in report.findings],
        sites=[one._replace(path=prefix + one.path) for one in report.sites],
        skipped={
            reason: [prefix + path for path in paths] for reason, paths in report.skipped.items()
        },
        suppressed=[one._replace(path=prefix + one.path) for one in report.suppressed],
    )


def _merged(reports: Iterable[ScanReport]) -> ScanReport:
    merged = ScanReport([], [], 0, 0, {}, [])
    for report in reports:
        merged.findings.extend(report.findings)
        merged.sites.extend(report.sites)
        merged.suppressed.extend(report.suppressed)
        for reason, paths in report.skipped.items():
            merged.skipped.setdefault(reason, []).extend(paths)
        merged = merged._replace(
            files=merged.files + report.files, lines=merged.lines + report.lines
        )
    merged.findings.sort(key=place)
    merged.sites.sort(key=lambda one: (one.path, one.line, one.column))
    merged.suppressed.sort(key=place)
    return merged


def _writable(value: Any) -> Any:  # noqa: ANN401 - a report, and all that it is made of
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(_writable, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_writable, value))
    return value
