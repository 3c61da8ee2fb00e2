"""Options that several commands have."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.store import CallFilter

__all__ = [
    "Application",
    "Columns",
    "Config",
    "Encoding",
    "Home",
    "Instruction",
    "Labels",
    "LearnSince",
    "Model",
    "Outcome",
    "Since",
    "Source",
    "TaskName",
    "Until",
    "WriteThrough",
    "make_filter",
    "parse_duration",
    "parse_moment",
    "parse_past",
    "parse_size",
]

_DURATION = re.compile(r"(\d{1,12}(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d+)?)\s*([kmg]?i?b)", re.IGNORECASE)
_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}

Config = Annotated[
    Path | None,
    typer.Option("--config", help="File of settings; else ./locum.toml, if there is one."),
]
WriteThrough = Annotated[
    str | None,
    typer.Option(
        help="What computes free text, now and when it is asked: llama.cpp, llama.cpp:q4_0, or the "
        "URL of a server such as vLLM; else from locum.toml, or the process that asks."
    ),
]
Home = Annotated[
    Path | None,
    typer.Option("--home", help="Where tasks and calls are kept; else LOCUM_HOME, else .locum."),
]
Labels = Annotated[
    str | None,
    typer.Option(help="The labels, comma-separated; else from locum.toml or calls."),
]
Instruction = Annotated[
    str | None,
    typer.Option(help="What the teacher is asked to do; else from locum.toml or calls."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", help="KIND=NAME: which column holds text, answer, soft_label, human, time, ..."
    ),
]
Encoding = Annotated[str, typer.Option(help="Encoding of the file.")]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="Named task, one by the name that an audit gave it, or 6 to 12 digits of a "
        "fingerprint.",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", help="Model; a * at its end stands for any ending.")
]
Since = Annotated[
    str | None, typer.Option("--since", help="Not earlier: 30m, 12h, 7d ago, or ISO 8601.")
]
LearnSince = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Learn from the recorded calls from then on alone: 12h, 7d ago, or ISO 8601; else "
        "from all.",
    ),
]
Until = Annotated[str | None, typer.Option("--until", help="Earlier than this; as --since.")]
Source = Annotated[
    str | None, typer.Option("--source", help="gateway, or the format that it was imported from.")
]
Application = Annotated[
    str | None, typer.Option("--application", help="Whose gateway key was used.")
]
Outcome = Annotated[str | None, typer.Option("--outcome", help="whole, incomplete or failed.")]


def make_filter(
    task: str | None,
    model: str | None,
    since: str | None,
    until: str | None,
    source: str | None,
    application: str | None,
    outcome: str | None,
) -> CallFilter:
    """Return the filter that the options of a command make.

    Raises:
        UsageError: One has another form.
    """
    from locum.store import CallFilter

    if outcome not in {None, "whole", "incomplete", "failed"}:
        raise UsageError(f"--outcome {outcome!r}: expected whole, incomplete or failed")
    return CallFilter(
        task=task,
        model=model,
        since=None if since is None else parse_moment("--since", since),
        until=None if until is None else parse_moment("--until", until),
        source=source,
        application=application,
        outcome=outcome,
    )


def parse_duration(option: str, given: str) -> float:
    """Return a duration such as ``90s``, ``10m`` or ``1.5h`` in seconds.

    Raises:
        UsageError: It is not one, or is zero.
    """
    found = _DURATION.fullmatch(given.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not seconds:
        raise UsageError(
            f"{option} {given!r}: expected a number above zero with its unit, such as 90s, 10m or "
            "1.5h"
        )
    return seconds


def parse_size(option: str, given: str) -> int:
    """Return a size such as ``500kB``, ``20MB`` or ``1.5MiB`` in bytes.

    Raises:
        UsageError: It is not one, or is less than a byte.
    """
    found = _SIZE.fullmatch(given.strip())
    factor = _BYTES.get(found[2].casefold(), 0) if found else 0
    size = round(float(found[1]) * factor) if found else 0
    if not size:
        raise UsageError(
            f"{option} {given!r}: expected a number above zero with its unit, such as 500kB, 20MB "
            "or 1.5MiB"
        )
    return size


def parse_moment(option: str, given: str) -> float:
    """Return a moment in seconds since 1970; ISO 8601 without a zone is UTC.

    Raises:
        UsageError: It is neither so long ago nor a moment.
    """
    ago = _DURATION.fullmatch(given.strip())
    if ago is not None:
        return time.time() - float(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise UsageError(
            f"{option} {given!r}: expected a time ago, such as 30m, 12h or 7d, or ISO 8601, such "
            "as 2026-01-31 or 2026-01-31T12:00:00+01:00"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_past(option: str, given: str) -> float:
    """Return a moment that has passed, in seconds since 1970; see `parse_moment` for its forms.

    Raises:
        UsageError: It is no moment, or lies in the future.
    """
    moment, now = parse_moment(option, given), time.time()
    if moment > now:
        raise UsageError(
            f"{option} {given!r}: expected a time that has passed, and now is "
            f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M} in UTC: give an earlier one, or a "
            "time ago, such as 24h"
        )
    return max(moment, 0.0)
