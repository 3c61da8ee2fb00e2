"""Inputs that a student was unsure of are learned from, and judge nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.dataset import examples_of_calls
from locum.distillation.splitting import divide
from locum.schema import Example
from tests.promoted import label_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def text(number: int) -> str:
    return " ".join(f"{word}{number * 7919 + place}" for place, word in enumerate(WORDS))


def rows(examples: Sequence[Example]) -> dict[str, list[int]]:
    stratum = np.zeros(len(examples), np.int64)
    found = divide(examples, stratum, 0).splits.rows
    return {split: chosen.tolist() for split, chosen in found.items()}


@settings(max_examples=40, deadline=None)
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
