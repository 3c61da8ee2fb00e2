"""Calls that change with time: what is foreseen is what distilling them certifies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.audit import Probe, ProbeSettings, discover
from locum.audit.folds import divide_by_time
from locum.audit.foresight import HeldOut, foresee
from locum.audit.probe import Lessons, prepare_lessons, probe
from locum.audit.verdict import judge
from locum.distillation import distill
from locum.evaluation import Interval, Promise, Share
from locum.redaction import Redactor
from locum.schema import Example, Task
from locum.store import CallStore, open_database
from tests.audit_traffic import make_traffic
from tests.test_audit_verdict import foreseen, probed, topic
from tests.traffic import LABELS, make_examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROMISE = Promise(0.95, 0.95)

Kind = Literal["closed set", "schema"]


def letters(count: int, kind: Kind, *, in_order: bool) -> list[Example]:
    """Letters by the hour, of one team after another or of all teams at any time."""
    found = make_examples(count, noise=0.005)
    if in_order:
        found = sorted(found, key=lambda example: example.answer or "")
    return [
        Example(example.text, _as(kind, example.answer), time=3_600.0 * hour)
        for hour, example in enumerate(found)
    ]


def _as(kind: Kind, answer: str | None) -> str | None:
    return answer if kind == "closed set" else json.dumps({"team": answer, "urgent": False})


def probe_letters(inputs: Sequence[Example], kind: Kind) -> Probe:
    found = probe(
        Lessons("letters", kind, inputs, 1.0, len(inputs), None), ProbeSettings(PROMISE, seed=1)
    )
    assert isinstance(found, Probe)
    return found._replace(seconds=0.0)


@pytest.mark.parametrize(("kind", "count"), [("closed set", 400), ("schema", 200)])
def test_calls_in_the_order_of_their_classes_are_foreseen_to_be_refused(
    kind: Kind, count: int
) -> None:
    ordered = letters(count, kind, in_order=True)
    found = probe_letters(ordered, kind)
    assert found.now.chance == 0
    assert found.inputs == count
    assert found.at_random is not None
    assert found.agreement.interval.high < 0.97 < found.at_random.value
    if kind == "closed set":
        assert distill(Task("letters", LABELS), ordered, family="linear").certificate is None


def test_an_answer_of_several_lines_is_no_usable_one() -> None:
    lines = letters(200, "closed set", in_order=False)
    lines[9] = replace(lines[9], answer=f"{lines[9].answer}\n\nThe letter says so.")
    found = probe_letters(lines, "closed set")
    assert (found.inputs, found.usable) == (199, 0.995)


def test_calls_of_which_few_kinds_come_first_are_probed() -> None:
    """The first of them all have one answer."""
    early = letters(400, "closed set", in_order=True)[:160]
    found = probe_letters(early, "closed set")
    assert found.now.chance == 0
    assert found.at_random is not None


@pytest.mark.parametrize(("kind", "count"), [("closed set", 200), ("schema", 80)])
def test_where_nothing_changes_times_change_nothing(kind: Kind, count: int) -> None:
    timed = letters(count, kind, in_order=False)
    untimed = [Example(example.text, example.answer) for example in timed]
    found = probe_letters(timed, kind)
    assert found == probe_letters(untimed, kind)
    assert found.at_random is None


# What is judged.


@given(st.integers(0, 2**32), st.integers(26, 80), st.integers(1, 60))
@settings(max_examples=30)
def test_later_inputs_are_judged_by_earlier_ones(seed: int, calls: int, moments: int) -> None:
    generator = np.random.default_rng(seed)
    numbers = np.concatenate([np.arange(26), generator.integers(0, 26, calls)])
    times = generator.integers(0, 1 + moments, len(numbers)).astype(float).tolist()
    times[0] = -1.0
    first, second = divide_by_time(numbers, times, seed)
    oldest = np.full(26, np.inf)
    np.minimum.at(oldest, numbers, times)
    for fold in (first, second):
        learned, judged = numbers[fold.learned], numbers[fold.judged]
        assert oldest[learned].max() <= oldest[judged].min()
        assert not set(learned.tolist()) & set(judged.tolist())
        assert len(set(judged.tolist())) == len(judged)
    assert set(second.learned.tolist()) > set(first.learned.tolist())
    assert set(second.learned.tolist()) >= set(first.judged.tolist())


@pytest.mark.parametrize("times", [[None] * 60, [7.0] * 60, [*map(float, range(59)), None]])
def test_without_an_order_in_time_nothing_is_judged_by_it(times: list[float | None]) -> None:
    assert divide_by_time(np.arange(60), times, 0) == []


def test_some_inputs_plan_what_others_test() -> None:
    plans = np.arange(1_000) < 300
    held = HeldOut((600,), ~plans[None], np.full(1_000, 0.9), 1_000)
    assert foresee(held, 2_500, PROMISE, 0.05, 0).chance == 0
    assert foresee(held._replace(plans=plans), 2_500, PROMISE, 0.05, 0).chance == 1
    assert foresee(held._replace(plans=~plans), 2_500, PROMISE, 0.05, 0).chance == 0


def test_times_that_were_made_up_are_no_times(tmp_path: Path) -> None:
    calls = [one.call for one in make_traffic({"topic": 60})]
    with open_database(tmp_path / "store.sqlite") as database:
        store = CallStore(database)
        store.add(calls)
        [task] = discover(database).tasks
        known = prepare_lessons(task, database, Redactor())
        store.note_untimed(calls[:20])
        found = prepare_lessons(task, database, Redactor())
        ids = [call.facts.id for call in calls[10:30]]
        assert store.untimed(ids) == {(one.facts.id, one.facts.time) for one in calls[10:20]}
    assert isinstance(known, Lessons)
    assert isinstance(found, Lessons)
    assert all(example.time is not None for example in known.inputs)
    assert sum(example.time is None for example in found.inputs) == 20


# What is said.


def changed(**more: Any) -> Probe:  # noqa: ANN401 - any field
    found = probed(foreseen(450, 0.0, 0.0))
    at_random = Share(0.97, Interval(0.95, 0.98), 450)
    return found._replace(at_random=at_random, **more)


def test_the_verdict_names_the_change() -> None:
    found = judge(topic(), changed(), PROMISE)
    assert found.kind == "do_not_distil"
    assert found.reason.startswith("its calls change with time: a small student of earlier ones")
    assert "80% of later ones" in found.reason
    assert any("agree with the model on 97%" in note for note in found.notes)


def test_a_student_that_is_certified_in_spite_of_the_change_is_distilled() -> None:
    found = judge(topic(), changed(now=foreseen(450, 0.6, 0.9)), PROMISE)
    assert found.kind == "distil"
    assert any(note.startswith("its calls change with time") for note in found.notes)
