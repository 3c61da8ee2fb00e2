"""What teachers behind an HTTP API share."""

from __future__ import annotations

import copy
import hashlib
import math
import os
from abc import abstractmethod
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import orjson

from locum.errors import UsageError
from locum.prices import Tokens
from locum.teachers.crew import Crew
from locum.teachers.pace import Pace
from locum.teachers.prompts import build_messages, build_object_messages, build_text_messages
from locum.teachers.protocol import BYTES_A_TOKEN, AskedTeacher, likely_output
from locum.teachers.transport import Transport
from locum.teachers.urls import check_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    import aiohttp

    from locum.schema import GenerationTask, JsonObject, Task, TeacherAnswer
    from locum.shapes import ExtractionTask
    from locum.teachers.prompts import Message
    from locum.teachers.protocol import Answered, Question, Till
    from locum.teachers.transport import Reply

__all__ = ["HttpTeacher"]

_TOKENS_AROUND_A_MESSAGE = 16
_TOKENS_AROUND_A_REQUEST = 64
_TOKENS_OF_AN_OBJECT = 1_024
_TOKENS_OF_A_TEXT = 1_024
_LENGTHS = ("max_tokens", "max_completion_tokens")
_SEEDS = ("seed", "random_seed")
_OWN_PARAMETERS = frozenset(
    {"model", "messages", "system", "stream", "n", "best_of", "service_tier", "cache_control"}
)


def _ask_for_label(task: Task, text: str) -> list[Message]:
    return build_messages(task, text)


def _write_freely(task: Task, text: str) -> list[Message]:
    del task
    return [{"role": "user", "content": text}]


