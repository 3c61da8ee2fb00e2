"""What the owner of inputs should know of them, whatever the answers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.students import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.dataset import DuplicateGroups
    from locum.schema import Example

__all__ = ["warn_of_inputs"]

_LARGE_GROUP = 0.1


def warn_of_inputs(examples: Sequence[Example], groups: DuplicateGroups) -> list[str]:
    """Return warnings of copies and of long texts, a sentence each."""
    found = [_large_group(len(examples), groups), _long_texts(examples)]
    return [warning for warning in found if warning]


def _large_group(inputs: int, groups: DuplicateGroups) -> str:
    share_of_largest = groups.largest / inputs
    if groups.largest < 3 or share_of_largest < _LARGE_GROUP:
        return ""
    return (
        f"the largest group of near-copies holds {share_of_largest:.0%} of the inputs, as if "
        "filled in from one template: it counts as one input where the student is certified"
    )


def _long_texts(examples: Sequence[Example]) -> str:
    count = sum(len(example.text) > MAX_CHARACTERS for example in examples)
    if not count:
        return ""
    return (
        f"{count:,} text{'s' * (count > 1)} of over {MAX_CHARACTERS:,} characters: the student "
        "reads so many from the start, and no more"
    )
