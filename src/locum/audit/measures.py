"""What the calls of a task are like."""

from __future__ import annotations

import json
from collections import Counter
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.tasks import Measures, OutputKind, SelfAgreement
from locum.dataset import find_groups
from locum.evaluation import clopper_pearson
from locum.promotion.frame import Frame
from locum.promotion.recognition import LEAST_SHARE, foresee
from locum.schema import label_key, plain_key
from locum.traffic.json_objects import count_listed, find_object
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from locum.audit.asked import Asked

__all__ = ["Told", "measure", "narrowness", "output_kind", "self_agreement"]

_MOSTLY = 0.9
_CLOSED = 0.8
_MOST_LABELS = 1_000
_LONGEST_LABEL = 100


class Told(NamedTuple):
    """A call of a task, with the part of its message that varies."""

    asked: Asked
    text: str


def measure(calls: Sequence[Told], *, instruction_varies: bool) -> Measures:
    """Return what calls are like.

    Args:
        calls: At least one.
        instruction_varies: Whether their instruction has parts that vary.
    """
    asked = [call.asked for call in calls]
    answers = [one.answer for one in asked if one.answer is not None]
    groups = find_groups([call.text for call in calls])
    temperatures = [one.temperature for one in asked if one.temperature is not None]
    hindrances = Counter(one.hindrance for one in asked if one.hindrance)
    repeated = _repeated(asked)
    cacheable = _repeated([one for one in asked if one.temperature == 0])
    return Measures(
        output=output_kind(asked),
        narrowness=narrowness(calls),
        exact_duplicates=groups.exact / len(calls),
        near_duplicates=groups.near / len(calls),
        repeated=len(repeated) / len(calls),
        cacheable=len(cacheable) / len(calls),
        cacheable_cost=_share_of_cost(cacheable, asked),
        self_agreement=self_agreement(calls),
        turns=fmean(one.replies for one in asked),
        tools=fmean(one.uses_tools for one in asked),
        streamed=fmean(one.streamed for one in asked),
        batched=fmean(one.batched for one in asked),
        temperature=median(temperatures) if temperatures else None,
        input_words=median(len(call.text.split()) for call in calls),
        answer_words=median(len(answer.split()) for answer in answers) if answers else 0.0,
        refused=1 - len(answers) / len(calls),
        thought=fmean(one.thought for one in asked),
        instruction_varies=instruction_varies,
        talk=_talk(asked) / len(calls),
        answerable=1 - hindrances.total() / len(calls),
        hindrance=min(hindrances, key=lambda what: (-hindrances[what], what), default=""),
        recognised=_recognised([one for one in asked if not one.hindrance]) / len(calls),
    )


def _recognised(answerable: Sequence[Asked]) -> float:
    """Count the calls whose instruction, model and settings are frequent, as a promotion counts.

    Where these are new ones again and again, it is as many as of the newer half will be.
    """
    frames = [Frame(one.fingerprint, one.model, one.settings, "") for one in answerable]
    foreseen = foresee(frames, [one.time for one in answerable]) if frames else None
    if foreseen:
        return len(answerable) * foreseen.recognised / foreseen.calls
    counts = Counter(frames)
    return sum(count for count in counts.values() if count >= LEAST_SHARE * len(answerable))


def _talk(asked: Sequence[Asked]) -> int:
    """Count the calls after turns of their own: turns before many messages are examples."""
    counts = Counter(one.turns for one in asked if one.turns)
    return sum(count for count in counts.values() if count < max(2, LEAST_SHARE * len(asked)))


def _repeated(asked: Sequence[Asked]) -> list[Asked]:
    """Return the calls whose request was sent before, but for those that a cache has answered."""
    known: set[bytes] = set()
    repeated: list[Asked] = []
    for one in sorted(asked, key=lambda one: (one.time, one.id)):
        if one.request in known:
            repeated.append(one)
        known.add(one.request)
    if not any(one.cost_usd for one in asked):
        return repeated
    return [one for one in repeated if one.cost_usd != 0]


def _share_of_cost(part: Sequence[Asked], asked: Sequence[Asked]) -> float:
    whole = sum(one.cost_usd or 0.0 for one in asked)
    if not whole:
        return len(part) / len(asked)
    return sum(one.cost_usd or 0.0 for one in part) / whole


def output_kind(asked: Sequence[Asked]) -> OutputKind:
    """Return what answers are.

    Labels are a closed set where those that occur at least twice are 80% of the answers, and at
    most 1,000 labels of up to 100 characters each; spellings that differ
    in case, quotes, asterisks and a full stop around them are one. Answers are of a schema where
    90% of them are JSON objects; a field belongs to it that half of them have. Other answers
    are lists where 90% of them are JSON lists of objects, and some list any.
    """
    if 2 * sum(one.called and one.answer is None for one in asked) > len(asked):
        return OutputKind("tools")
    answers = [one.answer for one in asked if one.answer is not None]
    objects = [value for answer in answers if (value := _object(answer)) is not None]
    if answers and len(objects) >= _MOSTLY * len(answers):
        asked_for = Counter(one.fields for one in asked if one.fields).most_common(1)
        return OutputKind("schema", fields=asked_for[0][0] if asked_for else _fields(objects))
    return _closed_set(answers) or OutputKind("lists" if _are_lists(answers) else "free text")


