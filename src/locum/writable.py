"""Places where something is to be made: whether it can be, and files that are whole or not."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["why_unwritable", "written_whole"]


def why_unwritable(place: Path) -> str | None:
    """Return why nothing can be made at a place; ``None`` where something can, and nothing is left.

    Args:
        place: Of a file or a folder; the folders above it need not exist. What is neither, such as
            a pipe or a device, is written into.
    """
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            return None
        there = next(parent for parent in place.absolute().parents if parent.exists())
        with tempfile.TemporaryDirectory(dir=there, prefix=".locum-"):
            return None
    except OSError as error:
        return error.strerror or str(error)


@contextmanager
def written_whole(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Write beside a file, and put it there once all is written and on the disk.

    Where that fails, or is interrupted, the file stays as it was and nothing stands beside it. One
    that is replaced leaves its permissions to the new one, and where it is a link, that goes on
    pointing there. What is no file, such as a pipe or a device, is written into.

    Args:
        path: Of the file.
        private: What it holds is for its owner alone, whatever the permissions of one that is
            replaced; so is its folder where there was none.

    Raises:
        InputError: It cannot be written, or what is written cannot be had.
    """
    try:
        special = path.exists() and not path.is_file()
        place = Path(os.path.realpath(path))
        with path.open("wb") if special else _replacing(place, private=private) as file:
            yield file
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def _replacing(place: Path, *, private: bool) -> Iterator[BinaryIO]:
    scratch = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        place.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            if private:
                scratch.chmod(0o600)
            elif place.exists():
                scratch.chmod(stat.S_IMODE(place.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(place)
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
