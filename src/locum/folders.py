"""Files and folders that users name."""

from __future__ import annotations

import os.path
from pathlib import Path

__all__ = ["find_folder", "find_path"]


def find_path(place: str | Path) -> Path | None:
    """Return the file or folder of a name, in which ``~`` is a home; ``None`` where there is none.

    No name is an error: not that of a home that is not known, nor one too long for a file system.
    """
    expanded = os.path.expanduser(place)  # noqa: PTH111 - Path's raises where no home is known
    found = os.path.exists(expanded)  # noqa: PTH110 - Path's raises for long names
    return Path(expanded) if found else None


def find_folder(place: str | Path) -> Path | None:
    """Return the folder of a name as `find_path` does; ``None`` where there is none."""
    path = find_path(place)
    return path if path is not None and path.is_dir() else None
