"""Which calls are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from locum.errors import UsageError

__all__ = ["CallFilter", "Condition", "prefix_range"]

_FINGERPRINT = re.compile("[0-9a-f]{6,12}")
NAMED_TASK = "nullif(task, fingerprint)"
"""The named task; NULL where that is but the fingerprint."""
MOST_IDS = 10_000
"""Calls that a filter may name."""


class Condition(NamedTuple):
    """What stands behind ``WHERE``, with the values of its placeholders."""

    sql: str
    parameters: list[object]

    def then(self, sql: str, *parameters: object) -> Condition:
        """Return the condition with more SQL behind it."""
        return Condition(f"{self.sql} {sql}", [*self.parameters, *parameters])

    def select(self, columns: str, source: str = "calls") -> str:
        """Return the query for columns of a table, or of what stands for one."""
        return f"SELECT {columns} FROM {source} WHERE {self.sql}"  # noqa: S608 - no value in it


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Calls of which all that is given here holds; all calls where nothing is.

    Args:
        task: The named task, or the first 6 or more digits of a fingerprint.
        model: The model; a ``*`` at its end stands for any ending.
        source: ``gateway``, or the format that it was imported from.
        application: The application whose key was used.
        outcome: ``whole``, ``incomplete`` or ``failed``.
        endpoint: Which API was called.
        since: Not earlier than this, in seconds since 1970.
        until: Earlier than this, in seconds since 1970.
        ids: One of these calls; at most 10,000.
        fingerprints: One of these fingerprints, twelve digits each; at most 10,000.
        or_ids: Calls that are of the task besides; at most 10,000.
        named: Whether a task was named, by more than the fingerprint.

    Raises:
        UsageError: There are too many ids or fingerprints.
    """

    task: str | None = None
    model: str | None = None
    source: str | None = None
    application: str | None = None
    outcome: str | None = None
    endpoint: str | None = None
    since: float | None = None
    until: float | None = None
    ids: tuple[str, ...] | None = None
    fingerprints: tuple[str, ...] | None = None
    named: bool | None = None
    or_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the number of ids and of fingerprints."""
        given_of = {"fingerprints": self.fingerprints, "calls": self.ids or self.or_ids}
        for what, given in given_of.items():
            if given is not None and len(given) > MOST_IDS:
                raise UsageError(
                    f"{len(given):,} {what} are named: name at most {MOST_IDS:,} at once"
                )

    def condition(self) -> Condition:
        """Return the filter in the SQL that SQLite, PostgreSQL and DuckDB share."""
        parts: list[tuple[str, list[object]]] = [
            (f"{column} = ?", [value])
            for column in ("source", "application", "outcome", "endpoint")
            if (value := getattr(self, column)) is not None
        ]
        if self.task is not None:
            parts.append(_task_part(self.task, self.or_ids))
        if self.model is not None:
            parts.append(_model_part(self.model))
        if self.since is not None:
            parts.append(("time >= ?", [self.since]))
        if self.until is not None:
            parts.append(("time < ?", [self.until]))
        if self.ids is not None:
            parts.append(_one_of("id", self.ids))
        if self.fingerprints is not None:
            parts.append(_one_of("fingerprint", self.fingerprints))
        if self.named is not None:
            parts.append((f"{NAMED_TASK} IS {'NOT ' * self.named}NULL", []))
        sql = " AND ".join(sql for sql, _ in parts) or "TRUE"
        return Condition(sql, [value for _, values in parts for value in values])


def prefix_range(prefix: str) -> list[object]:
    """Return the lowest text that starts with a prefix, and one above all that do."""
    return [prefix, f"{prefix}\U0010ffff"]


def _task_part(task: str, or_ids: tuple[str, ...]) -> tuple[str, list[object]]:
    parts: list[tuple[str, list[object]]] = [("task = ?", [task])]
    if _FINGERPRINT.fullmatch(task):
        parts.append(("(fingerprint >= ? AND fingerprint < ?)", prefix_range(task)))
    if or_ids:
        parts.append(_one_of("id", or_ids))
    sql = " OR ".join(sql for sql, _ in parts)
    return (sql if len(parts) == 1 else f"({sql})"), [one for _, given in parts for one in given]


def _model_part(model: str) -> tuple[str, list[object]]:
    if not model.endswith("*"):
        return "model = ?", [model]
    return "(model >= ? AND model < ?)", prefix_range(model.removesuffix("*"))


def _one_of(column: str, values: tuple[str, ...]) -> tuple[str, list[object]]:
    if not values:
        return "FALSE", []
    return f"{column} IN ({','.join('?' * len(values))})", list(values)
