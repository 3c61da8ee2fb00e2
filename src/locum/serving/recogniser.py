"""Which calls are those of promoted tasks, and what a student has to know of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion import ANSWER_FORMS, AnswerForm, Ask, Frame, read_answerable
from locum.serving.known_bodies import KnownBodies
from locum.traffic import to_chat
from locum.traffic.strict_json import parse_json, write_json

if TYPE_CHECKING:
    from locum.promotion import Framer
    from locum.schema import Endpoint, JsonObject
    from locum.serving.active_call import ActiveCall
    from locum.serving.answer_template import AnswerTemplate
    from locum.serving.roster import Roster, StandIn
    from locum.serving.wire import Request

__all__ = ["CallKind", "OurCall", "Recogniser"]

_ALL = 100
_MOST_FRAMES = 4_096
_LARGEST_FRAME = 64 * 1024
_TELLING = (b"content-encoding", b"x-locum-task", b"anthropic-version")


class CallKind(NamedTuple):
    """What calls have in common that differ in their input alone.

    Args:
        stand_ins: Students whose tasks have such calls, if the input is one of theirs too.
        form: In which the API that is called gives answers.
        user: Who the call is for, where it says so.
        frame: All but input and delivery.
        ask: How the answer is wanted.
        repeated: What an answer repeats of them.
        templates: Of answers to them, by the student's artefact and what it says.
    """

    stand_ins: tuple[StandIn, ...]
    form: AnswerForm
    user: str | None
    frame: Frame
    ask: Ask
    repeated: JsonObject
    templates: dict[tuple[str, str], AnswerTemplate | None]

    def call(self, text: str, request: Request, received: float) -> OurCall | None:
        """Return the call with this input; ``None`` where that is no student's.

        Args:
            text: The input.
            request: What the client sent.
            received: When it was there, by the clock that never goes back.
        """
        for stand_in in self.stand_ins:
            if stand_in.plan.recognition.may_hold(text):
                application = request.caller.application or ""
                return OurCall(stand_in, self, text, application, received)
        return None


class OurCall(NamedTuple):
    """A call of a promoted task.

    Args:
        stand_in: The task's student.
        kind: What it has in common with others.
        text: Its input.
        application: Who sent it; empty where applications need no keys.
        received: When it was there, by the clock that never goes back.
    """

    stand_in: StandIn
    kind: CallKind
    text: str
    application: str
    received: float

    @property
    def wants_chances(self) -> bool:
        """Whether the probabilities of other answers are asked for."""
        return self.kind.ask.top_logprobs is not None

    @property
    def is_chosen(self) -> bool:
        """Whether it is among the share that the student is to answer."""
        percent = self.stand_in.promotion.percent
        return percent == _ALL or self._place() < percent

    def _place(self) -> float:
        """Where it stands among a hundred: the same for all calls of a user, else of a text."""
        whose = self.text if self.kind.user is None else self.kind.user
        key = f"{self.stand_in.promotion.task}\0{whose}"
        digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
        return 100 * int.from_bytes(digest[:8], "big") / 2**64


class Recogniser:
    """Tells calls of promoted tasks from others.

    Args:
        roster: Which are promoted.
        framer: Makes frames of calls as of recorded ones, so that both look alike.
    """

    def __init__(self, roster: Roster, framer: Framer) -> None:
        self._roster = roster
        self._framer = framer
        self._frames: dict[bytes, tuple[Frame, Frame]] = {}
        self._thread = ThreadPoolExecutor(1, "locum-frames")
        self._known: KnownBodies[CallKind] = KnownBodies()
        self._known_of: tuple[StandIn, ...] = ()

    def find(self, request: Request, received: float) -> OurCall | None:
        """Return the call of a promoted task that a request is, by its body's bytes alone.

        ``None`` says nothing of it: the request is to be read then.

        Args:
            request: What the client sent.
            received: When it was there.
        """
        self._follow_roster()
        key = _key(request)
        found = None if key is None else self._known.find(key, request.body)
        if found is None:
            return None
        text, kind = found
        return kind.call(text, request, received)

    async def recognise(self, call: ActiveCall) -> OurCall | None:
        """Return the call of a promoted task that a call is; ``None`` where it is none."""
        stand_ins = self._roster.stand_ins
        read = _read(call.endpoint, call.body) if stand_ins else None
        if read is None:
            return None
        text, name = read.text, call.request.headers.get_text(b"x-locum-task")
        named = [one for one in stand_ins if one.may_be_named(call.model, name)]
        likely = any(one.plan.recognition.may_hold(text) for one in named)
        frames = await self._frames_of(read.rest) if likely else None
        if frames is None:
            return None
        for frame in frames:
            knowing = tuple(one for one in named if one.plan.recognition.knows(frame))
            if knowing:
                break
        form = ANSWER_FORMS[call.endpoint]
        repeated = form.repeated(call.body)
        kind = CallKind(knowing, form, read.user, frame, read.ask, repeated, {})
        ours = kind.call(text, call.request, call.received)
        # Meanwhile others may have been promoted.
        if ours is not None and stand_ins is self._roster.stand_ins:
            self._learn(call, kind)
        return ours

    def _follow_roster(self) -> None:
        """Forget what was known of students that were promoted before."""
        if self._known_of is not self._roster.stand_ins:
            self._known_of = self._roster.stand_ins
            self._known.forget()

    def _learn(self, call: ActiveCall, kind: CallKind) -> None:
        """Remember a call, so that others like it are known without being read."""
        self._follow_roster()
        key = _key(call.request)
        if key is not None:
            self._known.learn(key, call.request.body, kind, partial(_read_body, call.endpoint))

    async def _frames_of(self, rest: JsonObject) -> tuple[Frame, Frame] | None:
        """The frames of a request; those of the last ones are kept, as most are alike.

        There are none for one that is so large that to redact it would hold up other calls.
        """
        whole = write_json(rest)
        key = sha256(whole).digest()
        frames = self._frames.get(key)
        if frames is None and len(whole) <= _LARGEST_FRAME:
            if len(self._frames) >= _MOST_FRAMES:
                self._frames.clear()
            loop = asyncio.get_running_loop()
            frames = await loop.run_in_executor(self._thread, self._framer.frames, rest)
            self._frames[key] = frames
        return frames


class _Read(NamedTuple):
    """What a request says, as far as a student cares."""

    text: str
    rest: JsonObject
    ask: Ask
    user: str | None


def _read(endpoint: Endpoint, body: JsonObject) -> _Read | None:
    """Read a request; ``None`` where a student cannot answer it."""
    form = ANSWER_FORMS.get(endpoint)
    if form is None or not form.takes(body):
        return None
    chat = to_chat(endpoint, body, None).request
    read = read_answerable(endpoint, chat)
    if isinstance(read, str):
        return None
    return _Read(read.split.text, read.split.rest, read.ask, _user(chat))


def _read_body(endpoint: Endpoint, body: bytes) -> tuple[str, object] | None:
    """Return the input of a request, and what else is to be like that of another."""
    parsed = parse_json(body)
    read = _read(endpoint, parsed) if isinstance(parsed, dict) else None
    return None if read is None else (read.text, read._replace(text=""))


def _key(request: Request) -> tuple[str | bytes | None, ...] | None:
    """Requests of the same key go to the same API, and their bodies are read by the same rules.

    There is none for requests that are never a student's, for those whose bodies are packed, and
    where the target has a query. What one application sends says nothing of what others do.
    """
    target = request.target
    packed, task, version = request.headers.pick(_TELLING)
    if request.method != b"POST" or b"?" in target or packed is not None:
        return None
    return (request.caller.application, target, task, version)


def _user(chat: JsonObject) -> str | None:
    """Who a call is for."""
    metadata = chat.get("metadata")
    users = [
        chat.get("safety_identifier"),
        chat.get("user"),
        metadata.get("user_id") if isinstance(metadata, dict) else None,
    ]
    return next((user for user in users if isinstance(user, str) and user), None)
