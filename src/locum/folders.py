"""Folders that users name."""

from __future__ import annotations

import os.path
from pathlib import Path

__all__ = ["find_folder"]


def find_folder(place: str | Path) -> Path | None:
    """Return the folder of a name, in which ``~`` is a home; ``None`` where there is no folder.

    No name is an error: not that of a home that is not known, nor one too long for a file system.
    """
    expanded = os.path.expanduser(place)  # noqa: PTH111 - Path's raises where no home is known
    found = bool(expanded) and os.path.isdir(expanded)  # noqa: PTH112 - Path's raises for long names
    return Path(expanded) if found else None
