"""Soft labels for recorded answers: what is asked about, what it costs, and what it gains."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from locum.calibration import fit_temperature
from locum.distillation.progress import Silent
from locum.errors import InputError, TeacherError, UsageError
from locum.evaluation import Interval
from locum.losses import soften
from locum.relabelling import (
    Gain,
    Purchase,
    plan_relabelling,
    relabel,
)
from locum.relabelling.material import find_material
from locum.relabelling.purchases import find_purchases, in_order, keep_purchases
from locum.relabelling.students import fit
from locum.schema import Example, OwnPrice, Task, TeacherAnswer
from locum.store import CallFilter, CallStore, LabelStore
from locum.teachers import Budget, Votes, label_texts
from tests.call_samples import make_call
from tests.close_calls import LABELS, CloseCall, make_close_calls
from tests.scripted_teachers import FAILED, ScriptedTeacher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from locum.relabelling import Relabelled, RelabellingPlan
    from locum.teachers import Failure, Teacher

TASK = Task("support", LABELS, instruction="Which team should answer?")


def examples_of(calls: Sequence[CloseCall]) -> list[Example]:
    return [
        Example(call.text, call.answer, time=float(number), call_id=f"call-{number}")
        for number, call in enumerate(calls)
    ]


def soft_answers(calls: Sequence[CloseCall]) -> Callable[[str, int], TeacherAnswer]:
    known = {call.text: call.distribution for call in calls}

    def say(text: str, draw: int) -> TeacherAnswer:
        del draw
        distribution = known[text]
        said = max(distribution, key=distribution.__getitem__)
        return TeacherAnswer(said, tuple(distribution.values()))

    return say


def soft_teacher(calls: Sequence[CloseCall]) -> ScriptedTeacher:
    return ScriptedTeacher(soft_answers(calls))


@cache
def close_calls(count: int, seed: int = 1) -> tuple[CloseCall, ...]:
    return tuple(make_close_calls(count, seed=seed))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LabelStore]:
    """An empty store."""
    with LabelStore(tmp_path / "store.sqlite") as opened:
        yield opened


def plan_and_relabel(
    teacher: Teacher,
    examples: Sequence[Example],
    store: LabelStore,
    budget: Budget | None = None,
    **options: Any,  # noqa: ANN401 - those of plan_relabelling
) -> tuple[RelabellingPlan, Relabelled]:
    money = budget or Budget(ledger="support")
    plan = plan_relabelling(TASK, teacher, examples, store, money, **options)
    return plan, relabel(plan, teacher, store, money, Silent())


def true_loss(plan: RelabellingPlan, rows: Sequence[int], soft: Mapping[int, list[float]]) -> float:
    """Cross-entropy to the teacher's distributions on fresh inputs, with soft labels of some.

    The student has the temperature that suits it, so that being less sure alone gains nothing.
    """
    material = plan.material
    labels = material.pool.soft_labels.probabilities.copy()
    for row in rows:
        labels[row] = soft[row]
    fresh = close_calls(1500, 2)
    student = fit(material, material.take(material.training, labels), plan.l2)
    raw = student.predict_proba([call.text for call in fresh])
    said = np.array([LABELS.index(call.answer) for call in fresh])
    proba = soften(raw, fit_temperature(raw, said))
    truth = np.array([list(call.distribution.values()) for call in fresh])
    return float(-(truth * np.log(proba)).sum(axis=1).mean())


def test_chosen_soft_labels_gain_far_more_than_random_ones(store: LabelStore) -> None:
    calls = close_calls(1000)
    plan = plan_relabelling(
        TASK, soft_teacher(calls), examples_of(calls), store, Budget(ledger="support"), seed=0
    )
    training = set(plan.material.training.tolist())
    soft = {row: list(calls[row].distribution.values()) for row in training}
    chosen = [row for row in plan.orders.chosen if row in training][:100]
    without = true_loss(plan, [], soft)
    gain = without - true_loss(plan, chosen, soft)
    generator = np.random.default_rng(5)
    by_chance = [
        without - true_loss(plan, generator.permutation(sorted(training))[:100].tolist(), soft)
        for _ in range(20)
    ]
    assert gain > max(by_chance)
    assert gain > 2 * float(np.mean(by_chance))


def test_a_run_measures_that_choosing_pays(store: LabelStore) -> None:
    calls = close_calls(1000)
    plan, done = plan_and_relabel(soft_teacher(calls), examples_of(calls), store, most=300)
    assert done.gains is not None
    loss = done.gains.measures[0]
    assert loss.name == "loss"
    assert loss.inputs == len(plan.material.validation)
    assert loss.difference is not None
    assert loss.difference.interval.low > 0
    assert done.advice.verdict == "choosing_pays"
    assert done.gains.chosen == done.gains.control
    assert (done.gains.usd, loss.bought.per_dollar) == (None, None)
    assert done.tally.wanted == 300
    assert sum(done.by_class.values()) == 300


def test_a_teacher_that_only_repeats_the_answers_gains_nothing(store: LabelStore) -> None:
    calls = [
        call._replace(distribution={label: float(label == call.answer) for label in LABELS})
        for call in close_calls(300)
    ]
    _, done = plan_and_relabel(soft_teacher(calls), examples_of(calls), store, most=100)
    assert done.gains is not None
    for measure in done.gains.measures:
        assert measure.bought == Gain(0.0, Interval(0.0, 0.0), None)
    assert done.advice.verdict == "no_gain"
    assert not done.advice.buy_more
    assert "contains zero, so no gain can be shown" in done.advice.sentences[0]
    assert "choosing did not pay" in done.advice.sentences[1]


def test_without_a_control_the_gain_of_all_is_measured(store: LabelStore) -> None:
    calls = close_calls(300)
    _, done = plan_and_relabel(soft_teacher(calls), examples_of(calls), store, most=60, control=0.0)
    assert (done.chosen, done.control) == (60, 0)
    assert done.gains is not None
    assert [measure.name for measure in done.gains.measures] == ["loss", "risk_area", "agreement"]
    assert {measure.chosen for measure in done.gains.measures} == {None}


def test_too_few_labels_are_not_measured(store: LabelStore) -> None:
    calls = close_calls(300)
    _, done = plan_and_relabel(soft_teacher(calls), examples_of(calls), store, most=3)
    assert done.gains is None
    assert done.advice.verdict == "not_measured"


def test_near_copies_are_asked_about_once_and_copies_share_the_label(store: LabelStore) -> None:
    calls = close_calls(200)
    examples = examples_of([call for call in calls for _ in range(2)])
    again = [Example(f"{call.text}!", call.answer, time=float(i)) for i, call in enumerate(calls)]
    teacher = soft_teacher(calls)
    plan, done = plan_and_relabel(teacher, [*examples, *again], store)
    groups = plan.material.group[plan.basket.rows]
    assert len(set(groups.tolist())) == len(groups) == len(plan.material.open_rows)
    assert max(Counter(teacher.asked).values()) == 1
    kept = store.soft_labels_of(LABELS, [e.call_id for e in examples if e.call_id]).answers
    assert len(kept) == len(done.soft_labels) == 2 * len(groups)


def test_a_run_that_broke_off_goes_on_where_it_was(store: LabelStore) -> None:
    calls = close_calls(300)
    examples, whole, say = examples_of(calls), soft_teacher(calls), soft_answers(calls)

    def breaks_down(text: str, draw: int) -> TeacherAnswer:
        if len(broken.asked) == 45:
            raise TeacherError("the teacher broke down")
        return say(text, draw)

    broken = ScriptedTeacher(breaks_down)
    with pytest.raises(TeacherError, match="broke down"):
        plan_and_relabel(broken, examples, store, most=80)
    _, done = plan_and_relabel(whole, examples, store, most=36)
    assert (done.tally.cached, done.tally.answered) == (44, 36)
    asked = [text for text, _ in broken.asked[:44] + whole.asked]
    assert len(set(asked)) == len(asked) == 80
    assert len(done.soft_labels) == 80


def test_the_whole_budget_is_spent_and_no_more(store: LabelStore) -> None:
    # The plan takes a call for a fifth of what the teacher's calls turn out to cost.
    calls = close_calls(300)
    teacher = soft_teacher(calls)
    teacher.free = False
    budget = Budget(ledger="support", cap_usd=50.0, prices={"scripted": OwnPrice(100_000.0, 0.0)})
    plan, done = plan_and_relabel(teacher, examples_of(calls), store, budget)
    assert len(plan.basket.rows) > 50
    assert len(teacher.asked) == done.tally.answered == 50
    assert done.balance.spent == 50_000_000_000
    assert done.gains is not None
    assert done.gains.usd == min(done.gains.chosen, done.gains.control)
    _, again = plan_and_relabel(teacher, examples_of(calls), store, budget)
    assert len(teacher.asked) == 50
    assert again.gains == done.gains
    assert again.notes == [
        "of the budget of $50, $50 was spent by earlier runs; give a larger --budget to buy more"
    ]


def test_answers_without_probabilities_end_the_run_early(store: LabelStore) -> None:
    calls = close_calls(300)
    teacher = ScriptedTeacher(lambda *_: "billing")
    with pytest.raises(TeacherError, match=r"first 20 answers .* without probabilities"):
        plan_and_relabel(teacher, examples_of(calls), store)
    assert len(teacher.asked) == 20


def test_an_input_whose_votes_are_not_all_in_is_left_to_the_next_run(store: LabelStore) -> None:
    calls = close_calls(300)
    examples, failing = examples_of(calls), set[str]()

    def say(text: str, draw: int) -> str | Failure:
        if draw == 0 and len(failing) < 5:
            failing.add(text)
        late = draw == 1 and text in failing and len(teacher.asked) <= 80
        return FAILED if late else soft_answers(calls)(text, draw).text

    teacher = ScriptedTeacher(say)
    votes = Votes(teacher, least=2, most=2)
    _, first = plan_and_relabel(votes, examples, store, most=40)
    assert len(first.soft_labels) == 35
    assert failing.isdisjoint(example.text for example, _ in first.soft_labels)
    _, second = plan_and_relabel(votes, examples, store)
    assert failing <= {example.text for example, _ in second.soft_labels}
    again = [asked for asked, times in Counter(teacher.asked).items() if times > 1]
    assert sorted(again) == sorted((text, 1) for text in failing)


def test_inputs_with_soft_labels_leave_nothing_to_buy(store: LabelStore) -> None:
    calls = close_calls(300)
    examples = [Example(c.text, c.answer, distribution=c.distribution) for c in calls]
    plan, done = plan_and_relabel(soft_teacher(calls), examples, store)
    assert plan.basket.rows == []
    assert done.advice.verdict == "not_measured"
    assert not done.advice.buy_more
    assert "there is nothing to buy" in done.notes[0]


class StoppedAtMeasuring(Silent):
    """Ctrl-C when the first student is trained."""

    def advance(self, done: int, total: int) -> None:
        """Stop."""
        del done, total
        raise KeyboardInterrupt


def test_a_run_stopped_while_it_measures_is_measured_by_the_next_one(store: LabelStore) -> None:
    calls = close_calls(300)
    examples, teacher, money = examples_of(calls), soft_teacher(calls), Budget(ledger="support")
    plan = plan_relabelling(TASK, teacher, examples, store, money, most=len(calls))
    written: set[str] = set()
    with pytest.raises(KeyboardInterrupt):
        relabel(
            plan,
            teacher,
            store,
            money,
            StoppedAtMeasuring(),
            write=lambda _, by: written.update(by),
        )
    asked = len(teacher.asked)
    assert written == {text for text, _ in teacher.asked}
    whole = relabel(plan, teacher, store, money, Silent())
    plan, again = plan_and_relabel(teacher, examples, store)
    assert plan.basket.rows == []
    assert len(teacher.asked) == asked
    assert again.gains == whole.gains
    assert again.gains is not None
    assert again.gains.control > 0
    assert (again.chosen, again.control, again.soft_labels) == (0, 0, [])


def test_labels_of_several_runs_are_measured_together(store: LabelStore, tmp_path: Path) -> None:
    calls = close_calls(300)
    examples = examples_of(calls)
    runs = [plan_and_relabel(soft_teacher(calls), examples, store, most=40) for _ in range(3)]
    gains = [done.gains for _, done in runs if done.gains is not None]
    assert [done.tally.answered for _, done in runs] == [40, 40, 40]
    assert gains[0].bought < gains[1].bought < gains[2].bought
    assert gains[0].measures[0].without == gains[2].measures[0].without
    found = find_material(TASK, examples, store, 0).earlier
    assert len(found) == 120
    # Drawn at random are the first of one order of all inputs, whatever was chosen meanwhile.
    with LabelStore(tmp_path / "other.sqlite") as other:
        plan = plan_relabelling(TASK, soft_teacher(calls), examples, other, Budget())
    drawn = in_order(found, "control")
    assert set(drawn) == set(plan.orders.control[: len(drawn)])


def test_membership_goes_with_its_call(store: LabelStore) -> None:
    purchases = {"call-1": Purchase(0, 3, 0.5), "call-2": Purchase(None, 1, 0.0)}
    call_store = CallStore(store.database)
    call_store.add([make_call("call-1", task="support"), make_call("call-2", task="returns")])
    keep_purchases(store, TASK, purchases)
    assert find_purchases(store, TASK, [*purchases, "call-3"]) == purchases
    assert find_purchases(store, replace(TASK, labels=LABELS[:2]), list(purchases)) == {}
    call_store.delete(CallFilter(task="support"))
    assert find_purchases(store, TASK, list(purchases)) == {"call-2": purchases["call-2"]}


def test_all_that_are_left_can_be_bought_and_compared(store: LabelStore) -> None:
    calls = close_calls(300)
    plan = plan_relabelling(TASK, soft_teacher(calls), examples_of(calls), store, Budget())
    everything = plan.fill(len(calls))
    assert set(everything.rows) == set(plan.material.open_rows.tolist())
    assert len(everything.control) < len(everything.chosen) / 2


@pytest.mark.parametrize(
    ("cap", "spent", "message"),
    [
        (0.9, 0.0, r"left of the budget of \$0.9, \$0.9, does not buy .*: \$1, the most"),
        (2.5, 2.0, r"budget of \$2.5, after \$2 that earlier runs spent, \$0.5, does not buy"),
        (1.5, 2.0, r"of the budget of \$1.5, \$2 was spent by earlier runs; give a larger"),
    ],
)
def test_less_than_the_most_that_a_call_may_cost_buys_nothing(
    store: LabelStore, cap: float, spent: float, message: str
) -> None:
    # A call is likely to cost a fifth of a dollar, and a dollar at most.
    calls = close_calls(100)
    teacher = ScriptedTeacher(soft_answers(calls), free=False)
    prices = {"scripted": OwnPrice(100_000.0, 0.0)}
    texts = [f"something else {number}" for number in range(int(spent))]
    other = ScriptedTeacher(lambda *_: "billing", free=False)
    label_texts(TASK, other, texts, store, budget=Budget(ledger="support", prices=prices))
    budget = Budget(ledger="support", cap_usd=cap, prices=prices)
    with pytest.raises(UsageError, match=message):
        plan_relabelling(TASK, teacher, examples_of(calls), store, budget)
    assert teacher.asked == []


def test_few_inputs_are_refused(store: LabelStore) -> None:
    with pytest.raises(InputError, match="too few to tell which of them matter"):
        find_material(TASK, examples_of(close_calls(50)), store, 0)


def test_near_copies_alone_are_refused(store: LabelStore) -> None:
    examples = [
        Example(f"where is the parcel that I sent on day {day}", label, call_id=f"call-{day}")
        for day, label in enumerate(LABELS[:2] * 50)
    ]
    with pytest.raises(InputError, match=r"100 inputs .* near-copies .*1 different in all"):
        find_material(TASK, examples, store, 0)


@pytest.mark.parametrize(
    "options", [{"control": 1.0}, {"control": -0.1}, {"most": 0}, {"seed": -1}]
)
def test_values_out_of_range_are_refused(store: LabelStore, options: dict[str, Any]) -> None:
    calls = close_calls(100)
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"{name}={value}"):
        plan_and_relabel(soft_teacher(calls), examples_of(calls), store, **options)
