"""The watch over a promoted student says what changed, and when."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from locum.promotion import LabelWording, Plan, Recognition
from locum.promotion.plan import PromptTokens
from locum.serving.task_watch import TaskWatch
from locum.store import Shadow

if TYPE_CHECKING:
    import numpy as np

LABELS = ("refund", "card", "transfer")


def plan() -> Plan:
    return Plan(
        recognition=Recognition(frozenset(), "", "", by_name=False),
        labels={"f": {label: LabelWording(label, 1) for label in LABELS}},
        objects={},
        prompt_tokens=PromptTokens(0.0, 0.25),
        call_usd=None,
        call_ms=None,
        target=0.9,
        confidence=0.95,
        coverage=0.5,
        teacher="t",
    )


def shadow(
    number: int,
    said: str = "card",
    *,
    agrees: bool | None = True,
    answered: bool = True,
    novelty: float | None = 0.0,
    input_hash: str | None = None,
    answer_hash: str = "",
    teacher: str = "",
) -> tuple[int, Shadow]:
    return number, Shadow(
        task="t",
        artefact="a",
        time=1_700_000_000.0 + number,
        call_id=None,
        answered=answered,
        agrees=agrees,
        said=said,
        confidence=0.9,
        novelty=novelty,
        input_hash=str(number) if input_hash is None else input_hash,
        answer_hash=answer_hash,
        teacher=teacher,
    )


def test_a_broken_promise_names_when_it_began() -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(n) for n in range(1, 201)])
    assert watch.agreement.broken_at is None
    watch.take([shadow(n, agrees=False) for n in range(201, 221)])
    assert watch.agreement.broken
    assert (
        "beginning about 2023-11-14 22:16:4" in watch.broken_promise()
    )  # the 201st is at 22:16:41


def test_only_answers_that_were_given_and_compared_count_for_the_promise() -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(1, answered=False, agrees=False), shadow(2, agrees=None), shadow(3)])
    assert watch.agreement.observed == 1
    assert watch.state() | {"log_evidence": 0} == {
        "sampled": 3,
        "answered": 2,
        "compared": 1,
        "disagreements": 0,
        "agreement_low": pytest.approx(watch.agreement.interval().low),
        "found": None,
        "agreement_high": 1.0,
        "log_evidence": 0,
        "broken": False,
    }


def test_a_label_that_grows_is_named(generator: np.random.Generator) -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(n, str(generator.choice(LABELS))) for n in range(1, 701)])
    assert watch.alarms() == {}
    watch.take([shadow(n, "refund") for n in range(701, 801)])
    assert "refund was 3" in watch.alarms()["labels"]
    assert "since about 2023-11-14 22:2" in watch.alarms()["labels"]


def test_inputs_that_get_unlike_those_learned_from_are_said(generator: np.random.Generator) -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(n, novelty=float(generator.random())) for n in range(1, 701)])
    assert watch.alarms() == {}
    watch.take([shadow(n, novelty=0.99) for n in range(701, 801)])
    assert "inputs have changed" in watch.alarms()["novelty"]


def test_a_teacher_that_contradicts_itself_is_said(generator: np.random.Generator) -> None:
    watch = TaskWatch(plan())
    inputs = [str(place) for place in generator.integers(0, 50, 1_000)]
    before = [
        shadow(n, input_hash=one, answer_hash=one, agrees=None, novelty=None)
        for n, one in enumerate(inputs, start=1)
    ]
    watch.take(before)
    assert watch.alarms() == {}
    after = [
        shadow(2_000 + n, input_hash=one, answer_hash=f"{one}{n}", agrees=None, novelty=None)
        for n, one in enumerate(inputs[:100])
    ]
    watch.take(after)
    assert "the teacher has changed" in watch.alarms()["repeats"]


def test_a_teacher_of_another_name_is_said() -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(1, teacher="gpt-1"), shadow(2, teacher="gpt-1"), shadow(3)])
    assert watch.alarms() == {}
    watch.take([shadow(4, teacher="gpt-2")])
    said = (
        "gpt-2 answers as the teacher, which never did before 2023-11-14 22:13:24 UTC; then it was"
    )
    cure = "locum distill t --refresh --since 2023-11-14T22:13:24Z learns from what came since"
    assert watch.alarms() == {"teacher gpt-2": f"{said} gpt-1: {cure}"}


def test_teachers_that_take_turns_are_said_once() -> None:
    watch = TaskWatch(plan())
    watch.take([shadow(n, teacher=f"gpt-{1 + n % 2}") for n in range(1, 3)])
    [(kind, said)] = watch.alarms().items()
    watch.take([shadow(n, teacher=f"gpt-{1 + n % 2}") for n in range(3, 50)])
    assert watch.alarms() == {kind: said}


def test_a_teacher_that_has_become_steady_is_said_to_be() -> None:
    watch = TaskWatch(plan())
    watch.take(
        [shadow(n, input_hash="a", answer_hash=f"{n // 2}", agrees=None) for n in range(1, 202)]
    )
    watch.take([shadow(n, input_hash="a", answer_hash="same") for n in range(202, 600)])
    found = re.search(r"else (.+)% of the time, and (.+)% before", watch.alarms()["repeats"])
    assert found is not None
    assert float(found[1]) < 5
    assert float(found[2]) > 40


def test_stationary_traffic_raises_no_alarm(generator: np.random.Generator) -> None:
    watch = TaskWatch(plan())
    rows = [
        shadow(
            n,
            str(generator.choice(LABELS, p=[0.7, 0.2, 0.1])),
            agrees=bool(generator.random() < 0.95),
            novelty=float(generator.beta(1, 5)),
            input_hash=str(generator.integers(0, 300)),
            answer_hash=str(int(generator.random() < 0.05)),
        )
        for n in range(1, 4_001)
    ]
    watch.take(rows)
    assert watch.alarms() == {}
    assert watch.agreement.broken_at is None


def test_what_is_said_depends_on_the_calls_and_not_on_how_they_come(
    generator: np.random.Generator,
) -> None:
    rows = [
        shadow(n, str(generator.choice(LABELS)), novelty=float(generator.random()))
        for n in range(1, 901)
    ] + [shadow(n, "refund", novelty=0.9, agrees=n % 3 > 0) for n in range(901, 1_101)]
    at_once, one_by_one = TaskWatch(plan()), TaskWatch(plan())
    at_once.take(rows)
    for row in rows:
        one_by_one.take([row])
    assert at_once.state() == one_by_one.state()
    assert at_once.alarms() == one_by_one.alarms() != {}


def test_calls_that_were_deleted_raise_no_alarm(generator: np.random.Generator) -> None:
    rows = [shadow(n, str(generator.choice(LABELS))) for n in range(1, 4_001)]
    gone = [
        (n, one._replace(said="", input_hash="", answer_hash="", call_id=None))
        for n, one in rows[:1_500]
    ]
    watch = TaskWatch(plan())
    watch.take([*gone, *rows[1_500:]])
    assert watch.alarms() == {}
