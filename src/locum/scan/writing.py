"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from locum.errors import InputError

__all__ = ["write_whole"]


def write_whole(path: Path, content: str) -> None:
    """Write a text file beside its place, and put it there once all is written.

    Args:
        path: A file, there already or not; a device or a pipe is written to as it is.
        content: In UTF-8.

    Raises:
        InputError: It cannot be written.
    """
    encoded = content.encode("utf-8", "replace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(encoded)
        else:
            _replace(Path(os.path.realpath(path)), encoded)
    except OSError as error:
        raise InputError(
            f"{str(path)!r} cannot be written: {error.strerror}; expected a file in a folder that "
            "exists and may be written to"
        ) from None


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
