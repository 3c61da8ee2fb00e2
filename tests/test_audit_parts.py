"""The parts of an audit: samples, volumes, measures, and the names that other commands take."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit_discovery import score
from benchmarks.audit_mixture import ONE_OFF
from locum.audit import discover, remember_tasks
from locum.audit.asked import Asked, ask
from locum.audit.measures import Told, measure, narrowness, output_kind
from locum.audit.replaced import Replacement
from locum.audit.sampling import Drawn, Stratum, Sums, draw_calls, read_strata, scaled, union_of
from locum.audit.volumes import share_of, volume_of
from locum.cli.task_inputs import read_inputs
from locum.config import RedactionSettings
from locum.errors import UsageError
from locum.store import CallFilter, CallStore, open_database
from tests.audit_traffic import KINDS, START, make_call, make_traffic, phrase, user

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0


def asked_of(answers: list[str | None], texts: list[str] | None = None) -> list[Asked]:
    """Calls with given answers."""
    return [
        ask(make_call(number, [user((texts or answers)[number] or "")], answer))
        for number, answer in enumerate(answers)
    ]


# Samples.


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=4))
def test_samples_of_strata_join_to_the_first_calls_of_them_all(
    sizes: list[tuple[int, int]],
) -> None:
    generator = random.Random(len(sizes))  # noqa: S311 - no secret
    everything, drawn = [], []
    for stratum, (calls, size) in enumerate(sizes):
        entries = sorted((generator.random(), f"{stratum} {number}") for number in range(calls))
        everything += entries
        kept = entries[:size]
        drawn.append(Drawn(kept, kept[-1][0] if len(kept) == size else 1.0))
    found = union_of(drawn, 1_000)
    assert found == [call_id for _, call_id in sorted(everything)[: len(found)]]
    assert len(found) >= min(min(size, calls) for calls, size in sizes)


def test_strata_are_named_tasks_frequent_fingerprints_and_the_rest(tmp_path: Path) -> None:
    traffic = make_traffic({"topic": 30, "clock": 40})
    with open_database(tmp_path / "store.sqlite") as database:
        CallStore(database).add([one.call for one in traffic])
        strata = read_strata(database, CallFilter(), 10)
        drawn = draw_calls(database, CallFilter(), strata, 0, 5)
    topic = Stratum("fingerprint", traffic[0].call.facts.fingerprint)
    assert {stratum: sums.calls for stratum, sums in strata.sums.items()} == {
        topic: 30,
        Stratum("rest", ""): 40,
    }
    assert {stratum: len(sample.ids) for stratum, sample in drawn.items()} == {
        topic: 5,
        Stratum("rest", ""): 5,
    }


def test_a_filter_takes_fingerprints_and_calls_without_a_name() -> None:
    condition = CallFilter(fingerprints=("a" * 12,), named=False).condition()
    assert condition.sql == "fingerprint IN (?) AND nullif(task, fingerprint) IS NULL"
    assert CallFilter(named=True).condition().sql == "nullif(task, fingerprint) IS NOT NULL"
    with pytest.raises(UsageError, match="10,001 fingerprints are named"):
        CallFilter(fingerprints=("a",) * 10_001)


# Volumes.


def sums_of(calls: int, first: float, last: float) -> Sums:
    sums = Sums(calls, 100 * calls, 5 * calls, calls, calls, 0.001 * calls, first, last)
    sums.models["one"] = calls
    return sums


def test_a_burst_is_not_taken_for_the_pace_of_a_month() -> None:
    read = asked_of(["a"])
    volume = volume_of(sums_of(500, START, START + 60), read, START + 60, exact=True)
    assert volume.days == 1
    assert volume.calls_a_month == pytest.approx(500 * 30.4375)


def test_calls_of_a_log_without_times_are_taken_for_no_pace() -> None:
    read = [
        one._replace(time=START + number % 2) for number, one in enumerate(asked_of(["a"] * 50))
    ]
    volume = volume_of(sums_of(500, START, START + 1), read, START + 90 * DAY, exact=True)
    assert not volume.timed
    assert volume.calls_a_month == pytest.approx(500)
    assert volume.cost_a_month_usd == pytest.approx(0.5)
    assert volume_of(sums_of(500, START, START + 1), asked_of(["a"] * 50), START, exact=True).timed


def test_a_log_that_tells_days_tells_a_pace_and_times_that_were_made_up_tell_none() -> None:
    read = [
        one._replace(time=START + number % 30 * DAY)
        for number, one in enumerate(asked_of(["a"] * 900))
    ]
    sums, end = sums_of(6_000, START, START + 29 * DAY), START + 30 * DAY
    volume = volume_of(sums, read, end, exact=True)
    assert volume.timed
    assert volume.calls_a_month == pytest.approx(6_000 / 30 * 30.4375)
    made_up = {(one.id, one.time) for one in read[:500]}
    assert not volume_of(sums, read, end, exact=True, made_up=made_up).timed
    assert volume_of(sums, read, end, exact=True, made_up=set(list(made_up)[:400])).timed


def test_a_model_that_was_replaced_is_found_by_what_answered() -> None:
    read = [
        one._replace(time=START + number, answered_by=f"version {number // 60}", id=str(number))
        for number, one in enumerate(asked_of(["a"] * 100))
    ]
    sums = sums_of(100, START, START + 99)
    found = volume_of(sums, read, START + 99, exact=True).replacement
    assert found == Replacement("version 1", START + 60, 40, "version 0", 60)
    made_up = {(one.id, one.time) for one in read[60:]}
    assert volume_of(sums, read, START + 99, exact=True, made_up=made_up).replacement is None


def test_a_call_that_came_long_before_the_others_is_of_no_pace() -> None:
    paced = [
        one._replace(time=START + place * DAY / 10)
        for place, one in enumerate(asked_of(["a"] * 200))
    ]
    early = [one._replace(time=one.time - 600 * DAY) for one in paced[:2]]
    sums, end = sums_of(202, START - 600 * DAY, START + 20 * DAY), START + 20 * DAY
    volume = volume_of(sums, [*paced, *early], end, exact=True)
    assert (volume.begin, volume.days) == (START, 20)
    many = [one._replace(time=one.time - 600 * DAY) for one in paced[:20]]
    assert volume_of(sums, [*paced, *many], end, exact=True).days == 620


def test_a_task_that_ended_is_slower_than_while_it_ran() -> None:
    read = asked_of(["a"])
    volume = volume_of(sums_of(100, START, START + DAY), read, START + 10 * DAY, exact=True)
    assert volume.days == 10
    assert volume.cost_a_month_usd == pytest.approx(0.1 / 10 * 30.4375)
    assert (volume.silent_days, volume.longest_gap_days, volume.has_ended) == (9, 0, False)
    paced = [one._replace(time=START + day * DAY / 20) for day, one in enumerate(read * 20)]
    volume = volume_of(sums_of(100, START, START + DAY), paced, START + 10 * DAY, exact=True)
    assert volume.longest_gap_days == pytest.approx(0.05)
    assert volume.has_ended


def test_a_share_goes_by_calls_and_by_what_they_cost() -> None:
    whole = [one._replace(cost_usd=float(number)) for number, one in enumerate(asked_of(["a"] * 4))]
    share = share_of(sums_of(1_000, START, START), whole[3:], whole)
    assert share.calls == 250
    assert share.cost_usd == pytest.approx(0.5)
    unknown = [one._replace(cost_usd=None) for one in whole]
    assert share_of(sums_of(1_000, 0, 1), unknown[3:], unknown).cost_usd == pytest.approx(0.25)
    assert scaled(sums_of(1_000, 0, 1), 0.25).calls == 250


# Measures.


def test_labels_are_a_closed_set_with_their_shares() -> None:
    kind = output_kind(asked_of(["Yes", "yes.", "no", "no", "yes ", "Yes"] * 5))
    assert kind.kind == "closed set"
    assert dict(kind.labels) == pytest.approx({"Yes": 4 / 6, "no": 2 / 6})


@pytest.mark.parametrize("calls", [200, 2_000])
def test_answers_that_are_odd_now_and_then_leave_labels_a_closed_set(calls: int) -> None:
    answers: list[str | None] = [
        f"odd {n}" if n % 10 == 0 else "yes" if n % 3 else "no" for n in range(calls)
    ]
    assert output_kind(asked_of(answers)).kind == "closed set"
    odd = [*answers[: calls // 2], *map(str, range(calls // 4))]
    assert output_kind(asked_of(odd)).kind == "free text"


def test_labels_that_differ_in_marks_around_them_are_not_the_same() -> None:
    kind = output_kind(asked_of(["<50K", *[">50K"] * 2, '">50K"'] * 5))
    assert dict(kind.labels) == pytest.approx({"<50K": 1 / 4, ">50K": 3 / 4})


def test_objects_are_a_schema_with_the_fields_that_most_have() -> None:
    answers: list[str | None] = ['{"a": 1, "b": 2}', '```json\n{"a": 3}\n```', '{"a": 4, "b": 5}']
    kind = output_kind(asked_of(answers))
    assert (kind.kind, kind.fields) == ("schema", ("a", "b"))


def test_lists_of_objects_are_lists_unless_they_recur_as_labels_do() -> None:
    listed: list[str | None] = [
        f'[{{"name": "n{n}"}}, {{"name": "m{n}"}}]' if n % 5 else "[]" for n in range(40)
    ]
    assert output_kind(asked_of(listed)).kind == "lists"
    assert output_kind(asked_of(['[{"a": 1}, {"a": 2}]', "[]"] * 20)).kind == "closed set"
    assert output_kind(asked_of([f"[{n}]" for n in range(40)])).kind == "free text"


def test_other_answers_are_free_text() -> None:
    generator = random.Random(0)  # noqa: S311 - no secret
    assert output_kind(asked_of([phrase(generator) for _ in range(40)])).kind == "free text"
    assert output_kind(asked_of([None, None])).kind == "free text"


@given(st.lists(st.tuples(st.text(max_size=8), st.none() | st.text(max_size=8)), min_size=1))
def test_narrowness_lies_between_zero_and_one(calls: list[tuple[str, str | None]]) -> None:
    asked = asked_of([answer for _, answer in calls], [text for text, _ in calls])
    told = [Told(one, one.text) for one in asked]
    assert 0 <= narrowness(told) <= 1


def test_settings_that_vary_from_call_to_call_are_not_recognised() -> None:
    told = [Told(one, one.text) for one in asked_of(["a"] * 100)]
    some = [one._replace(asked=one.asked._replace(settings=str(n))) for n, one in enumerate(told)]
    assert measure(told, instruction_varies=False).recognised == 1
    assert measure([*told, *some], instruction_varies=False).recognised == 0.5


def test_a_prompt_that_holds_the_day_is_measured_as_what_will_be_recognised() -> None:
    def told(said: list[str]) -> list[Told]:
        calls = [
            make_call(n, [{"role": "system", "content": f"Sort. {text}"}, user(f"text {n}")], "a")
            for n, text in enumerate(said)
        ]
        return [Told(one, one.text) for one in map(ask, calls)]

    dated = told([f"Today is 2026-11-{1 + n // 4:02d}." for n in range(40)])
    assert measure(dated, instruction_varies=True).recognised == 0
    tenants = told([f"You help shop {n % 10}." for n in range(40)])
    assert measure(tenants, instruction_varies=True).recognised == 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"max_tokens": "inf"}, "'max_tokens', which is not understood"),
        ({"seed": 1, "top_logprobs": 5}, "'top_logprobs', which is not understood"),
        ({"stream": "yes", "stop": 3}, "a way of delivery that is not understood"),
    ],
)
def test_what_is_not_understood_of_a_delivery_is_named(given: dict[str, Any], named: str) -> None:
    assert ask(make_call(1, [user("text")], "a", **given)).hindrance == named


def test_what_a_student_may_not_answer_is_measured_with_what_it_has() -> None:
    plain = [make_call(number, [user(f"text {number}")], "a") for number in range(10)]
    biased = [
        make_call(number, [user(f"text {number}")], "a", logit_bias={"9": -100})
        for number in range(10, 20)
    ]
    stored = [call._replace(facts=replace(call.facts, endpoint="responses")) for call in plain[:5]]
    told = [Told(one, one.text) for one in map(ask, [*plain, *biased, *stored])]
    found = measure(told, instruction_varies=False)
    assert found.answerable == pytest.approx(10 / 25)
    assert found.recognised == pytest.approx(10 / 25)
    assert found.hindrance == "'logit_bias'"
    assert told[-1].asked.hindrance == "'store', which is not false"


def test_what_a_cache_has_answered_is_not_to_be_cached_again() -> None:
    asked = [one._replace(request=b"same") for one in asked_of(["a"] * 10)]
    paid = [one._replace(cost_usd=0.01 * (number < 4)) for number, one in enumerate(asked)]

    def share(calls: list[Asked]) -> tuple[float, float]:
        found = measure([Told(one, one.text) for one in calls], instruction_varies=False)
        assert found.repeated == found.cacheable
        return found.cacheable, found.cacheable_cost

    assert share(paid) == pytest.approx((0.3, 0.75))
    assert share([one._replace(cost_usd=0.01 * (one == asked[0])) for one in asked]) == (0, 0)
    for cost in (None, 0.0):
        assert share([one._replace(cost_usd=cost) for one in asked]) == pytest.approx((0.9, 0.9))


def test_turns_are_talk_where_they_are_no_examples() -> None:
    shown = [one._replace(turns="shown") for one in asked_of(["a"] * 10)]
    talk = [one._replace(turns=f"turn {number}") for number, one in enumerate(shown[:5])]
    found = measure([Told(one, one.text) for one in shown + talk], instruction_varies=False)
    assert found.talk == pytest.approx(1 / 3)


# What other commands take.


def test_inputs_of_a_task_that_an_audit_found_are_read_by_its_name(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite"
    with open_database(place) as database:
        CallStore(database).add([one.call for one in make_traffic(dict.fromkeys(KINDS, 30))])
        tasks = discover(database).tasks
        remember_tasks(database, tasks, START)
    [film] = [task for task in tasks if task.name.startswith("film-")]
    given = read_inputs(film.name, None, None, "utf-8", place, RedactionSettings())
    assert {example.text for example in given.examples} == {call.message for call in film.sample}
    assert {example.answer for example in given.examples} <= {
        "billing",
        "delivery",
        "refund",
        "other",
    }
    assert given.teacher == "gpt-5.2-mini"


def test_a_grouping_is_scored_by_pairs_and_by_tasks() -> None:
    tasks = ["a"] * 4 + ["b"] * 4 + [ONE_OFF] * 2
    perfect = score(tasks, [*"aaaabbbb", None, None])
    assert (perfect.pair_f1, perfect.task_precision, perfect.task_recall) == (1, 1, 1)
    split = score(tasks, [*"aaccbbbb", None, None])
    assert (split.pair_precision, split.pair_recall) == pytest.approx((1, 8 / 12))
    assert (split.task_precision, split.task_recall) == pytest.approx((1 / 3, 0.5))
    merged = score(tasks, "x" * 10)
    assert merged.pair_precision == pytest.approx(12 / 45)
    assert (merged.pair_recall, merged.task_recall) == (1, 0)
