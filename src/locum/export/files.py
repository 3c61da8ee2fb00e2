"""The files of an artefact: which there are, and whether they are the ones that were saved."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

__all__ = ["FileFacts", "artefact_size", "check_files", "describe_file"]


class FileFacts(NamedTuple):
    """Size of a file in bytes, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


def describe_file(path: Path) -> FileFacts:
    """Measure a file, some of it at a time, so that a large one takes no memory."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFacts(file.tell(), digest)


def check_files(folder: Path, expected: Mapping[str, FileFacts], manifest: str) -> None:
    """Refuse a folder that holds other files than the manifest names; hidden ones do not count.

    Args:
        folder: Of the artefact.
        expected: By path below the folder, with ``/`` between a folder and its file.
        manifest: Name of the manifest, which does not name itself.

    Raises:
        ArtefactError: A file is missing, a link, changed, or not named.
    """
    folders = {parent.as_posix() for name in expected for parent in PurePosixPath(name).parents}
    unknown = sorted(set(_visible(folder, folders)) - {manifest} - set(expected))
    if unknown:
        raise ArtefactError(f"{folder} holds {unknown[0]!r}, which its manifest does not name")
    for name, facts in expected.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ArtefactError(f"{folder} lacks the file {name!r} that its manifest names")
        if path.stat().st_size != facts.size or describe_file(path) != facts:
            raise ArtefactError(
                f"{path} is not the file that was saved (its SHA-256 or size differs from the "
                "manifest's): get an unchanged copy"
            )


def _visible(folder: Path, folders: Collection[str], within: str = "") -> Iterator[str]:
    """Paths of all entries, those in the named folders among them; no link is followed."""
    for entry in os.scandir(folder / within):
        path = f"{within}{entry.name}"
        if entry.name.startswith("."):
            continue
        if path in folders and entry.is_dir(follow_symlinks=False):
            yield from _visible(folder, folders, f"{path}/")
        else:
            yield path


def artefact_size(directory: Path) -> int:
    """Return the size of all files of an artefact, in bytes."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
