"""What tests of imports share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locum.redaction import Redactor
from locum.store import CallFilter
from locum.traffic import answer_text, input_text
from locum.traffic.imports import import_calls

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import Call, JsonObject
    from locum.store import CallStore
    from locum.traffic.imports import ImportReport

__all__ = ["REDACTOR", "Said", "calls_of", "lines", "pair", "said_in", "take", "write"]

REDACTOR = Redactor()
Said = tuple[str, str | None]
"""Input and answer of a call."""


def calls_of(store: CallStore) -> list[Call]:
    """All calls of a store."""
    return list(store.iterate(CallFilter()))


def said_in(call: Call) -> Said:
    """Input and answer of a call."""
    return input_text(call.request), answer_text(call.response or {})


def write(path: Path, content: str | bytes) -> Path:
    """Write a file, and return its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pair(text: str = "Where is it?", answer: str = "shipping", **more: object) -> JsonObject:
    """A line of a log with a request and its response."""
    request = {"model": "m", "messages": [{"role": "user", "content": text}]}
    message = {"role": "assistant", "content": answer}
    return {"request": request, "response": {"choices": [{"message": message}]}, **more}


def lines(*records: object) -> str:
    """Records as JSON lines."""
    return "".join(f"{json.dumps(record)}\n" for record in records)


def take(store: CallStore, *paths: Path, **options: Any) -> ImportReport:  # noqa: ANN401 - as of import_calls
    """Import files into a store."""
    return import_calls(paths, store, REDACTOR, **options)
