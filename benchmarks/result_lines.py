"""Results in a file, a line of JSON each, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["add_result", "read_results"]


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the results of a file; none where there is no file.

    A run that is stopped while it writes leaves a line that does not end; it is left out.
    """
    if not path.exists():
        return []
    found = (_parse(line) for line in path.read_text(encoding="utf-8").split("\n"))
    return [row for row in found if row is not None]


def _parse(line: str) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return row


def add_result(path: Path, result: Mapping[str, Any]) -> None:
    """Add a result to a file, behind a line that does not end if there is one."""
    with path.open("ab+") as lines:
        if lines.tell():
            lines.seek(-1, os.SEEK_END)
            lines.write(b"" if lines.read() == b"\n" else b"\n")
        lines.write(json.dumps(result).encode() + b"\n")
