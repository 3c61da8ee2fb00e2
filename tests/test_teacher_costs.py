"""What a call to the teacher costs, by what its answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.distillation import TeacherCosts, measure_costs
from locum.schema import OwnPrice, Task, TeacherAnswer, Usage
from locum.teachers import Budget, Votes
from tests.scripted_teachers import ScriptedTeacher, open_desk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TASK = Task("tickets", ("billing", "shipping"), "Which one?")
BUDGET = Budget(prices={"scripted": OwnPrice(1.0, 1.0)})
TOLD = TeacherAnswer("billing", usage=Usage(30, 10), cost_usd=40e-6)
UNTOLD = TeacherAnswer("billing", cost_usd=1.0, cost_assumed=True)


def costs_of(answers: Sequence[TeacherAnswer]) -> TeacherCosts:
    return measure_costs([], answers, "scripted", BUDGET)


def test_answers_that_do_not_say_their_tokens_tell_no_cost() -> None:
    assert costs_of([UNTOLD, UNTOLD]) == TeacherCosts(None, None, None)
    known = costs_of([UNTOLD, TOLD])
    assert known.cost_per_1000_usd == pytest.approx(0.04)
    assert known.priced_as == "scripted"


def test_what_a_free_teacher_says_of_its_cost_is_believed() -> None:
    told = TeacherAnswer("billing", cost_usd=0.5)
    assert measure_costs([], [told], "mine", Budget()).cost_per_1000_usd == pytest.approx(500)


def test_votes_whose_calls_do_not_say_their_tokens_tell_no_cost(tmp_path: Path) -> None:
    teacher = Votes(ScriptedTeacher(lambda *_: "billing", free=False), least=3, most=3)
    with open_desk(tmp_path, TASK, cap_usd=100.0) as desk:
        answers = [answer for answer in teacher.label(TASK, ["a", "b"], desk) if answer]
        assert desk.tally.untold == 6
        assert desk.tally.untold_usd == desk.tally.spent_usd == pytest.approx(6.0)
        [note] = desk.tally.notes()
        teacher.label(TASK, ["a", "b"], desk)
        assert desk.tally.cached == 6
        assert desk.tally.saved_by_cache_usd == 0
    assert note == (
        "6 answers did not say their tokens: each counts as spent at its worst case, "
        "6.0000 US dollars together"
    )
    assert len(answers) == 2
    assert costs_of(answers).cost_per_1000_usd is None