def _are_lists(answers: Sequence[str]) -> bool:
    sizes = [size for answer in answers if (size := count_listed(answer)) is not None]
    return any(sizes) and len(sizes) >= _MOSTLY * len(answers)


def _closed_set(answers: Sequence[str]) -> OutputKind | None:
    counts = Counter(plain_key(answer) for answer in answers)
    labels = {key: count for key, count in counts.items() if count > 1}
    if not labels or len(labels) > _MOST_LABELS or max(map(len, labels)) > _LONGEST_LABEL:
        return None
    if sum(labels.values()) < _CLOSED * len(answers):
        return None
    spelled: dict[str, Counter[str]] = {}
    for answer in answers:
        spelled.setdefault(plain_key(answer), Counter())[answer.strip()] += 1
    shares = {
        min(spelled[key].items(), key=lambda item: (-item[1], item[0]))[0]: count / len(answers)
        for key, count in labels.items()
    }
    return OutputKind("closed set", tuple(sorted(shares.items(), key=lambda one: (-one[1], one))))


def _fields(objects: Sequence[dict[str, object]]) -> tuple[str, ...]:
    counts = Counter(name for value in objects for name in value)
    return tuple(sorted(name for name, count in counts.items() if 2 * count >= len(objects)))


def _object(answer: str) -> dict[str, object] | None:
    if "{" not in answer:
        return None
    try:
        found = find_object(answer).value
    except ValueError:
        return None
    # There and back, numbers that know how they were written become plain ones.
    plain: dict[str, object] = json.loads(json.dumps(found))
    return plain or None


def narrowness(calls: Sequence[Told]) -> float:
    """Return how narrow a task is, from 0 to 1: ``A / 2 + W / 4 + S / 4``.

    ``A`` is the chance that the next answer was given before: ``1 - n1 / n``, where ``n1`` of ``n``
    answers occur once (Good 1953); of answers in JSON, of the values of their fields, long ones
    counting as one each. ``W`` is the same of the words of inputs. ``S`` is the share of calls
    without tools whose earlier turns are the most frequent ones: none, or the same examples. Labels
    for short texts come to about 0.95, extraction to 0.6 to 0.9, summaries to half or less, and
    free conversation to about 0.3.

    Args:
        calls: At least one.
    """
    asked = [call.asked for call in calls]
    answers = [part for one in asked if one.answer is not None for part in _parts(one.answer)]
    words = (word for call in calls for word in call.text.lower().split())
    plain = Counter(one.turns for one in asked if not one.uses_tools)
    single = max(plain.values(), default=0) / len(asked)
    return _known(answers) / 2 + _known(words) / 4 + single / 4


def _known(values: Iterable[Hashable]) -> float:
    """Return the chance that the next value was there before, by Good and Turing."""
    counts = Counter(values)
    once = sum(count == 1 for count in counts.values())
    return 1 - once / counts.total() if counts else 0.0


def _parts(answer: str) -> list[tuple[str, str]]:
    value = _object(answer)
    if value is None:
        return [("", plain_key(answer))]
    return [(name, canonical_json(held).decode()) for name, held in value.items()]


def self_agreement(calls: Sequence[Told]) -> SelfAgreement | None:
    """Return how often the same model gave the same answer to the same question.

    A question is instruction, turns and message without moments and identifiers in their fixed
    text. Of one that was asked several times, the first two askings count, so that pairs are
    independent of each other. Answers are compared as values where they are JSON, else but for
    case, spaces, and quotes, asterisks and a full stop around them.

    Args:
        calls: In any order.
    """
    askings: dict[tuple[str, ...], list[Asked]] = {}
    for call in sorted(calls, key=lambda call: (call.asked.time, call.asked.id)):
        one = call.asked
        if one.answer is not None and not one.uses_tools:
            question = (one.model, one.instruction, one.turns, label_key(call.text))
            askings.setdefault(question, []).append(one)
    pairs = [(same[0].answer, same[1].answer) for same in askings.values() if len(same) > 1]
    if not pairs:
        return None
    equal = sum(_meaning(first) == _meaning(second) for first, second in pairs)
    return SelfAgreement(len(pairs), equal / len(pairs), clopper_pearson(equal, len(pairs)))


def _meaning(answer: str | None) -> Hashable:
    value = _object(answer or "")
    return plain_key(answer or "") if value is None else canonical_json(value)
