"""Stores that hold what promoted students did, for tests of what shows it."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from locum.monitoring import anytime_interval
from locum.promotion import Plan, Recognition, write_plan
from locum.promotion.token_lines import TokenLine
from locum.schema import MANIFEST
from locum.store import (
    PromotionEvent,
    PromotionStore,
    Shadow,
    ShadowStore,
    Tally,
    open_database,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locum.schema import JsonObject
    from locum.store import Route

__all__ = ["ARTEFACT", "NOW", "Story", "disagreement", "tell"]

_FILES = {MANIFEST: b"no student"}
ARTEFACT = sha256(_FILES[MANIFEST]).hexdigest()
"""Of a student that no process can load."""
NOW = 1_790_000_000.0


class Story(NamedTuple):
    """What a promoted student did.

    Args:
        task: Of which task.
        percent: Of how many calls in a hundred it is asked.
        calls: How many calls went which way.
        compared: How many answers were compared, and how many of them differ.
        said: Its last answers that differ, the oldest first.
        ended: How it ended, and why; ``None`` where it did not.
        alarm: What an alarm said; empty where there was none.
        found: What its watch found, by the watch's names.
        target: What its certificate promises.
        call_usd: What a call of its teacher costs.
        teacher: Who answers else.
        call_id: The call of what it said last.
    """

    task: str = "support"
    percent: float = 100.0
    calls: Mapping[Route, int] = {"student": 900, "shadow": 20, "deferred": 80}
    compared: tuple[int, int] = (0, 0)
    said: tuple[str, ...] = ()
    ended: tuple[str, str] | None = None
    alarm: str = ""
    found: Mapping[str, str] = {}
    target: float = 0.95
    call_usd: float | None = 0.002
    teacher: str = "teacher-1"
    call_id: str | None = "3fa2b1c4d5e6f708"


def tell(place: str | Path, *stories: Story) -> None:
    """Write stories into a store."""
    with open_database(place) as database:
        promotions, shadows = PromotionStore(database), ShadowStore(database)
        for story in stories:
            plan = write_plan(_plan(story))
            promotions.promote(
                story.task, ARTEFACT, _FILES, plan, percent=story.percent, shadow=0.02
            )
            shadows.add_tallies(_tally(story, route, calls) for route, calls in story.calls.items())
            shadows.add_shadows(
                [disagreement(said, story.call_id, story.task) for said in story.said]
            )
            shadows.keep_watch(story.task, ARTEFACT, _watch(story))
            if story.alarm:
                promotions.note(PromotionEvent(story.task, time.time(), "alarm", story.alarm))
            if story.ended is not None:
                state, reason = story.ended
                assert state in {"demoted", "revoked"}
                promotions.end(story.task, "revoked" if state == "revoked" else "demoted", reason)


def _tally(story: Story, route: Route, calls: int) -> Tally:
    usd = None if story.call_usd is None else story.call_usd * calls
    return Tally(story.task, ARTEFACT, NOW, "", route, calls, usd)


def _plan(story: Story) -> Plan:
    return Plan(
        recognition=Recognition(frozenset(), "", "", by_name=False),
        labels={},
        objects={},
        prompt_tokens=TokenLine(10.0, 0.25),
        call_usd=story.call_usd,
        call_ms=561.0,
        target=story.target,
        confidence=0.95,
        coverage=0.699,
        teacher=story.teacher,
    )


def disagreement(said: str, call_id: str | None = None, task: str = "support") -> Shadow:
    """An answer that the teacher would not have given."""
    return Shadow(
        task=task,
        artefact=ARTEFACT,
        time=NOW,
        call_id=call_id,
        answered=True,
        agrees=False,
        said=said,
        confidence=0.972,
    )


def _watch(story: Story) -> JsonObject:
    answers, differ = story.compared
    low, high = anytime_interval(answers - differ, answers, 0.05, story.target)
    found = {"compared": answers, "disagreements": differ, "alarms": dict(story.found)}
    return {**found, "agreement_low": low, "agreement_high": high}