class HttpTeacher(AskedTeacher):
    """Asks a model behind an HTTP API, many calls at once.

    Args:
        url: The API's base.
        model: Name of the model, as the API knows it.
        key_variables: Environment variables that may hold the API's key, in order.
        api_key: The key; by default the value of the first variable that is set.
        version: What the model's name stands for, where it is an alias; labels of another version
            are other labels.
        parameters: What else each request says; ``None`` takes a parameter out of it.
        max_tokens: Tokens of an answer at most.
        temperature: Of the model's sampling.
        concurrency: Calls in flight at most; how many it is follows the server's answers.
        requests_a_minute: Calls a minute at most; by default as the server's headers say.
        tokens_a_minute: Tokens a minute at most; likewise.
        attempts: Tries of one call, the first included; waiting at the server's wish is none.
        timeout: Seconds that one try may take.

    Raises:
        UsageError: A value is out of range, or the key cannot be sent.
    """

    path = ""

    def __init__(
        self,
        url: str,
        model: str,
        key_variables: tuple[str, ...],
        *,
        api_key: str | None = None,
        version: str = "",
        parameters: Mapping[str, Any] | None = None,
        max_tokens: int = 64,
        temperature: float = 0.0,
        concurrency: int = 64,
        requests_a_minute: float | None = None,
        tokens_a_minute: float | None = None,
        attempts: int = 5,
        timeout: float = 60.0,
    ) -> None:
        check_url(url, "teacher")
        limits = (requests_a_minute, tokens_a_minute)
        within = 0 < timeout < math.inf and 0 <= temperature < math.inf
        if min(concurrency, attempts, max_tokens) < 1 or not within:
            raise UsageError(
                f"concurrency={concurrency}, attempts={attempts}, max_tokens={max_tokens}, "
                f"timeout={timeout}, temperature={temperature}: expected at least 1, 1, 1, more "
                "than 0, and at least 0; all finite"
            )
        if any(limit is not None and not 0 < limit < math.inf for limit in limits):
            raise UsageError(f"limits a minute of {limits}: expected more than 0, or None for none")
        self.url = url
        self.model = self.name = model
        self.version = version
        self.parameters = _checked(parameters or {})
        self.max_tokens = max_tokens
        self.temperature = float(temperature)
        self.concurrency = concurrency
        self.attempts = attempts
        self.timeout = timeout
        self._pace = Pace(concurrency, *limits)
        self._messages: Callable[[Task, str], list[Message]] = _ask_for_label
        set_variables = (os.environ[name] for name in key_variables if os.environ.get(name))
        key = _clean_key(api_key or next(set_variables, None))
        self.transport = Transport(url, self._authorization(key), key, " or ".join(key_variables))

    def __repr__(self) -> str:
        """Show everything but the key."""
        return f"{type(self).__name__}({self.url!r}, model={self.model!r})"

    @abstractmethod
    def _authorization(self, key: str | None) -> dict[str, str]:
        """Headers that carry the key."""

    @abstractmethod
    def _body(self, messages: list[Message]) -> JsonObject:
        """The request, before the user's own parameters."""

    @abstractmethod
    def read(self, task: Task, body: bytes, latency_ms: float | None) -> TeacherAnswer:
        """Return the answer that the body of a response holds.

        Raises:
            AttemptError: It is none.
        """

    def request(self, task: Task, text: str) -> JsonObject:
        """Return the body of the request that asks about a text."""
        whole = self._body(self._messages(task, text)) | self.parameters
        return {name: value for name, value in whole.items() if value is not None}

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a SHA-256 of address, version, draw and the whole request."""
        asked = [self.url, self.request(task, text)]
        extra = [[self.version, draw]] if self.version or draw else []
        return hashlib.sha256(orjson.dumps(asked + extra, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return the most tokens that a call may take.

        No tokenizer in use spells a text in more tokens than it has bytes of UTF-8; the bytes of
        the whole request bound its tools and schemas too.

        Raises:
            UsageError: The user's parameters leave the length of answers open.
        """
        request = self.request(task, text)
        written = len(orjson.dumps(request)) + _TOKENS_AROUND_A_MESSAGE * len(request["messages"])
        lengths = [request[name] for name in _LENGTHS if name in request]
        if not lengths or any(type(length) is not int or length < 1 for length in lengths):
            raise UsageError(
                f"the parameters of teacher {self.name!r} leave the length of its answers open: "
                f"expected a whole number of 1 or more for {' or '.join(_LENGTHS)}"
            )
        return Tokens(written + _TOKENS_AROUND_A_REQUEST, max(lengths))

    def likely_case(self, task: Task, text: str) -> Tokens:
        """Return about how many tokens a call takes: a token is four bytes of text."""
        messages = self._messages(task, text)
        written = sum(len(message["content"].encode()) for message in messages)
        around = _TOKENS_AROUND_A_MESSAGE // BYTES_A_TOKEN * len(messages)
        return Tokens(written // BYTES_A_TOKEN + around, likely_output(task))

    def why_steady(self) -> str | None:
        """Return which setting lets each draw bring the same answer, the parameters included."""
        said = {"temperature": self.temperature, **self.parameters}
        if said["temperature"] == 0:
            return "at temperature 0"
        seeds = (f"with {name} {said[name]}" for name in _SEEDS if said.get(name) is not None)
        return next(seeds, None)

    def as_writer(self, *, max_tokens: int, temperature: float) -> Self:
        """Return the same teacher, to be asked for texts: the input is the whole prompt."""
        writer = self._anew(_write_freely)
        writer.max_tokens = max_tokens
        writer.temperature = temperature
        return writer

    def as_extractor(self, task: ExtractionTask) -> Self:
        """Return the same teacher, to be asked for JSON objects of a schema.

        An answer may be of 1,024 tokens, or of the teacher's ``max_tokens`` where that is more.
        """
        extractor = self._anew(partial(build_object_messages, task))
        extractor.max_tokens = max(self.max_tokens, _TOKENS_OF_AN_OBJECT)
        return extractor

    def as_answerer(self, task: GenerationTask) -> Self:
        """Return the same teacher, to be asked for texts.

        An answer may be of 1,024 tokens, or of the teacher's ``max_tokens`` where that is more.
        """
        answerer = self._anew(partial(build_text_messages, task))
        answerer.max_tokens = max(self.max_tokens, _TOKENS_OF_A_TEXT)
        return answerer

    def _anew(self, messages: Callable[[Task, str], list[Message]]) -> Self:
        """Return the same teacher, to be asked for other things than labels."""
        other = copy.copy(self)
        other._pace = self._pace.anew()  # noqa: SLF001 - of its own class
        other.writes = True
        other._messages = messages  # noqa: SLF001 - of its own class
        return other

    async def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield each question with its answer or failure, as `AskedTeacher.answer`."""
        limits = self.concurrency, self.timeout
        async with (
            self.transport.open_session(*limits) as kept,
            self.transport.open_session(*limits, keep_alive=False) as single,
        ):
            crew = Crew(_Calls(self, task, kept, single), self._pace, till, self.attempts)
            async with aclosing(crew.ask(questions)) as arriving:
                async for answered in arriving:
                    yield answered


class _Calls:
    """The calls of one task: on connections that are kept, or on one each."""

    def __init__(
        self,
        teacher: HttpTeacher,
        task: Task,
        kept: aiohttp.ClientSession,
        single: aiohttp.ClientSession,
    ) -> None:
        self._teacher = teacher
        self._task = task
        self._kept, self._single = kept, single

    def worst_of(self, question: Question) -> Tokens:
        return self._teacher.worst_case(self._task, question.text)

    async def send(self, question: Question) -> Reply:
        body = orjson.dumps(self._teacher.request(self._task, question.text))
        transport = self._teacher.transport
        session = self._single if transport.hangs_up else self._kept
        return await transport.post(session, self._teacher.path, body)

    def read(self, reply: Reply) -> TeacherAnswer:
        return self._teacher.read(self._task, reply.body, 1000 * reply.seconds)


def _checked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that change neither what is asked nor what it costs beyond the worst case."""
    taken = sorted(_OWN_PARAMETERS & parameters.keys())
    if taken:
        raise UsageError(
            f"parameters {', '.join(taken)}: these are set by the teacher itself, or would change "
            "its price unseen; take them out"
        )
    try:
        orjson.dumps(parameters)
    except orjson.JSONEncodeError as error:
        raise UsageError(f"parameters {parameters!r} are no JSON: {error}") from None
    return dict(parameters)


def _clean_key(key: str | None) -> str | None:
    """A key without the line end that a file puts after it."""
    if key is None or not key.strip():
        return None
    if not (key.strip().isascii() and key.strip().isprintable()):
        raise UsageError("the API key holds characters that no HTTP header can: check the key")
    return key.strip()
