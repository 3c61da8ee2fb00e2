"""Scans whose paths all begin at one folder, whichever folders and files are scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.scan.scanning import scan_paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.scan.reports import ScanReport

__all__ = ["scan_workspace"]


def scan_workspace(workspace: Path, paths: Sequence[Path], *, tests: bool = False) -> ScanReport:
    """Return what is found, with paths as they are seen from the workspace.

    What UTF-8 has no bytes for, in the names of files or in prompts, is told as ``?``.

    Args:
        workspace: Such as the root of a repository.
        paths: Files and folders.
        tests: Whether test files are scanned too.
    """
    report: ScanReport = _writable(scan_paths(paths, tests=tests, base=workspace))
    return report


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
