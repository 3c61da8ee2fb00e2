"""Soft labels of recorded calls, by the names of the labels that were asked about."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.schema import label_key, plain_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.schema import KeptSoftLabel, TeacherAnswer

__all__ = ["SoftLabelsOfCalls", "fit_soft_labels", "former_key", "soft_label_key"]


class SoftLabelsOfCalls(NamedTuple):
    """Soft labels of calls over the labels of a task, by the id of the call.

    Args:
        answers: Distributions over the task's labels, with 0 for those that were not asked about.
        missing: Which labels of the task these are, for the calls of which there are some.
        unused: Calls whose soft label cannot be used, with the labels in it that the task has not.
    """

    answers: dict[str, TeacherAnswer]
    missing: dict[str, tuple[str, ...]]
    unused: dict[str, tuple[str, ...]]


class _Fit(NamedTuple):
    """Where the labels of one set stand in another; ``None`` where some stand nowhere."""

    places: tuple[int, ...] | None
    missing: tuple[str, ...]
    strange: tuple[str, ...]


def soft_label_key(call_id: str, *, whole: bool) -> str:
    """Return the key of a call's soft label; one that is to be completed has its own."""
    return _hash(["soft label of call", whole, call_id])


def former_key(labels: Sequence[str], call_id: str, *, whole: bool) -> str:
    """Return the key by which soft labels were kept before, over one label set each."""
    return _hash(["soft label" if whole else "unfinished soft label", sorted(labels), call_id])


def fit_soft_labels(kept: Mapping[str, KeptSoftLabel], labels: Sequence[str]) -> SoftLabelsOfCalls:
    """Return soft labels over the labels of a task, where all that they were asked about are among.

    How labels are spelled makes no difference.
    """
    found = SoftLabelsOfCalls({}, {}, {})

    @cache
    def fit(asked: tuple[str, ...]) -> _Fit:
        return _fit(asked, labels)

    for call_id, one in kept.items():
        places, missing, strange = fit(one.labels)
        if places is None:
            found.unused[call_id] = strange
            continue
        found.answers[call_id] = _spread(one.answer, places, len(labels))
        if missing and one.answer.distribution is not None:
            found.missing[call_id] = missing
    return found


def _fit(asked: Sequence[str], labels: Sequence[str]) -> _Fit:
    for key in (label_key, plain_key):
        places = _places(asked, labels, key)
        if places is not None:
            left = set(range(len(labels))).difference(places)
            return _Fit(places, tuple(labels[place] for place in sorted(left)), ())
    known = {plain_key(label) for label in labels}
    strange = tuple(label for label in asked if plain_key(label) not in known)
    return _Fit(None, (), strange or tuple(asked))


def _places(
    asked: Sequence[str], labels: Sequence[str], key: Callable[[str], str]
) -> tuple[int, ...] | None:
    place_of = {key(label): place for place, label in enumerate(labels)}
    places = [place_of[key(label)] for label in asked if key(label) in place_of]
    alike = len(place_of) < len(labels) or len(set(places)) < len(asked)
    return None if alike else tuple(places)


def _spread(answer: TeacherAnswer, places: Sequence[int], width: int) -> TeacherAnswer:
    if answer.distribution is None:
        return answer
    spread = [0.0] * width
    for place, probability in zip(places, answer.distribution, strict=True):
        spread[place] = probability
    return replace(answer, distribution=tuple(spread))


def _hash(named: list[object]) -> str:
    return hashlib.sha256(orjson.dumps(named)).hexdigest()
