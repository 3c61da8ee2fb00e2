"""Says which students were promoted while redaction had other patterns."""

from __future__ import annotations

import sys
import time
from itertools import takewhile
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.promotion import Framer, read_plan
from locum.store import PromotionEvent, PromotionStore

if TYPE_CHECKING:
    from locum.config import RedactionSettings
    from locum.store import Database, Promotion

__all__ = ["tell_other_patterns"]

_OTHER = (
    "redaction has other patterns than when it was promoted: where they change its prompts, its "
    "calls are not recognised, and go to the teacher; locum promote {task} looks at them anew"
)
_EVENTS = 1_000


def tell_other_patterns(database: Database, settings: RedactionSettings) -> None:
    """Say of promoted students, once as an event, that their calls may not be recognised.

    Args:
        database: The store.
        settings: What is taken out of calls now.

    Raises:
        InputError: The store cannot be read or written.
    """
    patterns, store = Framer(settings).patterns, PromotionStore(database)
    for promotion in store.all():
        if promotion.state != "active" or not _has_others(promotion, patterns):
            continue
        message = _OTHER.format(task=promotion.task)
        sys.stderr.write(f"locum: {promotion.task}: {message}\n")
        events = store.events(promotion.task, _EVENTS)
        since = takewhile(lambda event: event.kind != "promoted", events)
        if all(event.message != message for event in since):
            with database.transaction():
                store.note(PromotionEvent(promotion.task, time.time(), "alarm", message))


def _has_others(promotion: Promotion, patterns: str) -> bool:
    """Tell whether a plan was made with other patterns; earlier versions do not say with which."""
    try:
        plan = read_plan(promotion)
    except InputError:
        return False
    return plan.patterns not in {"", patterns}
