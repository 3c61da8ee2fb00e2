"""Promoted students from the store to a folder, from which they are loaded."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError
from locum.schema import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from locum.store import PromotionStore

__all__ = ["drop_unused", "unpack_student"]

_DAY_SECONDS = 86_400


class _Stored(NamedTuple):
    """A student in the store, whose files need not fit into memory."""

    store: PromotionStore
    artefact: str
    pieces: dict[str, int]

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the pieces of a file."""
        for part in range(self.pieces[name]):
            yield self.store.piece(self.artefact, name, part)


def unpack_student(store: PromotionStore, artefact: str, folder: Path) -> Path:
    """Return the folder of a student, written whole where it was not there yet.

    Args:
        store: Holds its files.
        artefact: SHA-256 of its manifest.
        folder: Where folders of students lie.

    Raises:
        ArtefactError: The store does not hold it, or holds something else.
        InputError: The store cannot be read.
        OSError: It cannot be written.
    """
    target = folder / artefact
    stored = _Stored(store, artefact, store.pieces(artefact))
    _check_files(stored)
    if _is_whole(target, stored):
        return target
    # Its words and values are those of recorded texts.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        whole = Path(scratch) / "student"
        for name in stored.pieces:
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.writelines(stored.read(name))
        try:
            whole.replace(target)
        except OSError:
            _replace_damaged(target, whole, stored)
    return target


def drop_unused(folder: Path, used: Collection[str]) -> None:
    """Remove the folders of students that were not used for a day.

    Args:
        folder: Where they lie.
        used: SHA-256 of the manifests of those that are.
    """
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.name in used:
            os.utime(one)
        elif one.stat().st_mtime < time.time() - _DAY_SECONDS:
            shutil.rmtree(one, ignore_errors=True)


def _replace_damaged(target: Path, whole: Path, stored: _Stored) -> None:
    """Put a student in the place of a damaged one; not of one that was just put there."""
    if _is_whole(target, stored):
        return
    shutil.rmtree(target, ignore_errors=True)
    whole.replace(target)


def _is_whole(folder: Path, stored: _Stored) -> bool:
    """Tell whether a folder holds what was promoted."""
    try:
        return all(_is_same(folder / name, stored.read(name)) for name in stored.pieces)
    except OSError:
        return False


def _is_same(path: Path, pieces: Iterable[bytes]) -> bool:
    """Tell whether a file holds these pieces one after the other, and nothing else."""
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)


def _check_files(stored: _Stored) -> None:
    """Refuse a student that is not the one that was promoted, or would be written elsewhere."""
    artefact = stored.artefact
    manifest = b"".join(stored.read(MANIFEST)) if MANIFEST in stored.pieces else b""
    if sha256(manifest).hexdigest() != artefact:
        raise ArtefactError(
            f"the stored student {artefact[:12]} was changed: promote the task again"
        )
    for name in stored.pieces:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ArtefactError(f"the stored student {artefact[:12]} holds a file {name!r}")
