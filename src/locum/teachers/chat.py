"""A teacher behind an OpenAI-compatible chat completions endpoint."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import aiohttp
import orjson
import stamina
from pydantic import BaseModel, Field, ValidationError

from locum.errors import TeacherError, UsageError
from locum.schema import TeacherAnswer, TokenPosition, Usage
from locum.teachers.prompts import build_messages
from locum.teachers.token_paths import label_distribution

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence

    from locum.schema import Task

__all__ = ["API_KEY_VARIABLES", "ChatTeacher"]

T = TypeVar("T")

API_KEY_VARIABLES = ("LOCUM_API_KEY", "OPENAI_API_KEY")
_RETRIED_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0
_SHOWN_CHARACTERS = 300
_MAX_ANSWER_TOKENS = 64


class _Alternative(BaseModel):
    token: str
    logprob: Annotated[float, Field(le=1e-3, allow_inf_nan=False)]


class _Token(_Alternative):
    top_logprobs: list[_Alternative] = []


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]


class _Completion(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class _RetryableError(Exception):
    """A failure that may pass, with the seconds that the server asked to wait."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class ChatTeacher:
    """Asks an OpenAI-compatible server for one label a call, with log-probabilities.

    Args:
        url: The API's base, such as ``https://api.openai.com/v1``; ``/chat/completions`` follows.
        model: Name of the model, as the server knows it.
        api_key: Sent as a bearer token; by default the value of ``LOCUM_API_KEY`` or
            ``OPENAI_API_KEY``, if one is set.
        concurrency: Calls in flight at once.
        top_logprobs: Alternatives asked for at each token; 0 asks for none, for servers that
            refuse the parameter.
        attempts: Tries of one call, the first included.
        timeout: Seconds that one try may take.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        top_logprobs: int = 20,
        attempts: int = 5,
        timeout: float = 60.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(
                f"teacher {url!r}: expected a URL that starts with http:// or https://"
            )
        if concurrency < 1 or attempts < 1 or timeout <= 0 or not 0 <= top_logprobs <= 20:
            raise UsageError(
                f"concurrency={concurrency}, attempts={attempts}, timeout={timeout}, "
                f"top_logprobs={top_logprobs}: expected at least 1, 1, more than 0, and 0 to 20"
            )
        self.url = url.rstrip("/").removesuffix("/chat/completions")
        self.model = model
        self.concurrency = concurrency
        self.top_logprobs = top_logprobs
        self.attempts = attempts
        self.timeout = timeout
        self._reached = False
        set_variables = (os.environ[name] for name in API_KEY_VARIABLES if os.environ.get(name))
        self._api_key = _clean_key(api_key or next(set_variables, None))

    def __repr__(self) -> str:
        """Show everything but the key."""
        return f"ChatTeacher({self.url!r}, model={self.model!r})"

    @property
    def name(self) -> str:
        """The model's name, as the report and the price list call it."""
        return self.model

    def identify(self, task: Task, text: str) -> str:
        """Return a SHA-256 of the server's address and the whole request."""
        request = orjson.dumps([self.url, self._request(task, text)], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(request).hexdigest()

    def _request(self, task: Task, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": build_messages(task, text),
            "temperature": 0,
            "max_tokens": _MAX_ANSWER_TOKENS,
        }
        if self.top_logprobs:
            request |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return request

    async def answer(
        self, task: Task, texts: Sequence[str]
    ) -> AsyncIterator[tuple[int, TeacherAnswer]]:
        """Yield the position of each text with its answer, in the order in which they arrive.

        Raises:
            TeacherError: The server cannot be reached, refuses, or answers something else than
                a chat completion, after as many attempts as are allowed.
        """
        headers = {"authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        async with aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            connector=aiohttp.TCPConnector(limit=self.concurrency),
        ) as session:
            calls = (
                self._answer_one(session, task, position, text)
                for position, text in enumerate(texts)
            )
            async for answered in _run_some_at_once(calls, self.concurrency):
                yield answered

    async def _answer_one(
        self, session: aiohttp.ClientSession, task: Task, position: int, text: str
    ) -> tuple[int, TeacherAnswer]:
        body = orjson.dumps(self._request(task, text))
        try:
            async for attempt in stamina.retry_context(
                on=_backoff, attempts=self.attempts, timeout=None, wait_max=_LONGEST_WAIT
            ):
                with attempt:
                    answer = self._parse(task, *await self._post(session, body))
        except _RetryableError as error:
            raise TeacherError(
                f"teacher {self.url} failed {self.attempts} times on one call; last: {error}"
            ) from None
        return position, answer

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[bytes, float]:
        started = time.perf_counter()
        try:
            async with session.post(
                f"{self.url}/chat/completions",
                data=body,
                headers={"content-type": "application/json"},
                allow_redirects=False,
            ) as response:
                content = await response.read()
                self._check_status(response, content)
                elapsed = 1000 * (time.perf_counter() - started)
                self._reached = True
                return content, elapsed
        except (aiohttp.InvalidURL, UnicodeError):
            raise UsageError(f"teacher {self.url!r} is no valid URL: correct it") from None
        except aiohttp.ClientConnectorError as error:
            if self._reached:
                raise _RetryableError(f"{type(error).__name__} {error}") from None
            raise TeacherError(
                f"teacher {self.url} cannot be reached ({error.os_error.strerror}): check that "
                "the server runs and that the URL is its API's base, such as "
                "http://127.0.0.1:8000/v1"
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _RetryableError(f"{type(error).__name__} {error}".strip()) from None

    def _check_status(self, response: aiohttp.ClientResponse, content: bytes) -> None:
        if response.status == 200:
            return
        shown = self._shown(content)
        if response.status in _RETRIED_STATUS:
            wait = _whole_number(response.headers.get("retry-after"))
            wait = min(wait, _LONGEST_WAIT) if wait is not None else None
            raise _RetryableError(f"HTTP {response.status}: {shown}", wait)
        cure = {
            401: f"; set {' or '.join(API_KEY_VARIABLES)} to a valid key",
            404: "; check the model's name and the URL, which usually ends in /v1",
            400: "; if it refuses logprobs, ask for none: --top-logprobs 0",
        }.get(response.status, "")
        raise TeacherError(f"teacher {self.url} answered HTTP {response.status}: {shown}{cure}")

    def _shown(self, content: bytes) -> str:
        """What the server said, cut short, without the key if it repeats it."""
        text = content.decode("utf-8", "replace")
        if self._api_key:
            text = text.replace(self._api_key, "[key]")
        return text[:_SHOWN_CHARACTERS]

    def _parse(self, task: Task, content: bytes, latency_ms: float) -> TeacherAnswer:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise _RetryableError(
                f"not a chat completion ({where}: {first['msg']}): {self._shown(content)}"
            ) from None
        choice, usage = completion.choices[0], completion.usage
        tokens = (choice.logprobs.content or []) if choice.logprobs else []
        return TeacherAnswer(
            text=choice.message.content or "",
            distribution=label_distribution([_to_position(t) for t in tokens], task.labels),
            usage=Usage(usage.prompt_tokens, usage.completion_tokens) if usage else None,
            latency_ms=latency_ms,
        )


async def _run_some_at_once(
    calls: Iterable[Coroutine[None, None, T]], most: int
) -> AsyncIterator[T]:
    """Yield results as they come; after the first failure the other calls are cancelled."""
    waiting = iter(calls)
    started: set[asyncio.Task[T]] = set()
    try:
        while True:
            for call in islice(waiting, most - len(started)):
                started.add(asyncio.create_task(call))
            if not started:
                return
            done, _ = await asyncio.wait(started, return_when=asyncio.FIRST_COMPLETED)
            for finished in sorted(done, key=lambda task: task.exception() is not None):
                yield finished.result()
                started.discard(finished)
    finally:
        for unfinished in started:
            unfinished.cancel()
        await asyncio.gather(*started, return_exceptions=True)


def _clean_key(key: str | None) -> str | None:
    """A key without the line end that a file puts after it."""
    if key is None or not key.strip():
        return None
    if not (key.strip().isascii() and key.strip().isprintable()):
        raise UsageError("the API key holds characters that no HTTP header can: check the key")
    return key.strip()


def _whole_number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdecimal() else None


def _to_position(token: _Token) -> TokenPosition:
    alternatives = {other.token: other.logprob for other in token.top_logprobs}
    return TokenPosition(token.token, {token.token: token.logprob} | alternatives)


def _backoff(error: Exception) -> bool | float:
    if not isinstance(error, _RetryableError):
        return False
    return error.wait if error.wait is not None else True
