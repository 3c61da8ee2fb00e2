"""From the log-probabilities of tokens to a distribution over labels.

A chat model spells a label in one or several tokens. At every position of its answer the API says
what else it might have written, with probabilities; the product along the written answer gives the
probability of leaving it there. What is written before the label (quotes, brackets, JSON) is taken
as given. From the label on, each alternative is followed as text:

* It spells one label, or the start of exactly one: its probability is that label's.
* It is the start of several labels: if it is what was written, the next position decides; if not,
  what would have followed is unknown, and its probability is shared among them equally.
* It is the start of no label: it is an answer outside the label set.

What the API did not list at the first letter of the label (the tail past ``top_logprobs``) is
shared equally among the labels that no listed alternative leads to. The distribution is not scaled
to sum to one: what is missing is probability outside the label set.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from locum.schema import AROUND, label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import TokenPosition

__all__ = ["label_distribution"]

_FENCE = re.compile(r"\s*```\w*\s*")
_TRAILING = AROUND + "}"


def label_distribution(
    positions: Sequence[TokenPosition], labels: Sequence[str]
) -> tuple[float, ...] | None:
    """Return the probability of each label, in the order of ``labels``; the sum is at most one.

    Args:
        positions: The answer token by token.
        labels: The task's labels, distinct also when case is ignored.

    Returns:
        ``None`` where no probability goes to any label.
    """
    keys = [label_key(label) for label in labels]
    mass = [0.0] * len(keys)
    path, written, tail_shared = 1.0, "", False
    for position, skip in _from_label(positions, keys):
        goes_on, listed = 0.0, set[int]()
        for token, logprob in position.alternatives.items():
            probability = path * min(1.0, math.exp(logprob))
            text = _join(written, token.removeprefix(position.token[:skip]))
            matching = _matching(text, written, keys)
            if text:
                listed.update(matching)
            if token == position.token and len(matching) > 1:
                goes_on = probability
                continue
            _share(mass, probability, matching)
        written = _join(written, position.token[skip:])
        if written and not tail_shared:
            tail_shared = True
            unlisted = [index for index in range(len(keys)) if index not in listed]
            _share(mass, path * _tail(position), unlisted)
        path = goes_on
        if not path:
            break
    if written:
        _share(mass, path, _ended(written, keys))
    total = sum(mass)
    return tuple(value / max(1.0, total) for value in mass) if total else None


def _from_label(
    positions: Sequence[TokenPosition], keys: Sequence[str]
) -> list[tuple[TokenPosition, int]]:
    """Positions from the one where the label begins, each with its characters before the label."""
    start = _label_start("".join(position.token for position in positions), keys)
    found, end = [], 0
    for position in positions:
        begin, end = end, end + len(position.token)
        if end > start:
            found.append((position, max(0, start - begin)))
    return found


def _label_start(answer: str, keys: Sequence[str]) -> int:
    """Where the label begins; in JSON, the first string value that starts as a label does."""
    fence = _FENCE.match(answer)
    lead = fence.end() if fence else len(answer) - len(answer.lstrip(AROUND))
    if not answer[lead:].startswith("{"):
        return lead
    colon = answer.find(":")
    while colon >= 0:
        start = answer.find('"', colon) + 1
        value = answer[start:].split('"', maxsplit=1)[0].casefold()
        if start and value and any(key.startswith(value) for key in keys):
            return start
        colon = answer.find(":", colon + 1)
    return lead


def _join(written: str, token: str) -> str:
    return written + token if written else token.lstrip(AROUND)


def _matching(text: str, written: str, keys: Sequence[str]) -> list[int]:
    """Labels that a text spells or starts to spell."""
    key = text.casefold()
    started = [index for index, label in enumerate(keys) if label.startswith(key)]
    if started:
        return started
    spelled = key.rstrip(_TRAILING)
    if spelled != key and spelled in keys:
        return [keys.index(spelled)]
    before = written.casefold()
    broke_off = before in keys and not (key[len(before)].isalnum() or key[len(before)] in "_-")
    return [keys.index(before)] if broke_off else []


def _ended(written: str, keys: Sequence[str]) -> list[int]:
    """Labels that an answer means which ended while several were possible."""
    key = written.casefold()
    return [keys.index(key)] if key in keys else _matching(written, "", keys)


def _share(mass: list[float], probability: float, indices: Sequence[int]) -> None:
    for index in indices:
        mass[index] += probability / len(indices)


def _tail(position: TokenPosition) -> float:
    listed = sum(min(1.0, math.exp(logprob)) for logprob in position.alternatives.values())
    return max(0.0, 1.0 - listed)
