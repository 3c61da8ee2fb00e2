"""Tasks whose prompts differ in a name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.audit import discover
from locum.audit.alike import parts_of_one
from locum.store import CallStore, open_database
from tests.audit_traffic import WORDS, make_call, system, user

if TYPE_CHECKING:
    from pathlib import Path

MATTERS = ("music", "food", "books")


def found(folder: Path, *instructions: str) -> dict[str, str]:
    """What is said of the tasks of instructions, by the instruction."""
    calls = [
        make_call(
            1_000 * place + number,
            [system(instruction), user(f"{WORDS[number % 8]} {number}")],
            MATTERS[number % 3],
        )
        for place, instruction in enumerate(instructions)
        for number in range(30)
    ]
    with open_database(folder / "store.sqlite") as database:
        CallStore(database).add(calls)
        tasks = discover(database).tasks
    said = parts_of_one(tasks)
    return {one.template.instruction: said[one.name][0] for one in tasks if one.name in said}


def told(name: str) -> str:
    return f"You work for {name}. Is the message about music, food or books? One word."


def test_prompts_that_differ_in_a_name_are_told_of(tmp_path: Path) -> None:
    said = found(tmp_path, told("Acme"), told("Globex"), told("Wayne Enterprises"))
    assert said.keys() == {told("Acme"), told("Globex"), told("Wayne Enterprises")}
    assert "'Globex' for 'Acme': " in said[told("Acme")]
    assert "'Wayne Enterprises' for 'Acme': " in said[told("Acme")]
    assert "'Acme' for 'Globex': " in said[told("Globex")]


def test_calls_that_name_their_task_have_the_prompt_of_others(tmp_path: Path) -> None:
    calls = [
        make_call(n, [system(told("Acme")), user(f"{WORDS[n % 8]} {n}")], MATTERS[n % 3])
        for n in range(60)
    ]
    named = [one._replace(facts=replace(one.facts, task="matters")) for one in calls[:30]]
    with open_database(tmp_path / "store.sqlite") as database:
        CallStore(database).add([*named, *calls[30:]])
        tasks = discover(database).tasks
    [other] = [task for task in tasks if task.kind != "named"]
    said = parts_of_one(tasks)
    assert said.keys() == {other.name}
    assert "locum import --task matters" in said[other.name][0]
    assert parts_of_one([other]) == {}


def test_few_are_shown_of_many(tmp_path: Path) -> None:
    said = found(tmp_path, *map(told, ("Acme", "Globex", "Initech", "Hooli", "Stark")))
    assert all(" and 1 more)" in note for note in said.values())
    assert len(said) == 5


@pytest.mark.parametrize(
    "other",
    [
        "You work for Globex. Is the message about music, food or books? Say it in French please.",
        "Whom do you work for? Is the message about music, food or books? One word.",
        told("the best of all of the shops"),
    ],
)
def test_prompts_that_differ_otherwise_are_not(tmp_path: Path, other: str) -> None:
    assert found(tmp_path, told("Acme"), other) == {}
