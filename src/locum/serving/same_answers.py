"""Calls that their upstream gave an answer again, under the id that it had."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locum.traffic.make_call import content_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from locum.schema import Call
    from locum.store import CallStore

    Of = TypeVar("Of")

__all__ = ["tell_apart"]


def tell_apart(calls: Iterable[tuple[Of, Call]], store: CallStore) -> list[tuple[Of, Call]]:
    """Name calls by content and time where the gateway recorded another of the same name before.

    Caches before a provider give an answer again as it was, and some servers have one id for all.
    A call that is recorded a second time has the time that it had, and keeps its name.

    Args:
        calls: Those that are to be written, each with what it came from.
        store: Those that are there.

    Raises:
        InputError: The store cannot be read.
    """
    calls = list(calls)
    times = store.recorded_times([call.facts.id for _, call in calls])
    found = []
    for origin, call in calls:
        time = call.facts.time
        if times.setdefault(call.facts.id, time) != time:
            name = content_id(call.request, call.response, time)
            call = call._replace(facts=replace(call.facts, id=name))  # noqa: PLW2901
        found.append((origin, call))
    return found
