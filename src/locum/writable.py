"""Whether something can be made at a place, which is asked before the work that makes it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["why_unwritable"]


def why_unwritable(place: Path) -> str | None:
    """Return why nothing can be made at a place; ``None`` where something can, and nothing is left.

    Args:
        place: Of a file or a folder; the folders above it need not exist.
    """
    there = next(parent for parent in place.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".locum-"):
            return None
    except OSError as error:
        return error.strerror or str(error)
