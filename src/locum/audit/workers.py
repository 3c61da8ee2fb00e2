"""Probing several tasks at once."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from locum.audit.probe import probe
from locum.processes import processors, work_in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locum.audit.probe import Lessons, Probe, ProbeSettings

__all__ = ["probe_all"]

_FEW_CALLS = 2_000


def probe_all(
    lessons: Sequence[Lessons],
    settings: ProbeSettings,
    processes: int | None = None,
    told: Callable[[int], object] = lambda _: None,
) -> list[Probe | str]:
    """Probe tasks, as many at once as there are processes.

    Args:
        lessons: What each task is probed with.
        settings: How.
        processes: How many work at once; by default one where they are quickly done, else as many
            as there are processors.
        told: Is told how many are done.

    Returns:
        What was found of each, in their order.

    Raises:
        InputError: A process was ended before its work.
    """
    if processes is None:
        is_little = sum(len(one.inputs) for one in lessons) < _FEW_CALLS
        processes = 1 if is_little else processors()
    if processes <= 1 or len(lessons) <= 1 or not sys.executable:
        return list(_probed_here(lessons, settings, told))
    # Those that take longest begin first, so that none is left alone at the end.
    order = sorted(range(len(lessons)), key=lambda place: (-_effort(lessons[place]), place))
    found = work_in_processes(
        partial(probe, settings=settings),
        [lessons[place] for place in order],
        processes,
        lost=_lost,
        told=told,
    )
    return [one for _, one in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]


def _probed_here(
    lessons: Sequence[Lessons], settings: ProbeSettings, told: Callable[[int], object]
) -> Iterator[Probe | str]:
    for number, one in enumerate(lessons):
        told(number)
        yield probe(one, settings)


def _effort(lessons: Lessons) -> int:
    characters = sum(len(example.text) for example in lessons.inputs)
    return characters * len({example.answer for example in lessons.inputs})


def _lost(lessons: Lessons, how: str) -> str:
    return (
        f"the process that probed {lessons.name!r} was ended {how}, as happens where memory is "
        "short: free some, audit fewer tasks by their names, or give --no-probe"
    )
