"""An OpenAI-compatible server on loopback that charges, limits, and fails on demand.

It charges for a call when the call arrives, as the harshest provider would: also for answers that
never get through. What it charged, by text and in money, is its own account.
"""

from __future__ import annotations

import asyncio
import email.utils
import math
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import orjson
from aiohttp import web

from locum.schema import OwnPrice

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["LABELS", "MODEL", "PRICE", "Behaviour", "ChargingServer", "RateBucket", "label_of"]

Behaviour = Literal[
    "answer",  # with log-probabilities where they are asked for
    "blank",  # an answer of no characters
    "cut",  # the connection is reset inside the answer
    "drip",  # a byte now and then, for ever
    "empty",  # no body
    "filtered",  # the content policy's refusal of this request
    "half closed",  # the connection ends inside the answer, as if that were all
    "hang",  # nothing, for ever
    "late error",  # a proxy gives up on a call that the model answered
    "malformed",  # no JSON
    "no credit",
    "no usage",  # an answer that does not say its tokens
    "out of order",  # an error of the server's own
    "refusal",  # an answer in which the model declines
    "too many",
    "truncated",  # JSON that breaks off
]
MODEL = "charging-model"
LABELS = ("cash", "card")
PRICE = OwnPrice(input=2.0, output=8.0)
NANODOLLARS_A_TOKEN = {"input": 2_000, "output": 8_000}
_FREE = frozenset({"filtered", "no credit", "out of order", "too many"})
_ANSWER_TOKENS = 2


def label_of(text: str) -> str:
    """The label that the server gives a text."""
    return LABELS[len(text) % 2]


