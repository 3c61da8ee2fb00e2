"""Folders that are replaced whole, also while other processes read or replace them."""

from __future__ import annotations

import errno
import time
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from locum.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["read_whole", "replaced_whole"]

Read = TypeVar("Read")

_SCRATCH, _PREVIOUS = ".locum-", "previous-"
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_MOST_READINGS = 10
# Between the two steps of a replacement, whose process may be killed or have to wait there.
_LONGEST_GAP_SECONDS = 5.0
_LOOK_SECONDS = 0.005


@contextmanager
def replaced_whole(target: Path) -> Iterator[Path]:
    """Fill a folder beside another, and put it in its place once all is in it.

    Where that fails, or is interrupted, the other one stays as it was and nothing stands beside it.

    Args:
        target: The folder that is to be replaced; there need not be one.

    Raises:
        OSError: It cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=_SCRATCH) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        yield whole
        _replace(whole, target, Path(scratch))


def _replace(new: Path, target: Path, scratch: Path) -> None:
    """Put a folder into the place of another, or of what other processes put there meanwhile."""
    for number in count():
        previous = scratch / f"{_PREVIOUS}{number}"
        try:
            with suppress(FileNotFoundError):
                target.replace(previous)
            new.replace(target)
        except BaseException as error:
            if previous.exists() and not target.exists():
                previous.replace(target)
            if not isinstance(error, OSError) or error.errno not in _TAKEN:
                raise
        else:
            return


def read_whole(folder: Path, read: Callable[[Path], Read]) -> Read:
    """Return what is read of a folder while nobody replaces it.

    Files of two folders that were in one place, one after the other, are never read as one: what
    comes of that is thrown away, be it an error, and the folder that is there now is read.

    Args:
        folder: One that `replaced_whole` may replace.
        read: Reads it, and keeps no way to its files.

    Raises:
        ArtefactError: It is replaced whenever it is read.
    """
    for _ in range(_MOST_READINGS):
        before = _settled(folder)
        try:
            found = read(folder)
        except Exception:
            if _identity(folder) == before:
                raise
        else:
            if _identity(folder) == before:
                return found
    raise ArtefactError(f"{folder} is replaced whenever it is read: read it once that has ended")


def _settled(folder: Path) -> tuple[int, int, int] | None:
    """Return a folder's identity once it is there, or nobody is just about to put it there."""
    end = time.monotonic() + _LONGEST_GAP_SECONDS
    while (found := _identity(folder)) is None and time.monotonic() < end:
        if not any(folder.parent.glob(f"{_SCRATCH}*/{_PREVIOUS}*")):
            break
        time.sleep(_LOOK_SECONDS)
    return found


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """What no other folder shares, also one that gets the same number once this one is gone."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
