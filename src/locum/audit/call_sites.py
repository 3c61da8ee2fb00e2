"""Where in code the calls of a task are made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.audit.auditing import Audit
    from locum.audit.tasks import TrafficTask
    from locum.scan import LocatedSite, ScanReport

__all__ = ["CodePlace", "with_code"]

_WORD = re.compile(r"\w+")
_LEAST_WORDS = 4
_CALLS_COMPARED = 20


class CodePlace(NamedTuple):
    """A call site.

    Args:
        path: Of the file, as the scan tells it.
        line: Where the call begins, from 1.
        rules: What a scan finds there, in order.
    """

    path: str
    line: int
    rules: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as people read it, and editors open it."""
        return f"{self.path}:{self.line}"


def with_code(audit: Audit, scanned: ScanReport) -> Audit:
    """Say of each task where in code its calls are made.

    A call site makes the calls of a task if the fixed words of its prompt stand in them, in that
    order and with anything in the place of its slots; at least four words are needed to tell. Of
    several sites those are taken whose prompts are fixed in most words, so that a general prompt
    is not taken for a particular one.

    Args:
        audit: The tasks.
        scanned: The code.

    Returns:
        The audit with places in code of its tasks, and the places of no task.
    """
    rules = _rules(scanned)
    sites = [(one, parts) for one in scanned.sites if (parts := _parts(one))]
    # Also of tasks that are not shown, so that their calls are not said to be of none.
    found = {task.name: _makers(task, sites) for task in audit.discovery.tasks}
    matched = {id(one) for makers in found.values() for one in makers}
    return audit._replace(
        tasks=[
            judged._replace(places=_places(found[judged.task.name], rules))
            for judged in audit.tasks
        ],
        places_of_no_task=_places((one for one in scanned.sites if id(one) not in matched), rules),
    )


def _rules(scanned: ScanReport) -> dict[tuple[str, int, int], list[str]]:
    by_place: dict[tuple[str, int, int], list[str]] = {}
    for one in (*scanned.findings, *scanned.suppressed):
        by_place.setdefault((one.path, one.line, one.column), []).append(one.rule)
    return by_place


def _places(
    sites: Iterable[LocatedSite], rules: dict[tuple[str, int, int], list[str]]
) -> tuple[CodePlace, ...]:
    return tuple(
        CodePlace(one.path, one.line, tuple(rules.get((one.path, one.line, one.column), ())))
        for one in sites
    )


def _parts(one: LocatedSite) -> list[list[str]]:
    """The fixed parts of a prompt, as words; none where too little is fixed to tell."""
    pieces = (one.site.instruction or "").split("{}")
    parts = [words for piece in pieces if (words := _words(piece))]
    return parts if sum(map(len, parts)) >= _LEAST_WORDS else []


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _makers(
    task: TrafficTask, sites: Sequence[tuple[LocatedSite, list[list[str]]]]
) -> list[LocatedSite]:
    """The sites that make a task's calls."""
    calls = [
        _words(f"{task.template.instruction}\n{call.message}")
        for call in task.sample[:_CALLS_COMPARED]
    ]
    fitting = [
        (sum(map(len, parts)), one)
        for one, parts in sites
        if 2 * sum(_stand_in(parts, call) for call in calls) > len(calls)
    ]
    most = max((fixed for fixed, _ in fitting), default=0)
    return [one for fixed, one in fitting if fixed == most]


def _stand_in(parts: Sequence[Sequence[str]], call: Sequence[str]) -> bool:
    """Whether the parts stand in a call, one after the other."""
    start = 0
    for part in parts:
        width = len(part)
        places = range(start, len(call) - width + 1)
        found = next((at for at in places if call[at : at + width] == part), None)
        if found is None:
            return False
        start = found + width
    return True
