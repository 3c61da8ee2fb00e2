"""What is said of recorded calls that a student is to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.cli.task_inputs import read_inputs
from locum.config import RedactionSettings
from locum.store import CallStore, open_database
from tests.audit_traffic import make_call, user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["a", "a"], []),
        (["a", "b", "a", "", ""], ["the calls went to 2 models: a 2, b 1; 2 name none"]),
        (["a", ""], ["the calls went to 1 model: a 1; 1 name none"]),
        ([*"aaabbccd"], ["the calls went to 4 models: a 3, b 2, c 2, ..."]),
    ],
)
def test_calls_that_name_no_model_are_counted_apart(
    tmp_path: Path, models: Sequence[str], said: list[str]
) -> None:
    place = tmp_path / "store.sqlite"
    calls = [
        make_call(number, [user(f"question {number}")], "yes", task="support")
        for number in range(len(models))
    ]
    with open_database(place) as database:
        CallStore(database).add(
            [
                call._replace(facts=replace(call.facts, model=model))
                for call, model in zip(calls, models, strict=True)
            ]
        )
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    assert [note for note in given.notes if "model" in note] == said
