"""Inputs that a student was unsure of are learned from, and judge nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.dataset import examples_of_calls
from locum.distillation import refuse_too_few
from locum.distillation.splitting import divide
from locum.evaluation import Promise
from locum.schema import Example
from tests.promoted import label_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.distillation.result import Decision

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def text(number: int) -> str:
    return " ".join(f"{word}{number * 7919 + place}" for place, word in enumerate(WORDS))


def apart(number: int) -> str:
    """A text that is no near-copy of another number's."""
    generator = random.Random(number)  # noqa: S311 - no secret
    return " ".join("".join(generator.choices(ascii_lowercase, k=7)) for _ in range(6))


def rows(examples: Sequence[Example]) -> dict[str, list[int]]:
    stratum = np.zeros(len(examples), np.int64)
    found = divide(examples, stratum, 0).splits.rows
    return {split: chosen.tolist() for split, chosen in found.items()}


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=20, max_size=120), st.booleans())
def test_they_are_in_the_train_split_alone(unsure: list[bool], timed: bool) -> None:  # noqa: FBT001
    examples = [
        Example(text(n), time=float(n) if timed else None, train_only=one)
        for n, one in enumerate(unsure)
    ]
    found = rows(examples)
    others = {row for split in ("validation", "certify", "test") for row in found[split]}
    assert not any(unsure[row] for row in others)
    assert {n for n, one in enumerate(unsure) if one} <= set(found["train"])


def test_without_them_the_splits_are_what_they_were() -> None:
    fair = [Example(text(n)) for n in range(60)]
    unsure = [Example(text(1_000 + n), train_only=True) for n in range(20)]
    alone, together = rows(fair), rows([*fair, *unsure])
    assert {split: together[split] for split in ("validation", "certify", "test")} == {
        split: alone[split] for split in ("validation", "certify", "test")
    }
    assert together["train"] == [*alone["train"], *range(60, 80)]


def test_a_copy_of_an_input_that_judges_is_not_learned_from() -> None:
    fair = [Example(text(n)) for n in range(60)]
    copies = [replace(example, train_only=True) for example in fair]
    alone, together = rows(fair), rows([*fair, *copies])
    assert together["certify"] == alone["certify"]
    learned = [row - 60 for row in together["train"] if row >= 60]
    assert sorted(learned) == sorted(alone["train"])


def test_calls_that_a_student_left_to_its_teacher_are_marked() -> None:
    calls = label_calls()[:6]
    left = {calls[1].facts.id, calls[4].facts.id}
    examples, _ = examples_of_calls(calls, left)
    assert {example.call_id for example in examples if example.train_only} == left


def test_more_inputs_are_asked_for_as_if_as_many_were_unsure() -> None:
    promise = Promise(0.95, 0.95)

    def decided(count: int) -> Decision | None:
        examples = [Example(apart(n), train_only=n % 10 != 0) for n in range(count)]
        return refuse_too_few(divide(examples, np.zeros(count, np.int64), 0), promise)

    first = decided(800)
    assert first is not None
    assert (
        "800, 720 of them left to the teacher by a student, and so no fair sample, leave 16 to"
        in (first.reason)
    )
    assert first.more_inputs is not None
    assert decided(800 + first.more_inputs) is None


def test_calls_of_before_a_promise_was_broken_are_learned_from_alone() -> None:
    calls = label_calls()[:20]
    times = sorted(call.facts.time for call in calls)
    untimed = {(calls[0].facts.id, calls[0].facts.time)}
    examples, _ = examples_of_calls(calls, (), untimed, since=times[12])
    judging = {example.call_id for example in examples if example.judges}
    assert judging == {call.facts.id for call in calls[1:] if call.facts.time > times[12]}
    many = [Example(apart(n), time=float(n), outdated=n < 100) for n in range(160)]
    found = rows(many)
    judges = [row for split in ("validation", "certify", "test") for row in found[split]]
    assert judges
    assert min(judges) >= 100


def test_more_inputs_are_asked_for_as_if_none_of_them_was_outdated() -> None:
    promise = Promise(0.95, 0.95)

    def decided(newer: int) -> Decision | None:
        examples = [Example(apart(n), outdated=n < 900) for n in range(900 + newer)]
        return refuse_too_few(divide(examples, np.zeros(len(examples), np.int64), 0), promise)

    for newer in (0, 90):
        first = decided(newer)
        assert first is not None
        assert "900 of them from before a student broke its promise" in first.reason
        assert first.more_inputs is not None
        assert decided(newer + first.more_inputs) is None
        assert first.more_inputs < 800


def test_where_all_inputs_are_unsure_ones_more_would_not_do() -> None:
    examples = [Example(apart(n), train_only=True) for n in range(90)]
    decision = refuse_too_few(divide(examples, np.zeros(90, np.int64), 0), Promise(0.95, 0.95))
    assert decision is not None
    assert decision.more_inputs is None
    assert decision.reason.endswith("some have to be a fair sample of the calls")
