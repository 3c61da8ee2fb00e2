"""What the owner of inputs should know of them, whatever the answers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.dataset import find_surroundings
from locum.students import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.dataset import DuplicateGroups
    from locum.distillation.splitting import Divided
    from locum.schema import Example

__all__ = ["warn_of_inputs"]

_LARGE_GROUP = 0.1
_FEWEST_IN_A_PROMPT = 20
_SHORTEST_PROMPT = 100
_SHOWN_CHARACTERS = 60


def warn_of_inputs(
    examples: Sequence[Example], divided: Divided, then: str = "and no more"
) -> list[str]:
    """Return warnings of copies, of long texts and of missing times, a sentence each.

    Args:
        examples: The inputs.
        divided: Their near-copies and splits.
        then: How the sentence ends that says how far long texts are read.
    """
    found = [
        _large_group(examples, divided.groups),
        _long_texts(examples, then),
        _without_a_time(examples, by_time=divided.splits.by_time),
    ]
    return [warning for warning in found if warning]


def _large_group(examples: Sequence[Example], groups: DuplicateGroups) -> str:
    share_of_largest = groups.largest / len(examples)
    if groups.largest < 3 or share_of_largest < _LARGE_GROUP:
        return ""
    return (
        f"the largest group of near-copies holds {share_of_largest:.0%} of the inputs, as if "
        "filled in from one template: it counts as one input where the student is certified"
        f"{_prompt_of_several(examples, groups)}"
    )


def _prompt_of_several(examples: Sequence[Example], groups: DuplicateGroups) -> str:
    """Say that the largest group may be a version of a prompt, where there may be another."""
    members = np.flatnonzero(groups.group == np.bincount(groups.group).argmax())
    texts = {examples[row].text for row in members.tolist()}
    around = find_surroundings(sorted(texts))
    where, shared = max(
        ("begin", around.before), ("end", around.after), key=lambda one: len(one[1])
    )
    many = len(texts) >= _FEWEST_IN_A_PROMPT and len(members) < len(examples)
    if not many or len(shared) < _SHORTEST_PROMPT:
        return ""
    return (
        f"; its texts {where} with the same {len(shared):,} characters "
        f"({shared[:_SHOWN_CHARACTERS]!r} and so on): if these are a prompt that was changed "
        "since, or before, give the calls with one version of it alone, as a file: "
        "locum distill --calls"
    )


def _long_texts(examples: Sequence[Example], then: str) -> str:
    count = sum(len(example.text) > MAX_CHARACTERS for example in examples)
    if not count:
        return ""
    return (
        f"{count:,} text{'s' * (count > 1)} of over {MAX_CHARACTERS:,} characters: the student "
        f"reads so many from the start, {then}"
    )


def _without_a_time(examples: Sequence[Example], *, by_time: bool) -> str:
    """Say that a few missing times are why all the others go unused."""
    times = [e.time for e in examples if e.judges and not e.held_out]
    count = times.count(None)
    # Where the known times are all alike there was no order to lose.
    if by_time or not count or len(set(times)) <= 2:
        return ""
    return (
        f"{count:,} of {len(times):,} inputs {'has' if count == 1 else 'have'} no time: so the "
        "splits are at random, and the certificate does not speak of the newest inputs; give every "
        "input its time, or leave those without one out"
    )
