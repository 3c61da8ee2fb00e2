"""A teacher behind an OpenAI-compatible chat completions endpoint."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import orjson
import stamina
from pydantic import BaseModel, Field, ValidationError

from locum.errors import TeacherError, UsageError
from locum.schema import TeacherAnswer, Usage
from locum.teachers.prompts import build_messages
from locum.teachers.token_paths import Position, label_distribution

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from locum.schema import Task

__all__ = ["API_KEY_VARIABLES", "ChatTeacher"]

API_KEY_VARIABLES = ("LOCUM_API_KEY", "OPENAI_API_KEY")
_PROCESSING_HEADER = "openai-processing-ms"
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
        set_variables = (os.environ[name] for name in API_KEY_VARIABLES if os.environ.get(name))
        self._api_key = api_key or next(set_variables, None)

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
            waiting = iter(enumerate(texts))
            running: set[asyncio.Task[tuple[int, TeacherAnswer]]] = set()
            try:
                while True:
                    for position, text in waiting:
                        running.add(
                            asyncio.create_task(self._answer_one(session, task, position, text))
                        )
                        if len(running) >= self.concurrency:
                            break
                    if not running:
                        return
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for finished in done:
                        yield finished.result()
            finally:
                for unfinished in running:
                    unfinished.cancel()
                await asyncio.gather(*running, return_exceptions=True)

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
                said = response.headers.get(_PROCESSING_HEADER, "")
                return content, max(elapsed, float(said) if said.isdigit() else 0.0)
        except aiohttp.ClientConnectorError as error:
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
        shown = content[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
        if self._api_key:
            shown = shown.replace(self._api_key, "[key]")
        if response.status in _RETRIED_STATUS:
            after = response.headers.get("retry-after", "")
            wait = min(float(after), _LONGEST_WAIT) if after.isdigit() else None
            raise _RetryableError(f"HTTP {response.status}: {shown}", wait)
        cure = {
            401: f"; set {' or '.join(API_KEY_VARIABLES)} to a valid key",
            404: "; check the URL and the model's name",
            400: "; if it refuses logprobs, ask for none: --top-logprobs 0",
        }.get(response.status, "")
        raise TeacherError(f"teacher {self.url} answered HTTP {response.status}: {shown}{cure}")

    def _parse(self, task: Task, content: bytes, latency_ms: float) -> TeacherAnswer:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            shown = content[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
            raise _RetryableError(
                f"not a chat completion ({where}: {first['msg']}): {shown}"
            ) from None
        choice, usage = completion.choices[0], completion.usage
        tokens = (choice.logprobs.content or []) if choice.logprobs else []
        return TeacherAnswer(
            text=choice.message.content or "",
            distribution=label_distribution([_to_position(t) for t in tokens], task.labels),
            usage=Usage(usage.prompt_tokens, usage.completion_tokens) if usage else None,
            latency_ms=latency_ms,
        )


def _to_position(token: _Token) -> Position:
    alternatives = {other.token: other.logprob for other in token.top_logprobs}
    return Position(token.token, {token.token: token.logprob} | alternatives)


def _backoff(error: Exception) -> bool | float:
    if not isinstance(error, _RetryableError):
        return False
    return error.wait if error.wait is not None else True
