"""Puts a task together from the calls that are its own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locum.audit.measures import Told, measure
from locum.audit.naming import name_task
from locum.audit.rules import common_prompt
from locum.audit.tasks import SampledCall, TaskKind, TaskTemplate, TrafficTask
from locum.audit.words import read_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.audit.asked import Asked
    from locum.audit.definition import Definition
    from locum.audit.pattern import Pattern
    from locum.audit.rules import Rule
    from locum.audit.tasks import Volume

__all__ = ["make_named_task", "make_task"]

_MOST_CHARACTERS = 8_000_000
_KINDS: dict[str, TaskKind] = {
    "agent": "agent",
    "prompt": "prompt",
    "examples": "examples",
    "conversation": "conversation",
    "any": "instruction",
}


def make_named_task(name: str, asked: Sequence[Asked], volume: Volume) -> TrafficTask:
    """Return a task that its calls name.

    Args:
        name: Of the task.
        asked: A sample of its calls, at least one.
        volume: How much it is used.
    """
    pattern = common_prompt([one.text for one in asked])
    told = _told(asked, pattern)
    template = TaskTemplate(
        _most_frequent([one.instruction for one in asked]),
        pattern.shown,
        pattern,
        _fingerprints(asked),
    )
    varies = len({one.instruction for one in asked}) > 1
    return TrafficTask(
        name, "named", template, {}, volume, _sample(told), measure(told, instruction_varies=varies)
    )


def make_task(definition: Definition, asked: Sequence[Asked], volume: Volume) -> TrafficTask:
    """Return a task that was found; arguments as of `make_named_task`, and its definition."""
    group, rule = definition.group, definition.rules[definition.place]
    told = _told(asked, rule.pattern)
    template = TaskTemplate(
        group.pattern.shown, rule.pattern.shown, rule.pattern, _fingerprints(asked)
    )
    return TrafficTask(
        name_task(group, rule),
        _kind(rule, asked),
        template,
        definition.to_json(),
        volume,
        _sample(told),
        measure(told, instruction_varies=len({one.instruction for one in asked}) > 1),
    )


def _kind(rule: Rule, asked: Sequence[Asked]) -> TaskKind:
    if rule.kind == "any" and 2 * sum(bool(one.turns) for one in asked) > len(asked):
        return "conversation"
    return _KINDS[rule.kind]


def _told(asked: Sequence[Asked], pattern: Pattern) -> list[Told]:
    """Take the part that varies out of each message, of as many calls as fit in memory."""
    told, characters = list[Told](), 0
    for one in asked:
        characters += len(one.text)
        if told and characters > _MOST_CHARACTERS:
            break
        varying = pattern.varying(read_words(one.text)) if pattern.segments else one.text
        told.append(Told(one, one.text if varying is None else varying))
    return told


def _sample(told: Sequence[Told]) -> tuple[SampledCall, ...]:
    return tuple(
        SampledCall(
            call.asked.id,
            call.asked.time,
            call.asked.model,
            call.text,
            call.asked.text,
            call.asked.answer,
        )
        for call in told
    )


def _fingerprints(asked: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(sorted({one.fingerprint for one in asked}))


def _most_frequent(texts: Sequence[str]) -> str:
    return min(Counter(texts).items(), key=lambda item: (-item[1], item[0]))[0]
