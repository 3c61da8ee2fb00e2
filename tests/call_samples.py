"""Recorded calls for tests of the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locum.schema import Call, CallFacts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from locum.store import Database

__all__ = ["files_of", "full_call", "ids", "in_tables", "known_files", "make_call", "make_calls"]

FACTS = CallFacts(
    id="0",
    time=0.0,
    source="gateway",
    endpoint="chat",
    outcome="whole",
    model="gpt-5.2",
    fingerprint="0123456789ab",
)


def make_call(call_id: str, time: float = 0.0, **facts: Any) -> Call:  # noqa: ANN401 - any fact
    """A small call with given facts."""
    request = {"messages": [{"role": "user", "content": f"text of {call_id}"}]}
    return Call(replace(FACTS, id=call_id, time=time, **facts), request, {"said": call_id})


def make_calls(count: int, first: int = 0) -> list[Call]:
    """Small calls, one a second."""
    return [make_call(f"call-{number:05}", float(number)) for number in range(first, first + count)]


def full_call(call_id: str = "full") -> Call:
    """A call of which everything is known."""
    facts = CallFacts(
        id=call_id,
        time=1_760_000_000.123456,
        source="langfuse",
        endpoint="messages",
        outcome="incomplete",
        model="claude-sonnet-4-6",
        fingerprint="fedcba987654",
        task="support",
        application="shop",
        upstream="anthropic",
        status=200,
        streamed=True,
        latency_ms=812.5,
        first_byte_ms=120.25,
        input_tokens=321,
        output_tokens=7,
        cost_usd=0.000123,
        preview="Wo ist mein Paket? 📦",
    )
    request = {
        "messages": [{"role": "user", "content": "Wo ist mein Paket? 📦 \u2028\0"}],
        "n": 1.5,
    }
    return Call(facts, request, {"choices": [{"logprobs": None, "index": 0}]})


def ids(calls: Iterable[Call | CallFacts]) -> list[str]:
    """The ids of calls."""
    return [call.facts.id if isinstance(call, Call) else call.id for call in calls]


def files_of(path: Path) -> list[Path]:
    """All files in the archive of a store."""
    return sorted(path.with_name(f"{path.name}-archive").iterdir())


def known_files(database: Database) -> set[str]:
    """The files that count."""
    return {file for (file,) in database.execute("SELECT file FROM archives")}


def in_tables(database: Database) -> int:
    """How many calls are not archived."""
    query = "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM bodies)"
    [(calls, bodies)] = database.execute(query)
    assert calls == bodies
    return int(calls)
