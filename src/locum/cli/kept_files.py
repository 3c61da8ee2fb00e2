"""What a task's folder keeps from earlier runs."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from locum.cli.places import open_existing
from locum.cli.progress import stderr_console
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from locum.cli.places import TaskFolder
    from locum.cli.progress import TerminalProgress
    from locum.distillation import Distillation
    from locum.export import AnyStudent
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation
    from locum.schema import Example
    from locum.store import DerivedKind

    AnyDistillation = Distillation | ExtractionDistillation | GenerationDistillation

__all__ = [
    "check_folder",
    "keep_report",
    "keep_student",
    "previous_student",
    "put_aside",
    "read_synthetic",
]


def check_folder(folder: TaskFolder) -> None:
    """Refuse a folder that cannot take what a distillation leaves, before the work of one.

    Raises:
        ArtefactError: A student cannot be saved there.
        InputError: Nor can a report.
    """
    from locum.export import check_artefact_place
    from locum.report import check_page_place

    check_artefact_place(folder.student)
    check_page_place(folder.report)


def keep_report(
    result: AnyDistillation, report: Path, examples: Sequence[Example], place: str | Path
) -> bool:
    """Write the report; where that fails, say why, as its result is still to be printed.

    A later deletion of a call that it was made of names it.

    Args:
        result: What it tells of.
        report: Where it lies.
        examples: What it was made of.
        place: The store.

    Raises:
        InputError: Calls that it was made of were deleted meanwhile, or the store cannot be used.
    """
    from locum.report import write_report

    _link(place, {"report": result.task.name}, examples)
    try:
        write_report(result, report)
    except InputError as error:
        stderr_console().print(f"note: the result has no report: {error}")
        return False
    return True


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


def keep_student(
    student: AnyStudent, folder: Path, examples: Sequence[Example], place: str | Path
) -> None:
    """Save a student, and remember which calls it learned from.

    A later deletion of one of them names the task, and the student alone can be promoted by them.

    Args:
        student: The student.
        folder: Of its artefact.
        examples: What it learned from.
        place: The store.

    Raises:
        ArtefactError: The folder cannot be written.
        InputError: Calls that it learned from were deleted meanwhile, or the store cannot be used;
            the folder stays as it was.
    """
    from locum.export import save_artefact

    def remember(artefact: str) -> None:
        _link(place, {"student": student.task.name, "artefact": artefact}, examples)

    # A student holds words and values of the texts that it learned from.
    with suppress(OSError):  # which is told where the student is saved
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    save_artefact(student, folder, remember)


def _link(place: str | Path, keys: Mapping[DerivedKind, str], examples: Sequence[Example]) -> None:
    """Note what was made of the calls among some examples, by its kind."""
    from locum.store import CallStore

    ids = [example.call_id for example in examples if example.call_id is not None]
    if not ids:
        return
    with open_existing(place) as database:
        gone = CallStore(database).link_made(keys, ids)
    if gone:
        raise InputError(
            f"{gone:,} of the {len(set(ids)):,} calls that were read were deleted meanwhile, so "
            "nothing that was made of them is kept: run it again"
        )


def put_aside(student: Path, place: str | Path) -> None:
    """Keep a student of an earlier run, but where no command takes it for the task's.

    Args:
        student: Where it lies.
        place: The store, in which a copy of it may be promoted.
    """
    if not student.exists():
        return
    promoted = _promoted_as(student, place)
    previous = previous_student(student)
    shutil.rmtree(previous, ignore_errors=True)
    student.replace(previous)
    kept = f"note: the student of an earlier run is now {previous}, and "
    if promoted is None:
        kept += "answers no more"
    else:
        kept += f"stays promoted in the gateway until locum demote {promoted}"
    stderr_console().print(kept)


def previous_student(student: Path) -> Path:
    """Return where a student lies that was put aside."""
    return student.with_name(f"{student.name}.previous")


def _promoted_as(student: Path, place: str | Path) -> str | None:
    """Return the task as whose student it is promoted, if it is."""
    from locum.promotion import artefact_sha256
    from locum.store import PromotionStore

    try:
        artefact = artefact_sha256(student)
        with open_existing(place) as database:
            promotions = PromotionStore(database).all()
    except InputError:
        return None  # what was no student, or has no store, is not promoted
    standing = [one for one in promotions if one.state == "active" and one.artefact == artefact]
    return standing[0].task if standing else None
