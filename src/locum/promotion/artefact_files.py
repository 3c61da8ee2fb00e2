"""The files of a student, and what no other student has."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.export import describe_file
from locum.schema import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ArtefactFiles", "artefact_sha256", "read_artefact_files"]


class ArtefactFiles(NamedTuple):
    """The files of a student by name, and the SHA-256 of its manifest, which names the others'."""

    sha256: str
    files: dict[str, bytes]


def artefact_sha256(folder: Path) -> str:
    """Return the SHA-256 of the manifest in a student's folder, which no other student has.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return describe_file(folder / MANIFEST).sha256
    except OSError as error:
        raise _unreadable(folder, error) from None


def read_artefact_files(folder: Path) -> ArtefactFiles:
    """Return the files of a student's folder.

    Raises:
        InputError: One cannot be read.
    """
    try:
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
    except OSError as error:
        raise _unreadable(folder, error) from None
    return ArtefactFiles(sha256(files[MANIFEST]).hexdigest(), files)


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder} cannot be read: {error.strerror}")
