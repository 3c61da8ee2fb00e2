"""What a deletion of calls did, and what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.cli.kept_files import previous_student
from locum.cli.output import count_of_calls, say
from locum.cli.places import task_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.store import Deletion

__all__ = ["tell_deletion"]

_IN_LOG = (
    "the store's log, the file whose name ends in -wal, holds what was deleted still, as another "
    "program reads the store: the next locum command that ends while none reads empties it"
)


def tell_deletion(deletion: Deletion, forgotten: Sequence[str], home: Path | None) -> None:
    """Say what was deleted, and where more of it may be.

    Args:
        deletion: What was deleted.
        forgotten: Tasks that an audit had found and that went with the last of their calls.
        home: As the user gave it.
    """
    deleted = count_of_calls(deletion.calls)
    say(f"{deleted} deleted, and {deletion.answers:,} answers bought for them alone")
    for name in forgotten:
        say(
            f"the audit's memory of {name!r} held words of none but deleted calls, and went too: "
            "run locum audit again if others are left"
        )
    for student in deletion.students:
        say(_learned(student, is_promoted=student in deletion.promoted))
    for ended in deletion.ended:
        say(
            f"the store keeps a student of {ended!r} that learned from some, and answers no more: "
            "it goes when another is promoted"
        )
    _tell_files(deletion, home)
    if deletion.imported:
        say(
            f"{deletion.imported:,} of them came from imported files: to import those again brings "
            "them back"
        )
    if not deletion.log_emptied:
        say(_IN_LOG)


def _tell_files(deletion: Deletion, home: Path | None) -> None:
    # A student of before reports were noted has one as well.
    for task_name in sorted({*deletion.students, *deletion.reports}):
        folder = task_folder(task_name, home)
        if folder.report.is_file():
            say(
                f"{folder.report} was made of some, and may quote them: remove it, or have it "
                f"written anew by locum distill {task_name}"
            )
        if folder.refreshed.is_file():
            say(f"{folder.refreshed} may quote some: remove it")
        previous = previous_student(folder.student)
        if previous.exists():
            say(f"{previous} is a student that may have learned from some: remove it")
    for task_name in deletion.written:
        synthetic = task_folder(task_name, home).synthetic
        if synthetic.is_file():
            say(
                f"{synthetic} holds texts that were written after some, and may repeat them: "
                f"remove it, and have others written by locum generate {task_name}"
            )


def _learned(task: str, *, is_promoted: bool) -> str:
    if is_promoted:
        return (
            f"the promoted student of {task!r} learned from some, and goes on answering: "
            f"locum distill {task} --refresh, or locum demote {task}"
        )
    return f"the student of {task!r} learned from some: locum distill {task}"
