"""What a task's folder keeps from earlier runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from locum.cli.progress import stderr_console

if TYPE_CHECKING:
    from pathlib import Path

    from locum.cli.places import TaskFolder
    from locum.cli.progress import TerminalProgress
    from locum.schema import Example

__all__ = ["put_aside", "read_synthetic"]


def read_synthetic(folder: TaskFolder, progress: TerminalProgress) -> list[Example]:
    """Return the inputs that a model wrote for a task, if any."""
    from locum.dataset import read_examples

    if not folder.synthetic.is_file():
        return []
    read = read_examples(folder.synthetic).examples
    written = [replace(example, synthetic=True) for example in read]
    count = f"{len(written):,} synthetic inputs"
    progress.stage(f"read {count} from {folder.synthetic}: --no-synthetic leaves them out")
    return written


def put_aside(student: Path) -> None:
    """Keep a student of an earlier run, but where it does not answer any more."""
    if not student.exists():
        return
    previous = student.with_name(f"{student.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    student.replace(previous)
    kept = f"note: the student of an earlier run is now {previous}, and answers no more"
    stderr_console().print(kept, markup=False)
