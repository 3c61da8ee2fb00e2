"""What labelling would take, before anything is bought, against what it then takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.errors import UsageError
from locum.prices import Tokens
from locum.schema import OwnPrice, TeacherAnswer
from locum.store import Claim, LabelStore, Ledger
from locum.teachers import (
    BatchTeacher,
    Budget,
    ChatTeacher,
    LabellingPlan,
    Panel,
    Teacher,
    Votes,
    label_texts,
    plan_labels,
)
from locum.teachers.planning import read_labels
from tests.asking import TASK
from tests.charging_server import MODEL, PRICE, ChargingServer
from tests.label_runs import texts_of
from tests.scripted_teachers import ScriptedTeacher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BUDGET = Budget(ledger="topics", cap_usd=1.0, prices={MODEL: PRICE})
NOWHERE = "http://127.0.0.1:1/v1"


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[LabelStore]:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        yield store


def plan(
    teacher: Teacher, texts: Sequence[str], labels: LabelStore, budget: Budget = BUDGET
) -> LabellingPlan:
    return plan_labels(TASK, teacher, texts, labels, budget)


@pytest.mark.parametrize("greedy", [False, True])
def test_the_plan_is_about_what_is_spent_and_never_less_than_its_worst(
    labels: LabelStore, *, greedy: bool
) -> None:
    texts = [f"{text} {'and more ' * (number % 40)}" for number, text in enumerate(texts_of(200))]
    with ChargingServer(greedy=greedy) as server:
        teacher = ChatTeacher(server.url, MODEL)
        planned = plan(teacher, texts, labels)
        assert server.arrivals == [], "planning asks nothing"
        run = label_texts(TASK, teacher, texts, labels, budget=BUDGET)
        again = plan(teacher, texts, labels)
    assert planned.worst_usd is not None
    assert planned.likely_usd is not None
    assert server.charged_usd <= planned.worst_usd
    assert server.charged_usd == pytest.approx(run.tally.spent_usd)
    if not greedy:
        assert 0.6 < planned.likely_usd / server.charged_usd < 1.7
    assert (planned.texts, planned.calls) == (200, 200)
    assert (again.calls, again.likely_usd, again.worst_usd) == (0, 0.0, 0.0)
    assert again.teachers[0].known == 200


def test_a_sample_of_many_texts_does_for_the_plan(labels: LabelStore) -> None:
    texts = [f"{number} {'word ' * (number % 7)}" for number in range(5000)]
    teacher = ChatTeacher(NOWHERE, MODEL)
    (one,) = plan(teacher, texts, labels).teachers
    worst = [teacher.worst_case(TASK, text) for text in texts]
    price = 2e-6 * sum(tokens.input for tokens in worst) + 8e-6 * 64 * len(texts)
    assert one.worst_usd == pytest.approx(price, rel=0.02)
    assert one.calls == 5000


def test_equal_texts_are_one_call(labels: LabelStore) -> None:
    planned = plan(ChatTeacher(NOWHERE, MODEL), ["a", "b", "a"], labels)
    assert (planned.texts, planned.calls) == (2, 2)


def test_a_batch_costs_half(labels: LabelStore) -> None:
    chat = ChatTeacher(NOWHERE, MODEL)
    whole = plan(chat, ["a text"], labels)
    half = plan(BatchTeacher(chat), ["a text"], labels)
    assert whole.worst_usd is not None
    assert half.worst_usd == pytest.approx(whole.worst_usd / 2)


def test_what_lies_in_a_batch_is_not_to_be_asked_anew(labels: LabelStore) -> None:
    chat, texts = ChatTeacher(NOWHERE, MODEL), texts_of(4)
    alone = plan(chat, texts[3:], labels)
    through_batches = plan(BatchTeacher(chat), texts, labels)
    lying = [Claim(chat.identify(TASK, text), 1) for text in texts[:3]]
    Ledger(labels.database, "topics").for_batch("a run").exchange([], lying)
    planned = plan(chat, texts, labels)
    assert (planned.calls, planned.teachers[0].in_batches, planned.teachers[0].known) == (1, 3, 0)
    assert (planned.likely_usd, planned.worst_usd) == (alone.likely_usd, alone.worst_usd)
    fetched = plan(BatchTeacher(chat), texts, labels)
    assert fetched.calls == 1
    assert fetched.worst_usd == pytest.approx(through_batches.worst_usd), (
        "they may come back unasked"
    )


def test_votes_are_planned_as_often_as_each_input_is_asked(labels: LabelStore) -> None:
    votes = Votes(ChatTeacher(NOWHERE, MODEL, top_logprobs=0, temperature=1.0), least=3)
    planned = plan(votes, ["a", "b"], labels)
    assert (planned.texts, planned.calls) == (2, 6)
    assert planned.likely_usd_at_most == pytest.approx(8 / 3 * (planned.likely_usd or 0.0))


def test_votes_that_are_gone_on_with_may_take_what_is_left_to_the_most(labels: LabelStore) -> None:
    votes = Votes(ChatTeacher(NOWHERE, MODEL, top_logprobs=0, temperature=1.0), least=3, most=8)
    chat, texts = votes.teacher, texts_of(12)
    fresh = plan(votes, texts, labels)
    assert (fresh.calls, fresh.teachers[0].calls_at_most) == (12 * 3, 12 * 8)
    # Of three texts the second is answered in two ways.
    drawn = [[0, 0, 0], [0, 1, 0], [1, 1, 1]]
    said = {
        chat.identify(TASK, text, draw): TeacherAnswer(TASK.labels[drawn[place % 3][draw]])
        for place, text in enumerate(texts)
        for draw in range(3)
    }
    labels.add(list(said.items())[:-1])
    left = plan(votes, texts, labels).teachers[0]
    assert (left.calls, left.calls_at_most) == (11 + 1, 11 * 5 + 6)
    assert left.worst_usd is not None
    assert fresh.worst_usd is not None
    assert left.worst_usd / left.calls_at_most == pytest.approx(fresh.worst_usd / 96, rel=0.01)


def test_a_panel_is_planned_by_member(labels: LabelStore) -> None:
    members = [ChatTeacher(NOWHERE, MODEL), ScriptedTeacher(lambda _text, _draw: "cash")]
    planned = plan(Panel(members), texts_of(5), labels)
    assert [(one.name, one.calls) for one in planned.teachers] == [(MODEL, 5), ("scripted", 5)]
    assert planned.teachers[1].worst_usd == 0.0
    assert planned.worst_usd == planned.teachers[0].worst_usd


def test_without_a_price_the_plan_has_none_and_a_cap_refuses(labels: LabelStore) -> None:
    teacher = ChatTeacher(NOWHERE, "no-such-model-7b")
    planned = plan(teacher, ["a"], labels, Budget())
    assert (planned.likely_usd, planned.worst_usd) == (None, None)
    assert planned.teachers[0].tokens.input > 0
    with pytest.raises(UsageError, match="knows no model 'no-such-model-7b'"):
        plan(teacher, ["a"], labels, Budget(cap_usd=1.0))
    prices = {"other": OwnPrice(1.0, 1.0)}
    priced = plan(teacher, ["a"], labels, Budget(prices=prices, priced_as="other"))
    assert priced.worst_usd is not None
    assert priced.worst_usd > 0


def test_a_teacher_that_costs_nothing_needs_no_price(labels: LabelStore) -> None:
    teacher = ScriptedTeacher(lambda _text, _draw: "cash")
    planned = plan(teacher, ["a"], labels, Budget(cap_usd=0.0))
    assert (planned.likely_usd, planned.worst_usd) == (0.0, 0.0)


def test_no_texts_are_no_calls(labels: LabelStore) -> None:
    planned = plan(ChatTeacher(NOWHERE, MODEL), [], labels)
    assert (planned.texts, planned.calls, planned.worst_usd) == (0, 0, 0.0)
    assert planned.teachers[0].tokens == Tokens(0, 0)


def test_what_is_known_is_read_without_asking(labels: LabelStore) -> None:
    teacher = ChatTeacher(NOWHERE, MODEL)
    key, known = teacher.identify(TASK, "b"), TeacherAnswer("cash", (0.75, 0.25))
    labels.add([(key, known)])
    found = read_labels(TASK, teacher, ["a", "b"], labels)
    assert found.answers == [None, known]
    assert found.unfinished == {"a"}
