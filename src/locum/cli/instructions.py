"""What recorded calls told their model, where that was not one thing alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from locum.schema import Call

__all__ = ["Instructions"]

_MANY = 0.05
_SHOWN = 3
_SHOWN_CHARACTERS = 60
_SHOWN_DIGITS = 8


class _Kind(NamedTuple):
    """Calls of one instruction and output format."""

    told: str
    calls: int
    first: float
    last: float


class Instructions:
    """Counts calls by their fingerprints: instruction and kind of output.

    A student is told nothing. What it learns from calls that were told different things is a
    mixture, of which the certificate sees the newest part alone where splits follow time.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def take(self, call: Call) -> None:
        """Count a call; they come in the order of their times."""
        from locum.traffic import instruction

        moment, known = call.facts.time, self._kinds.get(call.facts.fingerprint)
        self._kinds[call.facts.fingerprint] = (
            _Kind(instruction(call.request), 1, moment, moment)
            if known is None
            else known._replace(calls=known.calls + 1, last=moment)
        )

    def describe(self) -> list[str]:
        """Return what there is to say where several of them have more than a few calls."""
        total = sum(kind.calls for kind in self._kinds.values())
        many = {key: kind for key, kind in self._kinds.items() if kind.calls > _MANY * total}
        if len(many) < 2:
            return []
        newest = max(many, key=lambda key: many[key].last)
        largest = sorted(many, key=lambda key: -many[key].calls)[:_SHOWN]
        shown = [_show(key, many[key]) for key in largest]
        more = ["..."] * (len(many) > _SHOWN)
        since = datetime.fromtimestamp(many[newest].first, UTC).strftime("%Y-%m-%d")
        said = (
            f"the calls have {len(many)} instructions or output formats, and a student learns from "
            f"all of them and is told none: {', '.join([*shown, *more])}; locum distill "
            f"{newest[:_SHOWN_DIGITS]} learns from the newest alone, which began {since}; "
            "where x-locum-task names calls, give each instruction a name of its own"
        )
        return [said]


def _show(key: str, kind: _Kind) -> str:
    told = " ".join(kind.told.split())
    cut = told if len(told) <= _SHOWN_CHARACTERS else f"{told[:_SHOWN_CHARACTERS]}..."
    return f"{kind.calls:,} {cut!r} ({key[:_SHOWN_DIGITS]})"
