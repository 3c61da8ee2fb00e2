"""The file of a task's synthetic inputs, and which recorded calls they were written after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.dataset import seed_name, write_written
from locum.store import CallStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.dataset import WrittenExample
    from locum.schema import Example, Task
    from locum.store import LabelStore

__all__ = ["SyntheticFile"]


class SyntheticFile:
    """The file of a task's synthetic inputs.

    A text may repeat what its writer was shown, so that a deletion of a recorded call names the
    file if that call was: it is noted before a text is written down.

    Args:
        path: Of the file.
        task: What the texts are for.
        examples: The real inputs.
        store: Where the calls are.
    """

    def __init__(
        self, path: Path, task: Task, examples: Sequence[Example], store: LabelStore
    ) -> None:
        self._path = path
        self._task = task.name
        self._store = CallStore(store.database)
        self._noted: set[str] = set()
        self._calls: dict[str, list[str]] = {}
        for example in examples:
            if example.call_id is not None:
                self._calls.setdefault(seed_name(example.text), []).append(example.call_id)

    def write(self, rows: Sequence[WrittenExample]) -> None:
        """Write all rows, in place of those that it holds.

        Raises:
            InputError: File or store cannot be written.
        """
        seeds = {seed for row in rows for seed in row.seeds} - self._noted
        self._store.link(
            "written",
            [(self._task, call_id) for seed in seeds for call_id in self._calls.get(seed, ())],
        )
        self._noted |= seeds
        write_written(self._path, rows)