@dataclass
class RateBucket:
    """So many a minute; what does not fit is refused."""

    a_minute: float
    level: float = field(init=False)
    filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Start full."""
        self.level, self.filled_at = self.a_minute, time.monotonic()

    def take(self, amount: float) -> float:
        """Take an amount and return 0, or return the seconds until there is enough."""
        now = time.monotonic()
        grown = (now - self.filled_at) * self.a_minute / 60
        self.level, self.filled_at = min(self.a_minute, self.level + grown), now
        if self.level < amount:
            return (amount - self.level) * 60 / self.a_minute
        self.level -= amount
        return 0.0


@dataclass
class ChargingServer:
    """The server; use it in a ``with`` block.

    Args:
        behave: What to do with the n-th call about a text, from 0.
        seconds: How long an answer takes.
        greedy: Whether a call is charged as many tokens as it may cost at most.
        requests: Requests a minute, where they are limited.
        tokens: Tokens a minute, by OpenAI's estimate, where they are limited.
        retry_after: How a refusal for too many calls says when to come back.
        wait: Seconds that a scripted such refusal says.
        versions: From how many charged calls on which model and fingerprint answer.
    """

    behave: Callable[[str, int], Behaviour] = lambda _text, _number: "answer"
    seconds: float = 0.0
    greedy: bool = False
    requests: RateBucket | None = None
    tokens: RateBucket | None = None
    retry_after: Literal["seconds", "date", "milliseconds"] | None = "seconds"
    wait: float = 0.0
    versions: dict[int, tuple[str, str]] = field(default_factory=lambda: {0: (MODEL, "fp_1")})

    url: str = field(init=False, default="")
    charged: Counter[str] = field(init=False, default_factory=Counter)
    charged_nanodollars: int = field(init=False, default=0)
    arrived: Counter[str] = field(init=False, default_factory=Counter)
    arrivals: list[float] = field(init=False, default_factory=list)
    refused: list[float] = field(init=False, default_factory=list)
    in_flight: int = field(init=False, default=0)
    most_in_flight: int = field(init=False, default=0)

    def __enter__(self) -> Self:
        """Serve on a thread."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; what hangs is cut."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def calls(self) -> int:
        """Calls that were charged."""
        return self.charged.total()

    @property
    def charged_usd(self) -> float:
        """US dollars that were charged."""
        return self.charged_nanodollars / 1e9

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1000).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._respond(request, orjson.loads(await request.read()))
        finally:
            self.in_flight -= 1

    async def _respond(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        text = body["messages"][-1]["content"]
        self.arrivals.append(time.monotonic())
        wait = self._limit(body)
        if wait:
            return self._too_many(wait)
        behaviour = self.behave(text, self.arrived[text])
        self.arrived[text] += 1
        if behaviour == "too many":
            return self._too_many(self.wait)
        completion = self._complete(text, body)
        if behaviour not in _FREE:
            self._charge(text, completion["usage"])
        if behaviour == "hang":
            await self._stop.wait()
        await asyncio.sleep(self.seconds)
        return await self._send(request, behaviour, completion)

    def _limit(self, body: dict[str, Any]) -> float:
        estimate = sum(len(m["content"]) for m in body["messages"]) / 4 + body["max_tokens"]
        waits = [
            bucket.take(amount)
            for bucket, amount in ((self.requests, 1.0), (self.tokens, estimate))
            if bucket is not None
        ]
        return max(waits, default=0.0)

    def _charge(self, text: str, usage: dict[str, int]) -> None:
        self.charged[text] += 1
        self.charged_nanodollars += (
            usage["prompt_tokens"] * NANODOLLARS_A_TOKEN["input"]
            + usage["completion_tokens"] * NANODOLLARS_A_TOKEN["output"]
        )

    def _complete(self, text: str, body: dict[str, Any]) -> dict[str, Any]:
        label = label_of(text)
        version = self.versions[max(count for count in self.versions if count <= self.calls)]
        size = sum(len(message["content"].encode()) for message in body["messages"])
        used = (size, body["max_tokens"]) if self.greedy else (size // 4, _ANSWER_TOKENS)
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": label},
            "finish_reason": "stop",
        }
        if body.get("logprobs"):
            listed = [(label, 0.75), *((other, 0.2) for other in LABELS if other != label)]
            others = [{"token": token, "logprob": math.log(p)} for token, p in listed]
            choice["logprobs"] = {"content": [{**others[0], "top_logprobs": others}]}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": version[0],
            "system_fingerprint": version[1],
            "choices": [choice],
            "usage": {"prompt_tokens": used[0], "completion_tokens": used[1]},
        }

    async def _send(
        self, request: web.Request, behaviour: Behaviour, completion: dict[str, Any]
    ) -> web.StreamResponse:
        whole = orjson.dumps(completion)
        choice = completion["choices"][0]
        if behaviour in {"cut", "half closed", "drip"}:
            return await self._break_off(request, behaviour, whole)
        if behaviour == "blank":
            choice |= {"message": {"content": ""}, "logprobs": None}
        elif behaviour == "refusal":
            refusal = {"content": None, "refusal": "I cannot help with that."}
            choice |= {"message": refusal, "logprobs": None}
        elif behaviour == "no usage":
            del completion["usage"]
        errors = {
            "filtered": (400, "content_filter"),
            "no credit": (429, "insufficient_quota"),
            "out of order": (500, "server_error"),
            "late error": (504, "timeout"),
        }
        if behaviour in errors:
            status, code = errors[behaviour]
            return _json({"error": {"message": behaviour, "code": code}}, status)
        bodies = {"empty": b"", "malformed": b"<html>busy</html>", "truncated": whole[:-20]}
        body = bodies[behaviour] if behaviour in bodies else orjson.dumps(completion)
        return web.Response(
            body=body, content_type="application/json", headers=self._limit_headers()
        )

    async def _break_off(
        self, request: web.Request, behaviour: Behaviour, whole: bytes
    ) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        response = web.StreamResponse(headers={"content-type": "application/json"})
        if behaviour == "half closed":
            transport.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + whole[:60])
            transport.close()
            return response
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[:60])
        while behaviour == "drip" and not (self._stop.is_set() or transport.is_closing()):
            await asyncio.sleep(0.05)
            with suppress(ConnectionResetError):
                await response.write(b" ")
        transport.abort()
        return response

    def _too_many(self, wait: float) -> web.Response:
        self.refused.append(time.monotonic())
        headers = self._limit_headers()
        if self.retry_after == "seconds":
            headers["retry-after"] = str(math.ceil(wait))
        elif self.retry_after == "milliseconds":
            headers["retry-after-ms"] = str(math.ceil(wait * 1000))
        elif self.retry_after == "date":
            headers["retry-after"] = email.utils.formatdate(time.time() + wait + 1, usegmt=True)
        return _json({"error": {"message": "slowly", "code": "rate_limit"}}, 429, headers)

    def _limit_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            if bucket is not None:
                headers[f"x-ratelimit-limit-{name}"] = str(int(bucket.a_minute))
                headers[f"x-ratelimit-remaining-{name}"] = str(max(0, int(bucket.level)))
        return headers


def _json(body: object, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        body, status=status, headers=headers, dumps=lambda value: orjson.dumps(value).decode()
    )
