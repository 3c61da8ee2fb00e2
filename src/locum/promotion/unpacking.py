"""Promoted students from the store to a folder, from which they are loaded."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from locum.errors import ArtefactError
from locum.schema import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from locum.store import PromotionStore

__all__ = ["drop_unused", "unpack_student"]

_DAY_SECONDS = 86_400


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
    files = store.files(artefact)
    _check_files(artefact, files)
    if _is_whole(target, files):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        whole = Path(scratch) / "student"
        for name, content in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            whole.replace(target)
        except OSError:
            _replace_damaged(target, whole, files)
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


def _replace_damaged(target: Path, whole: Path, files: Mapping[str, bytes]) -> None:
    """Put a student in the place of a damaged one; not of one that was just put there."""
    if _is_whole(target, files):
        return
    shutil.rmtree(target, ignore_errors=True)
    whole.replace(target)


def _is_whole(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Tell whether a folder holds what was promoted."""
    try:
        return all((folder / name).read_bytes() == content for name, content in files.items())
    except OSError:
        return False


def _check_files(artefact: str, files: Mapping[str, bytes]) -> None:
    """Refuse a student that is not the one that was promoted, or would be written elsewhere."""
    if sha256(files.get(MANIFEST, b"")).hexdigest() != artefact:
        raise ArtefactError(
            f"the stored student {artefact[:12]} was changed: promote the task again"
        )
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ArtefactError(f"the stored student {artefact[:12]} holds a file {name!r}")
