"""Is a new student better than the one that is promoted?"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError, InputError, WriterError
from locum.evaluation import binomial_lower_tail
from locum.export import load_artefact
from locum.promotion.judge import Judge
from locum.promotion.plan import read_plan
from locum.promotion.unpacking import unpack_student
from locum.schema import Generation, Prediction
from locum.store import CallStore, PromotionStore, ShadowStore
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.evaluation import Certificate
    from locum.export import AnyStudent
    from locum.schema import Extraction
    from locum.store import Database, Promotion

    Said = Prediction | Extraction | Generation

__all__ = ["Refreshed", "compare_with_promoted", "is_readable"]


_UNREADABLE = (
    "another version of Locum made the promotion before it, or it is damaged: its teacher answered "
    "all calls"
)


class Refreshed(NamedTuple):
    """Whether a new student is to take the place of the promoted one, and why."""

    better: bool
    reason: str


class _Answers(NamedTuple):
    """Which of some inputs a student answers, and whether as its teacher, ``N`` each."""

    answered: list[bool]
    agrees: list[bool]

    @property
    def coverage(self) -> float:
        return sum(self.answered) / len(self.answered)

    @property
    def agreeing(self) -> int:
        return sum(a and b for a, b in zip(self.answered, self.agrees, strict=True))

    @property
    def agreement(self) -> float:
        return self.agreeing / max(sum(self.answered), 1)

    def rule_out(self, promise: Certificate) -> bool:
        """Tell whether so few agree that, with its confidence, the promise is broken."""
        chance = binomial_lower_tail(self.agreeing, sum(self.answered), promise.target)
        return chance < 1 - promise.confidence


def compare_with_promoted(
    database: Database,
    promotion: Promotion,
    new: AnyStudent,
    certified_on: Sequence[tuple[str, str]],
) -> Refreshed:
    """Compare two students on the inputs on which the new one was certified.

    The new one is better where the promoted one was revoked or broke its promise while it was only
    scored; cannot be read or is written by what does not write any more, so that
    it answers no call; or learned from calls that were deleted
    since; or where these inputs rule out, by an exact binomial test, that it keeps its promise; or
    where the new one answers more of them, by at least one standard error of the difference. The
    promoted one may have learned from some of them, which speaks for it alone. Both are judged by
    what the new one is to say: an object that lacks a field of its schema agrees with none.

    Args:
        database: The store.
        promotion: The student that is promoted, or was.
        new: Another of the same task.
        certified_on: Inputs with the teacher's answers, none of which the new one learned from.
    """
    if new.certificate is None:
        return Refreshed(better=False, reason="it is certified for single fields alone")
    if reason := _why_at_once(database, promotion):
        return Refreshed(better=True, reason=reason)
    judge = Judge.of(new)
    with tempfile.TemporaryDirectory() as scratch:
        old = _load(database, promotion, Path(scratch))
        if old is None:
            return Refreshed(better=True, reason=_UNREADABLE)
        try:
            before = _answers(old, certified_on, judge)
        except WriterError as error:
            # Where that fails on a text alone, its teacher answers no more calls than this one.
            return Refreshed(error.gone, f"what writes for the promoted one fails: {error}")
    now = _answers(new, certified_on, judge)
    shown = (
        f"on {len(certified_on):,} inputs that it did not learn from it answers "
        f"{now.coverage:.1%} with {now.agreement:.1%} agreement, and the promoted one "
        f"{before.coverage:.1%} with {before.agreement:.1%}"
    )
    promise = old.certificate
    if promise is None or before.rule_out(promise):
        return Refreshed(better=True, reason=f"{shown}, too little for its promise")
    return Refreshed(now.coverage - before.coverage > _standard_error(now, before), shown)


def _why_at_once(database: Database, promotion: Promotion) -> str:
    """Say why a student makes place however well it does; empty where it need not."""
    if promotion.state == "revoked":
        return "the student before it was revoked"
    if ShadowStore(database).is_broken(promotion.task, promotion.artefact):
        return "the student before it broke its promise"
    if CallStore(database).learned_from_deleted(promotion.artefact):
        return "the student before it learned from calls that were deleted since"
    return ""


def is_readable(database: Database, promotion: Promotion) -> bool:
    """Tell whether this Locum can read a promotion and its student; else its teacher answers."""
    with tempfile.TemporaryDirectory() as scratch:
        return _load(database, promotion, Path(scratch)) is not None


def _load(database: Database, promotion: Promotion, scratch: Path) -> AnyStudent | None:
    try:
        read_plan(promotion)
        folder = unpack_student(PromotionStore(database), promotion.artefact, scratch)
        return load_artefact(folder)
    except (ArtefactError, InputError):
        return None


def _answers(student: AnyStudent, given: Sequence[tuple[str, str]], judge: Judge) -> _Answers:
    predictions: Sequence[Said] = student.predict([text for text, _ in given])
    pairs = zip(predictions, given, strict=True)
    return _Answers(
        [prediction.answered for prediction in predictions],
        [judge(_said(prediction), answer) for prediction, (_, answer) in pairs],
    )


def _said(prediction: Said) -> str:
    if isinstance(prediction, Prediction):
        return prediction.label
    if isinstance(prediction, Generation):
        return prediction.answer or ""
    return "" if prediction.answer is None else write_json(prediction.answer).decode()


def _standard_error(now: _Answers, before: _Answers) -> float:
    """Of the difference of two coverages on the same inputs."""
    differences = [a - b for a, b in zip(now.answered, before.answered, strict=True)]
    mean = sum(differences) / len(differences)
    squares = sum((difference - mean) ** 2 for difference in differences)
    return math.sqrt(squares / max(len(differences) - 1, 1) / len(differences))
