"""How promoted students do: what ``locum status`` and the gateway's page show."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.promotion.plan import Plan, PromptTokens, read_plan
from locum.promotion.recognition import Recognition
from locum.store import PromotionStore, ShadowStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema import JsonObject
    from locum.store import Database, Promotion, PromotionEvent, Route, Shadow

__all__ = ["Compared", "Standing", "read_standings"]

_EVENTS = 10
_DISAGREEMENTS = 10
_NO_PLAN = Plan(
    recognition=Recognition(frozenset(), "", "", by_name=False),
    labels={},
    objects={},
    prompt_tokens=PromptTokens(0.0, 0.0),
    call_usd=None,
    call_ms=None,
    target=0.0,
    confidence=0.0,
    coverage=0.0,
    teacher="",
)


class Compared(NamedTuple):
    """What sampled calls show of a student.

    Args:
        answers: How many of the student's answers were compared with the teacher's.
        disagreements: How many of them differ.
        low: Lower end of an interval of the agreement that holds at all times at once.
        high: Its upper end.
    """

    answers: int
    disagreements: int
    low: float
    high: float

    @property
    def agreement(self) -> float | None:
        """Share of answers that are as the teacher's; ``None`` where none was compared."""
        return 1 - self.disagreements / self.answers if self.answers else None


class Standing(NamedTuple):
    """How one promoted student does.

    Args:
        task: Of which task.
        state: ``active``, ``demoted``, ``revoked``, or ``unreadable`` where its plan is damaged.
        reason: Why; empty where somebody wished so.
        percent: Of how many calls in a hundred it is asked.
        shadow: Share of calls that are sampled.
        artefact: SHA-256 of its manifest.
        changed: When its state last changed, in seconds since 1970.
        teacher: Who answers else.
        target: The promised agreement on what it answers.
        confidence: Of the promise.
        expected_coverage: Share of calls that it was certified to answer.
        calls: How many calls of the task went which way, since a student was first promoted.
        own_calls: Likewise, while this student stood in.
        compared: What sampled calls show.
        call_usd: What a call of the teacher costs in the mean; ``None`` where not known.
        call_ms: How long one takes at the median; likewise.
        events: The last ones, the newest first.
        disagreements: Its last answers that the teacher would not have given, the newest first.
    """

    task: str
    state: str
    reason: str
    percent: float
    shadow: float
    artefact: str
    changed: float
    teacher: str
    target: float
    confidence: float
    expected_coverage: float
    calls: Mapping[Route, int]
    own_calls: Mapping[Route, int]
    compared: Compared
    call_usd: float | None
    call_ms: float | None
    events: list[PromotionEvent]
    disagreements: list[Shadow]

    @property
    def answered(self) -> int:
        """Calls that the student answered."""
        return self.calls.get("student", 0) + self.calls.get("shadow", 0)

    @property
    def total(self) -> int:
        """All calls of the task."""
        return sum(self.calls.values())

    @property
    def coverage(self) -> float | None:
        """Share that it answered of the calls on which it said something, if there are any."""
        answered = self.own_calls.get("student", 0) + self.own_calls.get("shadow", 0)
        asked = answered + self.own_calls.get("deferred", 0)
        return answered / asked if asked else None

    @property
    def saved_usd(self) -> float | None:
        """What the teacher's answers would have cost, less those that were bought to compare."""
        if self.call_usd is None:
            return None
        return self.call_usd * self.calls.get("student", 0)

    def to_object(self) -> JsonObject:
        """Return it as JSON."""
        return {
            **self._asdict(),
            "calls": dict(self.calls),
            "own_calls": dict(self.own_calls),
            "compared": {**self.compared._asdict(), "agreement": self.compared.agreement},
            "events": [event._asdict() for event in self.events],
            "disagreements": [shadow._asdict() for shadow in self.disagreements],
            "answered": self.answered,
            "total": self.total,
            "coverage": self.coverage,
            "saved_usd": self.saved_usd,
        }


def read_standings(database: Database, task: str | None = None) -> list[Standing]:
    """Return how promoted students do, by task.

    Args:
        database: The store.
        task: That of this task alone.

    Raises:
        InputError: The store cannot be read.
    """
    promotions, shadows = PromotionStore(database), ShadowStore(database)
    return [
        _standing(promotion, promotions, shadows)
        for promotion in promotions.all()
        if task in {None, promotion.task}
    ]


def _standing(promotion: Promotion, promotions: PromotionStore, shadows: ShadowStore) -> Standing:
    watch = shadows.watch(promotion.task, promotion.artefact) or {}
    plan, state, reason = _read_plan(promotion)
    return Standing(
        task=promotion.task,
        state=state,
        reason=reason,
        percent=promotion.percent,
        shadow=promotion.shadow,
        artefact=promotion.artefact,
        changed=promotion.changed,
        teacher=plan.teacher,
        target=plan.target,
        confidence=plan.confidence,
        expected_coverage=plan.coverage,
        calls=shadows.counts(promotion.task),
        own_calls=shadows.counts(promotion.task, promotion.artefact),
        compared=Compared(
            watch.get("compared", 0),
            watch.get("disagreements", 0),
            watch.get("agreement_low", 0.0),
            watch.get("agreement_high", 1.0),
        ),
        call_usd=plan.call_usd,
        call_ms=plan.call_ms,
        events=promotions.events(promotion.task, _EVENTS),
        disagreements=shadows.disagreements(promotion.task, promotion.artefact, _DISAGREEMENTS),
    )


def _read_plan(promotion: Promotion) -> tuple[Plan, str, str]:
    """The plan of a promotion, its state, and why; one that cannot be read hides no other."""
    try:
        return read_plan(promotion.plan), promotion.state, promotion.reason
    except InputError as error:
        return _NO_PLAN, "unreadable", str(error)
