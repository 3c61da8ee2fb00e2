"""Promote a student: read the calls that it learned from, and keep it in the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.export import load_artefact
from locum.promotion.framer import Framer
from locum.promotion.plan import write_plan
from locum.promotion.prepare import Prepared, prepare_plan, read_artefact_files
from locum.redaction import Redactor
from locum.replacing import read_whole
from locum.store import CallFilter, CallStore, Promotion, PromotionStore
from locum.traffic import redact_call

if TYPE_CHECKING:
    from pathlib import Path

    from locum.config import RedactionSettings
    from locum.export import AnyStudent
    from locum.promotion.prepare import ArtefactFiles
    from locum.store import Database

__all__ = ["Promoted", "promote_student"]


class Promoted(NamedTuple):
    """A promotion, and how its calls are recognised."""

    promotion: Promotion
    prepared: Prepared


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
            learned, or these cannot be recognised.
        QualityGateError: The student has no certificate for whole answers.
    """
    student, artefact = read_whole(folder, _read)
    name = student.task.name
    store = CallStore(database)
    redactor = Redactor(student.redaction)
    # As it learned from them: rules of redaction may be younger than a call.
    calls = (redact_call(call, redactor) for call in store.linked("artefact", artefact.sha256))
    shared = partial(_is_shared, store, name)
    prepared = prepare_plan(student, calls, shared, Framer(redaction))
    promotion = PromotionStore(database).promote(
        name,
        artefact.sha256,
        artefact.files,
        write_plan(prepared.plan),
        percent=percent,
        shadow=shadow,
        expected=expected,
    )
    return Promoted(promotion, prepared)


def _read(folder: Path) -> tuple[AnyStudent, ArtefactFiles]:
    return load_artefact(folder), read_artefact_files(folder)


def _is_shared(store: CallStore, task: str, fingerprint: str) -> bool:
    """Tell whether calls of tasks with another name have a fingerprint as well."""
    return any(
        totals.named and totals.name not in {task, fingerprint}
        for totals in store.totals(CallFilter(task=fingerprint))
    )
