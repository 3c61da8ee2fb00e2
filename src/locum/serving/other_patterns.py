"""Says which students were promoted with other patterns of redaction than a gateway has."""

from __future__ import annotations

import time
from itertools import takewhile
from typing import TYPE_CHECKING

from locum.store import PromotionEvent, PromotionStore

if TYPE_CHECKING:
    from locum.promotion import Plan
    from locum.store import Database, Promotion

__all__ = ["find_other_patterns", "note_other_patterns"]

_BEFORE = (
    "redaction has other patterns than when it was promoted: where they change its prompts, its "
    "calls are not recognised, and go to the teacher; locum promote {task} looks at them anew"
)
_SINCE = (
    "it was promoted with other patterns of redaction than a gateway has that was started before: "
    "where they change its prompts, its calls are not recognised there, and go to the teacher; "
    "start that gateway again"
)
_EVENTS = 1_000


def find_other_patterns(promotion: Promotion, plan: Plan, patterns: str, started: float) -> str:
    """Say why calls of a promoted student may not be recognised; nothing where they are.

    Plans of earlier versions do not say with which patterns they were made.

    Args:
        promotion: What the store says of the student.
        plan: How its calls are recognised.
        patterns: Digest of those that the gateway has, as of `Framer`.
        started: When it read them, in seconds since 1970.
    """
    if promotion.state != "active" or plan.patterns in {"", patterns}:
        return ""
    return (_BEFORE if promotion.changed < started else _SINCE).format(task=promotion.task)


def note_other_patterns(database: Database, task: str, message: str) -> None:
    """Keep this as an event, once for each promotion.

    Args:
        database: The store.
        task: Of which task.
        message: That of `find_other_patterns`.

    Raises:
        InputError: The store cannot be read or written.
    """
    store = PromotionStore(database)
    with database.transaction():
        events = store.events(task, _EVENTS)
        since = takewhile(lambda event: event.kind != "promoted", events)
        if all(event.message != message for event in since):
            store.note(PromotionEvent(task, time.time(), "alarm", message))
