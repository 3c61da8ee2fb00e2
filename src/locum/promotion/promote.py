"""Promote a student: read the calls that it learned from, and keep it in the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError, QualityGateError
from locum.export import load_artefact
from locum.promotion.artefact_files import read_artefact_files
from locum.promotion.framer import Framer
from locum.promotion.plan import read_plan, write_plan
from locum.promotion.prepare import Prepared, keep_plan, prepare_plan
from locum.redaction import Redactor
from locum.replacing import read_whole
from locum.store import CallFilter, CallStore, Promotion, PromotionStore, ShadowStore
from locum.traffic import redact_call

if TYPE_CHECKING:
    from pathlib import Path

    from locum.config import RedactionSettings
    from locum.export import AnyStudent
    from locum.promotion.artefact_files import ArtefactFiles
    from locum.promotion.recognition import Recognition
    from locum.store import Database

__all__ = ["Promoted", "promote_student"]


class Promoted(NamedTuple):
    """A promotion, and how its calls are recognised.

    Args:
        promotion: The promotion.
        prepared: Its plan. Where that is kept from the same student's promotion before, no calls
            were looked at.
        learned_from_deleted: Whether the student learned from calls that were deleted since.
    """

    promotion: Promotion
    prepared: Prepared
    learned_from_deleted: bool


def promote_student(
    database: Database,
    folder: Path,
    *,
    percent: float,
    shadow: float,
    redaction: RedactionSettings | None = None,
    expected: int | None = None,
) -> Promoted:
    """Let a student stand in for its teacher from now on.

    Where it is promoted already, or was last, and calls that it learned from were deleted since,
    its plan stays as it was made of all of them.

    Args:
        database: The store, with the calls that it learned from.
        folder: The student's artefact.
        percent: See `Promotion`.
        shadow: See `Promotion`.
        redaction: What the gateway takes out of calls; by default as it does by itself.
        expected: The revision that is to be changed; by default whichever there is.

    Raises:
        ArtefactError: The folder holds no student that can be read.
        InputError: The store cannot be used, or does not know from which calls this very student
            learned, or these cannot be recognised, or another task's student answers them.
        QualityGateError: The student has no certificate for whole answers; or it is to answer,
            and all calls that it knows are from before a student of its task broke its promise.
    """
    student, artefact = read_whole(folder, _read)
    name = student.task.name
    store = CallStore(database)
    promotions = PromotionStore(database)
    learned_from_deleted = store.learned_from_deleted(artefact.sha256)
    before = promotions.find(name) if learned_from_deleted else None
    prepared = _as_before(student, artefact.sha256, before)
    if prepared is None:
        redactor = Redactor(student.redaction)
        # As it learned from them: rules of redaction may be younger than a call.
        calls = [redact_call(call, redactor) for call in store.linked("artefact", artefact.sha256)]
        shared = partial(_is_shared, store, name)
        prepared = prepare_plan(student, calls, shared, Framer(redaction))
        if percent:
            _refuse_outdated(database, name, max(call.facts.time for call in calls))
    _refuse_overlap(promotions, name, prepared.plan.recognition)
    promotion = promotions.promote(
        name,
        artefact.sha256,
        artefact.files,
        write_plan(prepared.plan),
        percent=percent,
        shadow=shadow,
        expected=expected,
    )
    return Promoted(promotion, prepared, learned_from_deleted)


def _read(folder: Path) -> tuple[AnyStudent, ArtefactFiles]:
    return load_artefact(folder), read_artefact_files(folder)


def _as_before(student: AnyStudent, artefact: str, before: Promotion | None) -> Prepared | None:
    """Return the plan by which the same student was promoted; ``None`` where it was not."""
    if before is None or before.artefact != artefact:
        return None
    try:
        return keep_plan(student, read_plan(before))
    except InputError:
        return None


def _refuse_outdated(database: Database, task: str, newest: float) -> None:
    """Refuse a student that was certified before one of its task was found to break its promise."""
    since = ShadowStore(database).last_break(task)
    if since is not None and newest <= since:
        raise QualityGateError(
            f"this student of {task!r} knows no call from after one before it was found to break "
            f"its promise, so that its certificate speaks of none: locum distill {task} makes one "
            "of what was recorded since; or let this one be scored beside its teacher, with "
            "--percent 0"
        )


def _refuse_overlap(promotions: PromotionStore, task: str, recognition: Recognition) -> None:
    """Refuse a task whose calls another student answers: which of both would, nobody could say."""
    for other in promotions.all():
        if other.task == task or other.state != "active":
            continue
        try:
            theirs = read_plan(other).recognition
        except InputError:
            continue  # such a student answers nothing
        if recognition.overlaps(theirs):
            raise InputError(
                f"the promoted student of {other.task!r} takes the calls of {task!r}, as both have "
                "instruction, output format, model and settings in common: locum demote "
                f"{other.task}, then locum promote {task}; or let the application name the calls "
                "of both by the header x-locum-task, and distil them again"
            )


def _is_shared(store: CallStore, task: str, fingerprint: str) -> bool:
    """Tell whether calls of tasks with another name have a fingerprint as well."""
    return any(
        totals.named and totals.name not in {task, fingerprint}
        for totals in store.totals(CallFilter(task=fingerprint))
    )
