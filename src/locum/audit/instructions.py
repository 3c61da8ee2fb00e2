"""Which instructions are one, with slots for what varies in them."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.asked import digest
from locum.audit.mining import find_patterns
from locum.audit.pattern import Pattern, whole_text
from locum.audit.words import Words, read_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locum.audit.asked import Asked

__all__ = ["LEAST_VALUES", "InstructionGroup", "group_instructions"]

LEAST_VALUES = 8
"""Different instructions that show a slot; fewer are as many tasks."""
_MOST_MINED = 4_000
_MOSTLY_FIXED = 0.5
_FEW_CALLS = 10


class InstructionGroup(NamedTuple):
    """Calls of one instruction and one kind of output.

    Args:
        form: Digest of output format and tools.
        pattern: The instruction.
        fingerprints: Frequent ones whose calls belong to it, sorted.
        rare: Ids of calls with rare fingerprints that belong to it.
    """

    form: str
    pattern: Pattern
    fingerprints: tuple[str, ...]
    rare: tuple[str, ...]

    def admits(self, asked: Asked) -> bool:
        """Tell whether a call has such an instruction and such a kind of output."""
        return asked.form == self.form and self.pattern.admits(read_words(asked.instruction).joined)


class _Wording(NamedTuple):
    """Instructions that are the same but for numbers and the like."""

    words: Words
    fingerprints: list[str]
    rare: list[str]


def group_instructions(
    leads: Mapping[str, Asked], rare: Sequence[Asked], calls: Mapping[str, int]
) -> list[InstructionGroup]:
    """Group calls by their instructions.

    Instructions that differ in numbers, moments and identifiers alone are one. Eight that differ in
    other words between fixed text are one if half of them is fixed, or if most of them occur in
    fewer than ten calls: else those are tasks that share a preamble. Rare instructions that ten
    sampled calls do not share belong to no group.

    Args:
        leads: One call of each frequent fingerprint.
        rare: A sample of calls with other fingerprints.
        calls: How many calls each frequent fingerprint has.
    """
    by_form: defaultdict[str, dict[tuple[str, ...], _Wording]] = defaultdict(dict)
    read: dict[str, Words] = {}
    for asked, fingerprint in [
        *((lead, fingerprint) for fingerprint, lead in leads.items()),
        *((one, None) for one in rare),
    ]:
        words = read.setdefault(asked.instruction, read_words(asked.instruction))
        wordings = by_form[asked.form]
        wording = wordings.setdefault(words.keys, _Wording(words, [], []))
        if words.text < wording.words.text:
            wordings[words.keys] = wording = wording._replace(words=words)
        (wording.rare if fingerprint is None else wording.fingerprints).append(
            asked.id if fingerprint is None else fingerprint
        )
    return [
        group
        for form in sorted(by_form)
        for group in _group(form, [by_form[form][keys] for keys in sorted(by_form[form])], calls)
    ]


def _group(
    form: str, wordings: Sequence[_Wording], calls: Mapping[str, int]
) -> Iterable[InstructionGroup]:
    left = list(wordings)
    some = sorted((one.words for one in left), key=lambda words: digest(words.text))[:_MOST_MINED]
    for pattern in find_patterns(some, LEAST_VALUES):
        alike = [one for one in left if pattern.admits(one.words.joined)]
        if len(alike) >= LEAST_VALUES and _is_one(pattern, alike, calls):
            left = [one for one in left if not pattern.admits(one.words.joined)]
            yield _join(form, pattern, alike)
    for one in left:
        if one.fingerprints or len(one.rare) >= _FEW_CALLS:
            yield _join(form, whole_text(one.words), [one])


def _is_one(pattern: Pattern, alike: Sequence[_Wording], calls: Mapping[str, int]) -> bool:
    seen = [len(one.rare) + sum(calls[name] for name in one.fingerprints) for one in alike]
    if median(seen) < _FEW_CALLS:
        return True
    return median(pattern.size / len(one.words.keys) for one in alike) >= _MOSTLY_FIXED


def _join(form: str, pattern: Pattern, alike: Sequence[_Wording]) -> InstructionGroup:
    fingerprints = sorted(name for one in alike for name in one.fingerprints)
    rare = sorted(call_id for one in alike for call_id in one.rare)
    return InstructionGroup(form, pattern, tuple(fingerprints), tuple(rare))
