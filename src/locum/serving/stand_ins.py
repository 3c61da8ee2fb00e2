"""Which calls students answer: those of a promoted task where its certificate covers the answer."""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion import ANSWER_FORMS, Ask, Frame, StudentAnswer, ask_of, frame_of, random_name
from locum.traffic import is_stored, split_request, to_chat
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from locum.promotion import AnswerForm, AnswerText
    from locum.redaction import Redactor
    from locum.schema import JsonObject
    from locum.serving.client import ClientConnection
    from locum.serving.forwarder import ActiveCall
    from locum.serving.roster import Roster, StandIn
    from locum.serving.stand_in_metrics import StandInMetrics
    from locum.serving.student_link import Said, StudentLink
    from locum.store import Route

__all__ = ["Sampled", "StandIns", "TallyKey", "Verdict"]

_ALL = 100
_MOST_FRAMES = 4_096
_LARGEST_FRAME = 64 * 1024
_REQUEST_DIGITS = 24
_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"


TallyKey = tuple[str, str, str, "Route"]
"""Task, artefact, application and route: what calls are counted by."""


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
        scoring: Asks the student beside the teacher, whose answer alone counts.
        sampled: What is to be recorded of it besides the teacher's answer; the teacher is to be
            asked then, also where the student answered.
    """

    task: str | None
    route: Route
    sampled: Sampled | None = None
    answer: StudentAnswer | None = None
    scoring: asyncio.Task[Sampled | None] | None = None

    @property
    def answered(self) -> bool:
        """Whether the student answered."""
        return self.route in {"student", "shadow"}


_NOT_OURS = Verdict(None, "teacher")


class _Ours(NamedTuple):
    """A call of a promoted task."""

    stand_in: StandIn
    frame: Frame
    text: str
    ask: Ask
    chat: JsonObject
    form: AnswerForm


class StandIns:
    """Lets students answer.

    Args:
        roster: Which are promoted.
        redactor: Takes out of prompts what is taken out of recorded ones, so that both look alike.
        chance: Draws which calls are sampled.
        metrics: Counts them.
        is_blind: Tells whether nobody would see that a promise is broken; then no student answers.
    """

    def __init__(
        self,
        roster: Roster,
        redactor: Redactor,
        chance: random.Random,
        metrics: StandInMetrics,
        is_blind: Callable[[], bool],
    ) -> None:
        self._roster = roster
        self._metrics = metrics
        self._redactor = redactor
        self._chance = chance
        self._frames: dict[bytes, Frame] = {}
        self._tallies: dict[TallyKey, int] = {}
        self._is_blind = is_blind

    def take_tallies(self) -> list[tuple[TallyKey, int]]:
        """Return how many calls went which way since the last time."""
        taken, self._tallies = self._tallies, {}
        return list(taken.items())

    async def answer(
        self, call: ActiveCall, client: ClientConnection, may_shadow: Callable[[ActiveCall], bool]
    ) -> Verdict:
        """Answer a call, if it is one that a student may answer.

        Args:
            call: The call.
            client: Who waits for it.
            may_shadow: Tells whether a call may be sent to its teacher for the record alone.
        """
        stand_ins = self._roster.stand_ins
        form = ANSWER_FORMS.get(call.endpoint)
        if not stand_ins or form is None:
            return _NOT_OURS
        ours = await self._recognise(call, form, stand_ins)
        if ours is None:
            return _NOT_OURS
        link = ours.stand_in.link
        if link is None or self._is_blind():
            return Verdict(ours.stand_in.promotion.task, "teacher")
        if ours.stand_in.promotion.percent == 0:
            scoring = asyncio.get_running_loop().create_task(self._score(ours, link))
            return self._went(call, ours, "teacher")._replace(scoring=scoring)
        drawn = self._chance.random() < ours.stand_in.promotion.shadow and may_shadow(call)
        return await self._serve(call, ours, link, client, drawn=drawn)

    async def _recognise(
        self, call: ActiveCall, form: AnswerForm, stand_ins: tuple[StandIn, ...]
    ) -> _Ours | None:
        if is_stored(call.endpoint, call.body) or not form.takes(call.body):
            return None
        chat = to_chat(call.endpoint, call.body, None).request
        split = split_request(chat)
        ask = ask_of(chat)
        if split is None or ask is None:
            return None
        name = call.request.headers.get_text(b"x-locum-task")
        likely = [one for one in stand_ins if one.may_be_asked(call.model, name, split.text)]
        frame = await self._frame(split.rest) if likely else None
        if frame is None:
            return None
        for stand_in in likely:
            if stand_in.plan.recognition.admits(frame, split.text):
                return _Ours(stand_in, frame, split.text, ask, chat, form)
        return None

    async def _frame(self, rest: JsonObject) -> Frame | None:
        """The frame of a request; those of the last ones are kept, as most are alike.

        There is none for one that is so large that to redact it would hold up other calls.
        """
        whole = write_json(rest)
        key = sha256(whole).digest()
        frame = self._frames.get(key)
        if frame is None and len(whole) <= _LARGEST_FRAME:
            if len(self._frames) >= _MOST_FRAMES:
                self._frames.clear()
            frame = self._frames[key] = await asyncio.to_thread(self._make_frame, rest)
        return frame

    def _make_frame(self, rest: JsonObject) -> Frame:
        [redacted] = self._redactor.redact([rest]).values
        return frame_of(redacted)

    async def _serve(
        self,
        call: ActiveCall,
        ours: _Ours,
        link: StudentLink,
        client: ClientConnection,
        *,
        drawn: bool,
    ) -> Verdict:
        promotion = ours.stand_in.promotion
        chosen = promotion.percent == _ALL or _place(ours) < promotion.percent
        if not (chosen or drawn):
            return self._went(call, ours, "teacher")
        wants_chances = ours.ask.top_logprobs is not None
        said = await self._ask(ours, link, chances=wants_chances, novelty=drawn)
        if said is None:
            return self._went(call, ours, "failed")
        sampled = _sample(ours, link, said) if drawn else None
        worded = _word(ours, said) if chosen else None
        if worded is None:
            return self._went(call, ours, "deferred" if chosen else "teacher", sampled)
        answer = self._deliver(call, ours, said, worded, client)
        self._metrics.observe_request(promotion.task, time.monotonic() - call.received)
        return self._went(call, ours, "shadow" if drawn else "student", sampled, answer)

    async def _score(self, ours: _Ours, link: StudentLink) -> Sampled | None:
        """Ask a student while its teacher is asked."""
        said = await self._ask(ours, link, chances=False, novelty=True)
        return None if said is None else _sample(ours, link, said)

    async def _ask(
        self, ours: _Ours, link: StudentLink, *, chances: bool, novelty: bool
    ) -> Said | None:
        asked = time.perf_counter()
        said = await link.ask(ours.text, chances=chances, novelty=novelty)
        if said is not None:
            task = ours.stand_in.promotion.task
            self._metrics.observe_student(task, time.perf_counter() - asked)
        return said

    def _went(
        self,
        call: ActiveCall,
        ours: _Ours,
        route: Route,
        sampled: Sampled | None = None,
        answer: StudentAnswer | None = None,
    ) -> Verdict:
        self._count(call, ours, route)
        return Verdict(ours.stand_in.promotion.task, route, sampled, answer)

    def _count(self, call: ActiveCall, ours: _Ours, route: Route) -> None:
        promotion = ours.stand_in.promotion
        application = call.request.caller.application or ""
        key = (promotion.task, promotion.artefact, application, route)
        self._tallies[key] = self._tallies.get(key, 0) + 1
        self._metrics.count(promotion.task, route)

    def _deliver(
        self,
        call: ActiveCall,
        ours: _Ours,
        said: Said,
        worded: AnswerText,
        client: ClientConnection,
    ) -> StudentAnswer:
        promotion, plan = ours.stand_in.promotion, ours.stand_in.plan
        answer = StudentAnswer(
            text=worded.text,
            model=plan.models.get(ours.frame.model, ours.frame.model),
            prompt_tokens=plan.prompt_tokens.count(ours.text),
            completion_tokens=worded.tokens,
            chances=_chances(ours, said),
            created=int(time.time()),
            artefact=promotion.artefact,
        )
        write = ours.form.stream if ours.ask.stream else ours.form.body
        body = write(answer, ours.ask, call.body)
        headers = (
            (ours.form.request_id, b"req_%b" % random_name(_REQUEST_DIGITS).encode()),
            *ours.stand_in.headers,
            (b"x-locum-confidence", b"%.4f" % said.confidence),
        )
        client.reply(200, body, _EVENTS if ours.ask.stream else _JSON, headers)
        return answer


def _sample(ours: _Ours, link: StudentLink, said: Said) -> Sampled:
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


def _place(ours: _Ours) -> float:
    """Where a call stands among a hundred: the same for all calls of one user, else of one text."""
    body = ours.chat
    metadata = body.get("metadata")
    users = [
        body.get("safety_identifier"),
        body.get("user"),
        metadata.get("user_id") if isinstance(metadata, dict) else None,
    ]
    user = next((user for user in users if isinstance(user, str) and user), None)
    key = f"{ours.stand_in.promotion.task}\0{ours.text if user is None else user}"
    digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
    return 100 * int.from_bytes(digest[:8], "big") / 2**64


def _word(ours: _Ours, said: Said) -> AnswerText | None:
    """The answer as the teacher would write it; ``None`` where the student must not answer."""
    worded = ours.stand_in.plan.word(ours.frame.fingerprint, said.text) if said.answered else None
    if worded is None or worded.tokens > ours.ask.most_tokens:
        return None
    return None if any(stop in worded.text for stop in ours.ask.stops) else worded


def _chances(ours: _Ours, said: Said) -> list[tuple[str, float]]:
    """What might have been said, worded as the teacher would; that which is said comes first."""
    plan, fingerprint = ours.stand_in.plan, ours.frame.fingerprint
    worded = [(plan.word(fingerprint, text), text, chance) for text, chance in said.chances]
    return [(known.text if known else text, chance) for known, text, chance in worded]
