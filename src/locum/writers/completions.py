"""The completions API of OpenAI's, as vLLM, llama.cpp and others have it.

A prompt is sent as tokens, so that it is the same one everywhere, and the log-probabilities of what
is written after it are asked for. vLLM and llama.cpp tell that of the token that ends a text too;
of a letter that is several tokens llama.cpp tells the last one's alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import aiohttp
import numpy as np
import orjson
import stamina
from pydantic import BaseModel, Field, ValidationError

from locum.errors import WriterError
from locum.teachers.run_to_end import run_to_end
from locum.writers.backend import Written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

__all__ = ["Completions", "Place"]

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 300.0
_SHOWN_CHARACTERS = 300
_ROUNDING = 1e-3
# By which a server says that it does not know who asks, or has no such model.
_NOT_KNOWN = frozenset({401, 403})
_FOR_ALL_TEXTS = _NOT_KNOWN | {404}

_LogProbability = Annotated[float, Field(le=_ROUNDING, allow_inf_nan=False)]


class _Token(BaseModel):
    logprob: _LogProbability


class _LogProbabilities(BaseModel):
    """As OpenAI and vLLM have it, or else as llama.cpp has."""

    token_logprobs: list[_LogProbability] = []
    content: list[_Token] = []


class _Choice(BaseModel):
    text: str
    finish_reason: str
    logprobs: _LogProbabilities


class _Answer(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


_Read = TypeVar("_Read", bound=BaseModel)


class Place(NamedTuple):
    """Where a server is, and how it is asked.

    Args:
        name: What a person calls it.
        url: Base of its API.
        model: The model's name there.
        at_once: Requests at once.
        more: What stands in a request besides.
        socket: The file on which it listens; ``None`` where the URL says where.
        key: Sent as its API key, without spaces around it.
        unknown: What is told besides where the server does not know who asks.
        attempts: How often it is asked about a prompt before that is given up.
    """

    name: str
    url: str
    model: str
    at_once: int
    more: Mapping[str, Any] = {}
    socket: str | None = None
    key: str | None = None
    unknown: str = ""
    attempts: int = 1


class Completions:
    """Asks a server.

    Args:
        place: Where it is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def go_on(self, prompts: Sequence[list[int]], most: int) -> list[Written]:
        """Return what is written after each prompt; see `locum.writers.Backend`."""
        found: list[Written] = []

        async def ask() -> None:
            free = asyncio.Semaphore(self._place.at_once)
            async with self._open() as session:
                asked = [self._go_on(session, free, prompt, most) for prompt in prompts]
                found.extend(await asyncio.gather(*asked))

        run_to_end(ask)
        return found

    def models(self) -> list[str]:
        """Return the names of the models that the server has.

        Raises:
            WriterError: It cannot be reached, or does not say.
        """
        found: list[str] = []

        async def ask() -> None:
            async with self._open() as session:
                async for attempt in self._attempts():
                    with attempt:
                        content = await self._send(session, "GET", "/models")
            found.extend(one.id for one in self._read(_Models, content).data)

        run_to_end(ask)
        return found

    def _attempts(self) -> AsyncIterator[stamina.Attempt]:
        return stamina.retry_context(on=WriterError, attempts=self._place.attempts, timeout=None)

    def _open(self) -> aiohttp.ClientSession:
        place = self._place
        return aiohttp.ClientSession(
            headers={"authorization": f"Bearer {place.key}"} if place.key else {},
            connector=aiohttp.UnixConnector(place.socket) if place.socket else None,
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS),
        )

    async def _go_on(
        self, session: aiohttp.ClientSession, free: asyncio.Semaphore, prompt: list[int], most: int
    ) -> Written:
        asked = {
            "model": self._place.model,
            "prompt": prompt,
            "max_tokens": most,
            "temperature": 0,
            "logprobs": 1,
            **self._place.more,
        }
        async for attempt in self._attempts():
            with attempt:
                async with free:
                    content = await self._send(session, "POST", "/completions", asked)
                choice = self._read(_Answer, content).choices[0]
        return self._written(choice, content)

    def _written(self, choice: _Choice, content: bytes) -> Written:
        listed = choice.logprobs
        chances = listed.token_logprobs or [token.logprob for token in listed.content]
        if not chances and choice.text:
            raise self._refuse(content)
        # An empty answer of a server that tells nothing of the end is none anyway.
        values = np.array(chances or [0.0], np.float64)
        return Written(choice.text, choice.finish_reason == "stop", values)

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> bytes:
        name, url = self._place.name, self._place.url + path
        content = None if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json"}
        try:
            async with session.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response:
                said, status = await response.read(), response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise WriterError(f"{name} cannot be reached: {reason}", gone=True) from None
        if status != 200:
            told = self._place.unknown if status in _NOT_KNOWN else ""
            raise WriterError(
                f"{name} answered HTTP {status}: {self._shown(said)}{told}",
                gone=status in _FOR_ALL_TEXTS,
            )
        return said

    def _read(self, shape: type[_Read], content: bytes) -> _Read:
        try:
            return shape.model_validate_json(content)
        except ValidationError:
            raise self._refuse(content) from None

    def _refuse(self, content: bytes) -> WriterError:
        return WriterError(
            f"{self._place.name} does not answer as the completions API does, with text and "
            f"log-probabilities: {self._shown(content)}",
            gone=False,
        )

    def _shown(self, content: bytes) -> str:
        """Return what the server said, cut short, without the key if it repeats it."""
        text = content.decode("utf-8", "replace")
        if self._place.key:
            text = text.replace(self._place.key, "[key]")
        return text[:_SHOWN_CHARACTERS]
