"""Which calls students answer: those of a promoted task where its certificate covers the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.serving.answer_writing import write_answer, write_known_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.promotion import StudentAnswer
    from locum.serving.active_call import ActiveCall
    from locum.serving.answer_writing import WrittenAnswer
    from locum.serving.client import ClientConnection
    from locum.serving.recogniser import OurCall, Recogniser
    from locum.serving.stand_in_metrics import StandInMetrics
    from locum.serving.student_answers import Said
    from locum.serving.student_link import StudentLink
    from locum.serving.wire import Request
    from locum.store import Route

__all__ = ["Arrival", "Sampled", "StandIns", "TallyKey", "Verdict"]

_log = logging.getLogger("locum.gateway")


TallyKey = tuple[str, str, str, "Route", float | None]
"""Task, artefact, application, route, and what its teacher costs: what calls are counted by."""


class Sampled(NamedTuple):
    """What the student said of a call that was drawn by chance, for the record.

    Args:
        task: Of which task.
        artefact: Which student.
        folder: Where that lies.
        answered: Whether the certificate covers what it said.
        said: Its answer.
        confidence: What it thinks of it.
        novelty: How unlike its training inputs the input is, where it says so.
    """

    task: str
    artefact: str
    folder: str
    answered: bool
    said: str
    confidence: float
    novelty: float | None


class Verdict(NamedTuple):
    """What came of a call.

    Args:
        task: Whose call it is; ``None`` for one of no promoted task.
        route: Where it goes.
        answer: What the student said, where it answered.
        scoring: Asks the student beside the teacher, whose answer alone is given.
        charge: Counts what the teacher asks for the call, once it is known to ask for anything.
        sampled: What is to be recorded of it besides the teacher's answer; the teacher is to be
            asked then, also where the student answered.
    """

    task: str | None
    route: Route
    sampled: Sampled | None = None
    answer: StudentAnswer | None = None
    scoring: asyncio.Task[Sampled | None] | None = None
    charge: Callable[[], None] | None = None

    @property
    def answered(self) -> bool:
        """Whether the student answered."""
        return self.route in {"student", "shadow"}


_NOT_OURS = Verdict(None, "teacher")


class Arrival(NamedTuple):
    """A call as it came.

    Args:
        request: What the client sent.
        client: Who waits for the answer.
        received: When it was there, by the clock that never goes back.
        lot: Between 0 and 1, drawn at random: calls of low ones are sampled.
    """

    request: Request
    client: ClientConnection
    received: float
    lot: float


class _Turn(NamedTuple):
    """A student that may be asked.

    Args:
        link: Asks it.
        chosen: Whether the call is among the share that it is to answer.
        drawn: Whether the call is to be sampled; all are where it is to answer none.
    """

    link: StudentLink
    chosen: bool
    drawn: bool


@dataclass(slots=True)
class _Counted:
    """Calls that went one way, and those of them whose price counts."""

    calls: int = 0
    priced: int = 0


class StandIns:
    """Lets students answer.

    Args:
        recogniser: Tells which calls are theirs.
        metrics: Counts them.
        is_blind: Tells whether nobody would see that a promise is broken; then no student answers.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        metrics: StandInMetrics,
        is_blind: Callable[[], bool],
    ) -> None:
        self._recogniser = recogniser
        self._metrics = metrics
        self._tallies: defaultdict[TallyKey, _Counted] = defaultdict(_Counted)
        self._is_blind = is_blind

    def take_tallies(self, moment: float) -> list[tuple[object, ...]]:
        """Return how many calls went which way since the last time, as `locum.store.Tally` has it.

        Args:
            moment: Now, in seconds since 1970.
        """
        taken, self._tallies = self._tallies, defaultdict(_Counted)
        return [
            (task, artefact, moment, application, route, of.calls, usd and of.priced * usd)
            for (task, artefact, application, route, usd), of in taken.items()
        ]

    def answer_at_once(
        self,
        arrival: Arrival,
        to_shadow: Callable[[Arrival], ActiveCall | None],
        go_on: Callable[[Verdict | None, ActiveCall | None], None],
    ) -> bool:
        """Let a student answer, if the call is like one before in all but its input.

        Such a call need not be read, unless it is sampled, and nobody waits for it in a task.

        Args:
            arrival: The call.
            to_shadow: Reads it, if it may be sent to its teacher for the record alone.
            go_on: Is told later what came of it, and what was read; no verdict where the client
                has left.

        Returns:
            Whether the student was asked; else nothing was done.
        """
        ours = self._recogniser.find(arrival.request, arrival.received)
        turn = None if ours is None else self._turn(ours, arrival.lot)
        if ours is None or turn is None or not turn.chosen:
            return False
        client, asked = arrival.client, time.perf_counter()
        call = to_shadow(arrival) if turn.drawn else None

        def take(said: Said | None) -> None:
            self._observe(ours, said, asked)
            sampled = None if call is None else _sample(ours, turn.link, said)
            write = write_known_answer
            gone = client.gone
            go_on(None if gone else self._conclude(ours, said, client, write, sampled), call)

        novelty = call is not None
        return turn.link.ask_for(ours.text, take, chances=ours.wants_chances, novelty=novelty)

    async def answer(
        self,
        call: ActiveCall,
        arrival: Arrival,
        may_shadow: Callable[[ActiveCall], bool],
    ) -> Verdict:
        """Answer a call, if it is one that a student may answer.

        Args:
            call: The call.
            arrival: Likewise, as it came.
            may_shadow: Tells whether a call may be sent to its teacher for the record alone.
        """
        ours = await self._recogniser.recognise(call)
        if ours is None:
            return _NOT_OURS
        turn = self._turn(ours, arrival.lot)
        if turn is None:
            return Verdict(ours.stand_in.promotion.task, "teacher")
        if not turn.chosen:
            return self._beside_teacher(ours, turn)
        drawn = turn.drawn and may_shadow(call)
        said = await self._ask(ours, turn.link, chances=ours.wants_chances, novelty=drawn)
        sampled = _sample(ours, turn.link, said) if drawn else None
        return self._conclude(ours, said, arrival.client, write_answer, sampled)

    def _turn(self, ours: OurCall, lot: float) -> _Turn | None:
        """Whether it is the student's turn; ``None`` where it cannot, or must not, be asked."""
        link = ours.stand_in.link
        if link is None or self._is_blind():
            return None
        promotion = ours.stand_in.promotion
        drawn = promotion.percent == 0 or lot < promotion.shadow
        return _Turn(link, ours.is_chosen, drawn)

    def _beside_teacher(self, ours: OurCall, turn: _Turn) -> Verdict:
        """Leave a call to the teacher; what is drawn of such calls is scored meanwhile."""
        if not turn.drawn:
            return self._went(ours, "teacher")
        scoring = asyncio.get_running_loop().create_task(self._score(ours, turn.link))
        charge = partial(self._charge, _key(ours, "teacher"))
        task = ours.stand_in.promotion.task
        return Verdict(task, "teacher", scoring=scoring, charge=charge)

    async def _score(self, ours: OurCall, link: StudentLink) -> Sampled | None:
        """Ask a student while its teacher is asked, and count whether it spoke in time."""
        said = None
        try:
            said = await self._ask(ours, link, chances=False, novelty=True)
        finally:
            self._went(ours, "failed" if said is None else "teacher")
        return _sample(ours, link, said)

    async def _ask(
        self, ours: OurCall, link: StudentLink, *, chances: bool, novelty: bool
    ) -> Said | None:
        asked = time.perf_counter()
        said = await link.ask(ours.text, chances=chances, novelty=novelty)
        self._observe(ours, said, asked)
        return said

    def _observe(self, ours: OurCall, said: Said | None, asked: float) -> None:
        if said is not None:
            task = ours.stand_in.promotion.task
            self._metrics.observe_student(task, time.perf_counter() - asked)

    def _conclude(
        self,
        ours: OurCall,
        said: Said | None,
        client: ClientConnection,
        write: Callable[[OurCall, Said], WrittenAnswer | None],
        sampled: Sampled | None = None,
    ) -> Verdict:
        """Deliver what the student said, if it may answer.

        Args:
            ours: The call.
            said: What the student said; ``None`` where it said nothing in time.
            client: Who waits for it.
            write: Writes the answer, if the certificate covers it.
            sampled: What is to be recorded, where the call was drawn by chance.
        """
        if said is None:
            return self._went(ours, "failed")
        try:
            written = write(ours, said)
        except Exception:  # noqa: BLE001 - whatever it is, the teacher can answer
            _log.exception("a student's answer could not be written")
            return self._went(ours, "failed")
        if written is None:
            return self._went(ours, "deferred", sampled)
        client.send(written.head, written.body)
        promotion = ours.stand_in.promotion
        self._metrics.observe_request(promotion.task, time.monotonic() - ours.received)
        return self._went(ours, "shadow" if sampled else "student", sampled, written.answer)

    def _went(
        self,
        ours: OurCall,
        route: Route,
        sampled: Sampled | None = None,
        answer: StudentAnswer | None = None,
    ) -> Verdict:
        task, key = ours.stand_in.promotion.task, _key(ours, route)
        self._tallies[key].calls += 1
        if route == "student":
            self._charge(key)
        self._metrics.count(task, route)
        return Verdict(task, route, sampled, answer, charge=partial(self._charge, key))

    def _charge(self, key: TallyKey) -> None:
        """Count the price of one call more: it is saved where the student answers alone."""
        self._tallies[key].priced += 1


def _key(ours: OurCall, route: Route) -> TallyKey:
    promotion, call_usd = ours.stand_in.promotion, ours.stand_in.plan.call_usd
    return (promotion.task, promotion.artefact, ours.application, route, call_usd)


def _sample(ours: OurCall, link: StudentLink, said: Said | None) -> Sampled | None:
    if said is None:
        return None
    promotion = ours.stand_in.promotion
    return Sampled(
        task=promotion.task,
        artefact=promotion.artefact,
        folder=str(link.folder),
        answered=said.answered,
        said=said.text,
        confidence=said.confidence,
        novelty=said.novelty,
    )
