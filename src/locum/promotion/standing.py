"""How promoted students do: what ``locum status`` and the gateway's page show."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from locum.errors import InputError
from locum.promotion.other_prompts import OtherPrompt, find_other_prompts
from locum.promotion.plan import read_plan
from locum.promotion.usage import Usage
from locum.store import CallStore, PromotionStore, Route, ShadowStore, hour_begin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.promotion.framer import Framer
    from locum.promotion.plan import Plan
    from locum.schema import JsonObject
    from locum.store import Database, Grouping, Promotion, PromotionEvent, Shadow

__all__ = ["Alarm", "Compared", "Standing", "read_standings"]

Alarm = Literal["inputs", "labels", "self_agreement", "teacher"]
# As the watch calls what it finds; other kinds are names of teachers.
_ALARMS: dict[str, Alarm] = {
    "novelty": "inputs",
    "labels": "labels",
    "repeats": "self_agreement",
}
_EVENTS = 10
_DISAGREEMENTS = 10


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


class _Planned(NamedTuple):
    """What a plan says of a student; nothing where it cannot be read."""

    teacher: str | None = None
    target: float | None = None
    confidence: float | None = None
    coverage: float | None = None
    call_usd: float | None = None
    call_ms: float | None = None

    @classmethod
    def of(cls, plan: Plan) -> _Planned:
        return cls(*(getattr(plan, name) for name in cls._fields))


class Standing(NamedTuple):
    """How one promoted student does.

    Args:
        task: Of which task.
        state: ``active``, ``demoted``, ``revoked``, or ``unreadable`` where its plan is damaged or
            another version's, so that its teacher answers all calls.
        reason: Why; empty where somebody wished so.
        percent: Of how many calls in a hundred it is asked.
        shadow: Share of calls that are sampled.
        artefact: SHA-256 of its manifest.
        changed: When its state last changed, in seconds since 1970.
        learned_from_deleted: Whether it learned from calls that were deleted since.
        broken: Whether its watch found that it breaks its promise, also where it was only scored.
        alarms: What else its watch has found to be otherwise than in its first sampled calls, a
            sentence each.
        teacher: Who answers else; this and what follows is ``None`` where no plan says it.
        target: The promised agreement on what it answers.
        confidence: Of the promise.
        expected_coverage: Share of calls that it was certified to answer.
        since: From when on calls are counted, in seconds since 1970; ``None`` where all are, since
            a student was first promoted.
        by: What rows are by; ``None`` where there are none.
        calls: How many calls of the task went which way.
        own_calls: Likewise, while this student stood in.
        rows: The same calls apart: by when an hour or a day (in UTC) begins, in seconds since 1970,
            the newest first; or by the name of an application, empty where a gateway knows none.
        compared: What sampled calls show.
        usd: What the teacher asks for so many, each at its mean price of the time; ``None`` where
            that is not known.
        call_usd: What a call of the teacher costs in the mean now; likewise.
        call_ms: How long one takes at the median; likewise.
        events: The last ones, the newest first.
        disagreements: Its last answers that the teacher would not have given, the newest first.
        other_prompts: Calls since it was last changed that are none of the task's for their prompt
            alone, the most first; empty where nobody asked for them.
    """

    task: str
    state: str
    reason: str
    percent: float
    shadow: float
    artefact: str
    changed: float
    learned_from_deleted: bool
    broken: bool
    alarms: Mapping[Alarm, str]
    teacher: str | None
    target: float | None
    confidence: float | None
    expected_coverage: float | None
    since: int | None
    by: Grouping | None
    calls: Mapping[Route, int]
    own_calls: Mapping[Route, int]
    rows: Mapping[int | str, Usage]
    compared: Compared
    usd: Mapping[Route, float] | None
    call_usd: float | None
    call_ms: float | None
    events: list[PromotionEvent]
    disagreements: list[Shadow]
    other_prompts: list[OtherPrompt]

    @property
    def usage(self) -> Usage:
        """The calls of the task, and what they cost."""
        return Usage(self.calls, self.usd)

    @property
    def coverage(self) -> float | None:
        """Share that it answered of the calls on which it said something, if there are any."""
        answered = Usage(self.own_calls, None).answered
        asked = answered + self.own_calls.get("deferred", 0)
        return answered / asked if asked else None

    def to_object(self) -> JsonObject:
        """Return it as JSON."""
        return {
            **self._asdict(),
            **self.usage.to_object(),
            "own_calls": dict(self.own_calls),
            "rows": [{str(self.by): key, **row.to_object()} for key, row in self.rows.items()],
            "compared": {**self.compared._asdict(), "agreement": self.compared.agreement},
            "events": [event._asdict() for event in self.events],
            "disagreements": [shadow._asdict() for shadow in self.disagreements],
            "other_prompts": [one._asdict() for one in self.other_prompts],
            "coverage": self.coverage,
        }


def read_standings(
    database: Database,
    task: str | None = None,
    *,
    since: float | None = None,
    by: Grouping | None = None,
    framer: Framer | None = None,
) -> list[Standing]:
    """Return how promoted students do, by task.

    Args:
        database: The store.
        task: That of this task alone; by default of all.
        since: Count calls from the beginning of the hour of this moment on, in seconds since 1970;
            by default all. What sampled calls show, events and disagreements are of all times.
        by: Of what each row holds the calls; by default there are no rows.
        framer: Makes frames of calls, as the gateway does, to look for `other_prompts` among what
            was recorded; by default nobody looks, which takes the longer the more that is.

    Raises:
        InputError: The store cannot be read.
        UsageError: Calls are to be looked at that are archived, and ``locum[parquet]`` is missing.
    """
    promotions, shadows, store = (
        PromotionStore(database),
        ShadowStore(database),
        CallStore(database),
    )
    begin = None if since is None else hour_begin(since)
    found = []
    for promotion in promotions.all():
        if task in {None, promotion.task}:
            standing = _standing(promotion, promotions, shadows, store, begin, by)
            prompts = _other_prompts(database, promotion, framer, since)
            found.append(standing._replace(other_prompts=prompts))
    return found


def _other_prompts(
    database: Database, promotion: Promotion, framer: Framer | None, since: float | None
) -> list[OtherPrompt]:
    """Look for calls that a student which stands in is not asked of; one that is read by nobody."""
    if framer is None or promotion.state != "active":
        return []
    try:
        recognition = read_plan(promotion).recognition
    except InputError:
        return []
    first = max(promotion.changed, since or 0.0)
    return find_other_prompts(database, promotion, recognition, framer, first)


def _standing(
    promotion: Promotion,
    promotions: PromotionStore,
    shadows: ShadowStore,
    store: CallStore,
    since: int | None,
    by: Grouping | None,
) -> Standing:
    # All calls are the sum of the rows: gateways may count more between two queries.
    rows = shadows.counts_by(by, promotion.task, since=since)
    watch = shadows.watch(promotion.task, promotion.artefact) or {}
    planned, state, reason = _read_plan(promotion)
    return Standing(
        task=promotion.task,
        state=state,
        reason=reason,
        percent=promotion.percent,
        shadow=promotion.shadow,
        artefact=promotion.artefact,
        changed=promotion.changed,
        learned_from_deleted=store.learned_from_deleted(promotion.artefact),
        broken=bool(watch.get("broken")),
        alarms=_alarms(watch),
        teacher=planned.teacher,
        target=planned.target,
        confidence=planned.confidence,
        expected_coverage=planned.coverage,
        since=since,
        by=by,
        calls=sum((row.calls for row in rows.values()), Counter[Route]()),
        own_calls=shadows.counts(promotion.task, promotion.artefact, since=since),
        rows={key: Usage(row.calls, _known(row.usd, planned)) for key, row in rows.items() if by},
        compared=Compared(
            watch.get("compared", 0),
            watch.get("disagreements", 0),
            watch.get("agreement_low", 0.0),
            watch.get("agreement_high", 1.0),
        ),
        usd=_known(_sum([row.usd for row in rows.values()]), planned),
        call_usd=planned.call_usd,
        call_ms=planned.call_ms,
        events=promotions.events(promotion.task, _EVENTS),
        disagreements=shadows.disagreements(promotion.task, promotion.artefact, _DISAGREEMENTS),
        other_prompts=[],
    )


def _alarms(watch: JsonObject) -> dict[Alarm, str]:
    """What a watch has found, by what it is about; each teacher that is new has one of its own."""
    found = {}
    for kind, said in watch.get("alarms", {}).items():
        found[_ALARMS.get(kind, "teacher")] = str(said)
    return found


def _known(usd: Mapping[Route, float], planned: _Planned) -> Mapping[Route, float] | None:
    """Dollars by route, where any price is known or will be."""
    return usd if usd or planned.call_usd is not None else None


def _sum(parts: Iterable[Mapping[Route, float]]) -> dict[Route, float]:
    total: defaultdict[Route, float] = defaultdict(float)
    for part in parts:
        for route, usd in part.items():
            total[route] += usd
    return dict(total)


def _read_plan(promotion: Promotion) -> tuple[_Planned, str, str]:
    """What a promotion's plan says, its state, and why; one that is unreadable hides no other."""
    try:
        return _Planned.of(read_plan(promotion)), promotion.state, promotion.reason
    except InputError as error:
        ended = promotion.state != "active"
        told = (promotion.state, promotion.reason) if ended else ("unreadable", str(error))
        return _Planned(), *told
