"""``locum distill --refresh``: a better student takes the place of the promoted one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.cli.kept_files import keep_student
from locum.cli.progress import stderr_console
from locum.cli.promote import refuse_revoked
from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.cli.generation import DeclaredGeneration
    from locum.cli.places import TaskFolder
    from locum.config import Settings
    from locum.distillation import Distillation
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation
    from locum.promotion import Refreshed
    from locum.schema import Example
    from locum.store import Database, Promotion

__all__ = ["Refresh", "begin_refresh", "keep_or_promote"]


class Refresh(NamedTuple):
    """What is to be refreshed, in which store."""

    database: Database
    promotion: Promotion


def begin_refresh(
    task: str,
    database: Database | None,
    file: Path | None,
    generation: DeclaredGeneration | None = None,
) -> Refresh:
    """Return the promotion that a new student may take over.

    Args:
        task: Of which task.
        database: The store; ``None`` where there is none.
        file: Where inputs come from; ``None`` for the store.
        generation: How its student is to write; ``None`` where it answers with labels or JSON.

    Raises:
        UsageError: Inputs come from a file, the task was never promoted or is demoted, or no
            gateway could watch such a student.
    """
    from locum.promotion import check_comparable
    from locum.store import PromotionStore

    if file is not None or database is None:
        raise UsageError("--refresh learns from recorded calls: leave out --calls and --inputs")
    promotion = PromotionStore(database).find(task)
    if promotion is None:
        raise UsageError(f"--refresh: task {task!r} was never promoted: locum promote {task}")
    if promotion.state == "demoted":
        raise UsageError(
            f"--refresh: task {task!r} was demoted, and its teacher is to answer: leave out "
            f"--refresh, and locum promote {task} where a student is to answer again"
        )
    if generation is not None:
        check_comparable(task, generation.accept)
    return Refresh(database, promotion)


def keep_or_promote(
    refresh: Refresh,
    result: Distillation | ExtractionDistillation | GenerationDistillation,
    folder: TaskFolder,
    settings: Settings,
    examples: Sequence[Example],
    place: str | Path,
) -> Refreshed:
    """Promote a new student where it is better than the one before; keep that where it is not.

    Args:
        refresh: The promotion before.
        result: The new student, if there is one.
        folder: Where the task's student lies.
        settings: Those of the project.
        examples: What it learned from.
        place: The store.

    Returns:
        Whether the new one took its place, and that in the task's folder; and why.
    """
    from locum.promotion import Refreshed, compare_with_promoted, promote_student
    from locum.store import ShadowStore

    promotion = begin_refresh(refresh.promotion.task, refresh.database, None).promotion

    def stays(reason: str) -> Refreshed:
        as_it_was = _as_it_was(refresh.database, promotion)
        _tell(f"{promotion.task}: {reason}; {as_it_was}")
        return Refreshed(better=False, reason=reason)

    if result.student is None:
        return stays("nothing new to promote")
    since = ShadowStore(refresh.database).last_break(promotion.task)
    if since is not None and _judges_before(examples, since):
        return stays("not promoted, as a promise was broken while it was trained: run it again")
    student = replace(result.student, redaction=settings.redaction)
    found = compare_with_promoted(refresh.database, promotion, student, result.certified_on)
    if not found.better:
        return stays(f"not promoted, as it is no better: {found.reason}")
    keep_student(student, folder.student, examples, place)
    refuse_revoked(refresh.database, promotion.task, folder.student)
    promote_student(
        refresh.database,
        folder.student,
        percent=promotion.percent,
        shadow=promotion.shadow,
        redaction=settings.redaction,
        expected=promotion.revision,
    )
    share = f"{promotion.percent:g}% of calls, {promotion.shadow:.1%} shadowed"
    _tell(f"{promotion.task}: promoted, {share}: {found.reason}")
    return found


def _judges_before(examples: Sequence[Example], moment: float) -> bool:
    """Tell whether a student is judged on what is not known to be of after a moment."""
    return any(
        example.judges and (example.time is None or example.time <= moment)
        for example in examples
        if example.call_id is not None
    )


def _tell(sentence: str) -> None:
    stderr_console().print(sentence)


def _as_it_was(database: Database, promotion: Promotion) -> str:
    from locum.promotion import is_readable
    from locum.store import CallStore

    if promotion.state != "active":
        return f"the student stays {promotion.state}"
    if not is_readable(database, promotion):
        return "its teacher goes on answering all calls, as the promotion cannot be read"
    goes_on = "goes on answering" if promotion.percent else "stays scored beside its teacher"
    if CallStore(database).learned_from_deleted(promotion.artefact):
        return (
            f"the promoted student {goes_on}, and learned from calls that were deleted "
            f"since: locum demote {promotion.task} ends that"
        )
    return f"the promoted student {goes_on}"
