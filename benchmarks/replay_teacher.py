"""A teacher that answers as DeepSeek did: as late, the same, and for the same price.

``python -m benchmarks.replay_teacher PORT SPEED`` speaks OpenAI's API on loopback; latencies are
divided by SPEED. ``/spent`` says how many calls it answered, and what they cost.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from benchmarks.banking_calls import answer_body, read_calls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.banking_calls import BankingCall

__all__ = ["Spent", "Teacher", "read_spent"]


class Spent(NamedTuple):
    """How many calls a teacher has answered, and what they cost."""

    calls: int
    dollars: float


class Teacher:
    """Answers recorded calls.

    Args:
        calls: They.
        speed: What their latencies are divided by.
    """

    def __init__(self, calls: Iterable[BankingCall], speed: float) -> None:
        self._calls = {call.text: call for call in calls}
        self._speed = speed
        self._spent = Spent(0, 0.0)

    async def chat(self, request: web.Request) -> web.Response:
        """Answer a chat completion."""
        asked = await request.json()
        call = self._calls[asked["messages"][-1]["content"]]
        await asyncio.sleep(call.latency_ms / 1e3 / self._speed)
        self._spent = Spent(self._spent.calls + 1, self._spent.dollars + call.cost_usd)
        return web.json_response(
            answer_body(secrets.token_hex(12), call.answer, call.text, call.cost_usd)
        )

    async def spent(self, request: web.Request) -> web.Response:
        """Say what was spent."""
        del request
        return web.json_response(self._spent)


def read_spent(origin: str) -> Spent:
    """Ask a teacher what was spent."""
    with urllib.request.urlopen(f"{origin}/spent") as answer:  # noqa: S310 - on loopback
        return Spent(*json.load(answer))


def main() -> None:
    """Serve until the process is ended."""
    port, speed = int(sys.argv[1]), float(sys.argv[2])
    teacher = Teacher(read_calls(), speed)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", teacher.chat)
    app.router.add_get("/spent", teacher.spent)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
