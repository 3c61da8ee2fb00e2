"""Was the model that answered calls replaced by another one?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion.model_names import undated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import Call

__all__ = ["Replacement", "answering_model", "find_replacement"]

_FEWEST = 20
_OTHERS = 0.01


class Replacement(NamedTuple):
    """A model that took another one's place.

    Args:
        model: The one that answers now.
        since: When its first call was sent after which hardly another model answered, in seconds
            since 1970.
        calls: Calls since then.
        before: The model that answered most calls of before.
        calls_before: Calls of before.
    """

    model: str
    since: float
    calls: int
    before: str
    calls_before: int

    @property
    def moment(self) -> str:
        """Since when, as ``--since`` takes it."""
        return datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answering_model(call: Call) -> str:
    """Return what the model that answered calls itself, else the one that was asked for.

    A name that applications ask for may stand for another version from one day to the next, and
    answers tell which.
    """
    named = (call.response or {}).get("model")
    return intern(named if isinstance(named, str) and named else call.facts.model)


def find_replacement(answers: Iterable[tuple[float, str]]) -> Replacement | None:
    """Return which model took another one's place, if one did.

    That is so where one model answered nearly all calls from some moment to the last, and half of
    those of before at most, 20 on either side at least. A name without a date may be that of the
    dated one, and replaces none.

    Args:
        answers: When calls were sent, in seconds since 1970, and which model answered each; those
            without a name are left aside.
    """
    named = sorted(answer for answer in answers if answer[1])
    models = [model for _, model in named]
    if len(models) < 2 * _FEWEST:
        return None
    [(now, _)] = Counter(models[-_FEWEST:]).most_common(1)
    begin = _begin(models, now)
    before = Counter(models[:begin])
    if not _FEWEST <= begin <= len(models) - _FEWEST or 2 * before.pop(now, 0) > begin:
        return None
    [(then, _)] = before.most_common(1)
    if _may_be_alike(then, now):
        return None
    return Replacement(now, named[begin][0], len(models) - begin, then, begin)


def _begin(models: Sequence[str], now: str) -> int:
    """Return from which place on a model stands nearly alone; the end where it does nowhere."""
    begin, others = len(models), 0
    for place in range(len(models) - 1, -1, -1):
        if models[place] != now:
            others += 1
        elif others <= _OTHERS * (len(models) - place):
            begin = place
    return begin


def _may_be_alike(one: str, other: str) -> bool:
    """Tell whether one name is the other one's without its date; folders of routers tell none."""
    names = [name.rpartition("/")[2] for name in (one, other)]
    plain = {undated(name) for name in names}
    return names[0] == names[1] or (len(plain) == 1 and not plain.isdisjoint(names))
