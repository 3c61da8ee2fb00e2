"""What an import did."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.rows import SkippedRows

__all__ = ["ImportReport", "ImportedFile"]


class ImportedFile(NamedTuple):
    """What one file held.

    Args:
        name: The file.
        format: The name of its format; empty for an empty file.
        read: Records that could be read.
        added: Calls that are new in the store.
        known: Calls that were in the store already.
        untimed: Calls of which nothing tells when they were sent.
        other: Records that tell of something else than a call to a model.
        skipped: Records that could not be used, by reason.
        named: Calls that were in the store without a task, and have the named one now.
        named_otherwise: Calls that were there with another task and keep it, by that task.
        archived: Calls that were there in Parquet files, and stay as they are, where a task was
            named.
    """

    name: str
    format: str
    read: int
    added: int
    known: int
    untimed: int
    other: int
    skipped: SkippedRows
    named: int
    named_otherwise: Mapping[str, int]
    archived: int


class ImportReport(NamedTuple):
    """What the files of one import held.

    Args:
        files: One after the other.
        unanswered: Requests of batches whose result is in none of the files.
        unasked: Results of batches whose request is in none of the files.
    """

    files: tuple[ImportedFile, ...]
    unanswered: int
    unasked: int

    @property
    def added(self) -> int:
        """Calls that are new in the store."""
        return sum(file.added for file in self.files)

    @property
    def known(self) -> int:
        """Calls that were in the store already."""
        return sum(file.known for file in self.files)

    @property
    def skipped(self) -> int:
        """Records that could not be used."""
        return sum(file.skipped.total for file in self.files)
