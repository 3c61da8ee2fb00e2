"""What an audit decides, and what it says that is worth."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.audit import (
    Foresight,
    Probe,
    ProbePoint,
    Replacement,
    StandIn,
    TrafficTask,
    discover,
)
from locum.audit.hints import batch_hint, busy_hours, cache_hint, label_hint
from locum.audit.probe import farthest_calls
from locum.audit.tasks import OutputKind, SampledCall
from locum.audit.verdict import judge
from locum.evaluation import Interval, Promise, Share
from locum.schema import OwnPrice
from locum.store import CallStore, open_database
from tests.audit_traffic import DAY, START, make_traffic

PROMISE = Promise(0.95, 0.95)
HOUR = 3_600.0


@cache
def topic() -> TrafficTask:
    """A task whose answers are one of four labels: 1,000 calls a month, at a dollar."""
    with TemporaryDirectory() as folder, open_database(Path(folder, "store.sqlite")) as database:
        CallStore(database).add([one.call for one in make_traffic({"topic": 40})])
        [task] = discover(database).tasks
    volume = task.volume._replace(
        calls=500, read=500, cost_usd=0.5, calls_a_month=1_000.0, cost_a_month_usd=1.0
    )
    return task._replace(volume=volume)


def foreseen(calls: int, coverage: float, chance: float) -> Foresight:
    return Foresight(calls, coverage, Interval(coverage / 2, min(1.0, coverage * 1.5)), chance)


def probed(now: Foresight, later: Foresight | None = None, *, whole: bool = True) -> Probe:
    agreement = Share(0.8, Interval(0.75, 0.85), 400)
    curve = (ProbePoint(340, 0.8, measured=True),)
    return Probe(450, 0.9, agreement, None, curve, now, later, (), whole, 1.0)


def measured(**changes: Any) -> TrafficTask:  # noqa: ANN401 - any measure
    """The task with other measures."""
    return topic()._replace(measures=topic().measures._replace(**changes))


def sent(*times: float) -> tuple[SampledCall, ...]:
    return tuple(
        SampledCall(str(number), time, "gpt-5.2", "", "", None) for number, time in enumerate(times)
    )


# Students.


def test_a_likely_certificate_saves_its_share_of_the_cost_at_once() -> None:
    verdict = judge(topic(), probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert (verdict.kind, verdict.months, verdict.more_calls) == ("distil", 0, None)
    assert verdict.saving is not None
    assert verdict.saving.dollars == pytest.approx((0.441, 0.2205, 0.6615))
    assert verdict.saving.calls.value == pytest.approx(441)
    assert "$0.441 a month (" in verdict.reason


def test_more_calls_are_counted_priced_and_paid_back() -> None:
    verdict = judge(topic(), probed(foreseen(450, 0, 0.1), foreseen(900, 0.5, 0.8)), PROMISE)
    assert verdict.kind == "collect_more"
    assert verdict.more_calls == 500  # usable calls are nine in ten
    assert verdict.months == pytest.approx(500 * 0.001 / 0.441)
    assert "15 days at its pace" in verdict.reason
    assert "bought from the model now they cost $0.50, back in 35 days" in verdict.reason


def test_calls_without_times_are_told_no_month() -> None:
    task = topic()._replace(volume=topic().volume._replace(timed=False))
    now = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert "which saves $0.441 of what all calls cost" in now.reason
    more = judge(task, probed(foreseen(450, 0, 0.1), foreseen(900, 0.5, 0.8)), PROMISE)
    assert (more.kind, more.more_calls, more.months) == ("collect_more", 500, None)
    assert not any(word in more.reason for word in ("month", "pace", "back in"))
    for verdict in (now, more, judge(task, None, PROMISE)):
        assert any("of all of them" in note for note in verdict.notes)


def test_a_certificate_that_may_be_had_now_is_worth_a_try() -> None:
    later = foreseen(900, 0.5, 0.8)
    notes = [
        judge(topic(), probed(foreseen(450, 0, chance), later), PROMISE).notes
        for chance in (0.1, 0.5)
    ]
    tried = [[note for note in some if "try locum distill" in note] for some in notes]
    assert tried == [
        [],
        [f"distilling what is recorded costs minutes: try locum distill {topic().name}"],
    ]


def test_what_no_calls_help_is_left_alone() -> None:
    verdict = judge(topic(), probed(foreseen(450, 0, 0.1)), PROMISE)
    assert (verdict.kind, verdict.saving) == ("do_not_distil", None)
    assert "with 3,600 calls neither" in verdict.reason


def test_a_probe_that_was_cut_short_decides_nothing_but_for_the_student() -> None:
    none = judge(topic(), probed(foreseen(450, 0, 0.1), whole=False), PROMISE)
    assert none.kind == "unknown"
    assert "learned from 340 inputs" in none.reason
    assert judge(topic(), probed(foreseen(450, 0.5, 0.9), whole=False), PROMISE).kind == "distil"


def test_few_calls_are_looked_ahead_from_to_enough_for_a_certificate() -> None:
    assert [farthest_calls(calls) for calls in (40, 250, 1_000)] == [2_000, 2_000, 8_000]


def test_without_a_cost_calls_are_what_is_saved() -> None:
    volume = topic().volume._replace(cost_usd=None, cost_a_month_usd=None)
    verdict = judge(topic()._replace(volume=volume), probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert verdict.saving is not None
    assert verdict.saving.dollars is None
    assert "$" not in verdict.reason


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (measured(output=OutputKind("tools")), "uses tools"),
        (measured(tools=0.9), "uses tools"),
        (measured(output=OutputKind("free text")), "free text"),
        (measured(output=OutputKind("lists")), "let the instruction ask for an object that holds"),
        (measured(output=OutputKind("closed set", (("yes", 1.0),))), "every answer is 'yes'"),
        (measured(output=OutputKind("free text"), talk=0.9), "it is a conversation"),
        (measured(output=OutputKind("closed set", (("none", 0.85),))), "85% of its answers are"),
    ],
)
def test_some_tasks_no_student_takes(task: TrafficTask, why: str) -> None:
    verdict = judge(task, None, PROMISE)
    assert verdict.kind == "do_not_distil"
    assert why in verdict.reason


def test_what_a_gateway_would_not_recognise_is_not_saved() -> None:
    task = measured(instruction_varies=True, recognised=0.8)
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert (verdict.kind, verdict.saves_now) == ("distil", True)
    assert verdict.saving is not None
    assert verdict.saving.dollars == pytest.approx((0.3528, 0.1764, 0.5292))
    assert any("instruction varies" in note for note in verdict.notes)
    assert any("would recognise 80% of calls" in note for note in verdict.notes)


def test_where_nearly_nothing_is_recognised_the_prompt_is_to_be_changed_first() -> None:
    task = measured(instruction_varies=True, recognised=0.0)
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert (verdict.kind, verdict.saves_now) == ("change_prompt", False)
    assert verdict.saving is not None
    assert verdict.saving.dollars == pytest.approx((0.441, 0.2205, 0.6615))
    assert "would recognise 0% of calls" in verdict.reason
    later = judge(task, probed(foreseen(450, 0, 0.1), foreseen(900, 0.5, 0.8)), PROMISE)
    assert later.kind == "collect_more"


def test_calls_that_no_student_may_answer_are_to_be_changed_first() -> None:
    task = measured(answerable=0.1, hindrance="'logit_bias'", recognised=0.1)
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert (verdict.kind, verdict.saves_now) == ("change_prompt", False)
    assert "90% of calls to the model, whatever a student learns, because of 'log" in verdict.reason
    assert verdict.notes == ()
    both = measured(answerable=0.52, hindrance="'logit_bias'", recognised=0.49)
    verdict = judge(both, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert "48% of calls to the model, whatever a student learns, because of 'log" in verdict.reason
    [note] = verdict.notes
    assert note.startswith("a gateway would recognise 49% of calls")
    some = measured(answerable=0.8, hindrance="'logit_bias'", recognised=0.8)
    verdict = judge(some, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert verdict.kind == "distil"
    assert verdict.saving is not None
    assert verdict.saving.dollars == pytest.approx((0.3528, 0.1764, 0.5292))
    [note] = verdict.notes
    assert note.startswith("a gateway leaves 20% of calls to the model")


def test_talk_about_which_a_student_decides_is_judged_by_its_probe() -> None:
    task = measured(talk=0.9)._replace(kind="conversation")
    named = task._replace(kind="named")
    verdicts = {judge(one, probed(foreseen(450, 0.5, 0.9)), PROMISE) for one in (task, named)}
    assert len(verdicts) == 1
    [verdict] = verdicts
    assert verdict.kind == "distil"
    assert any("in 90% of calls other turns come before" in note for note in verdict.notes)


def test_thoughts_before_answers_are_told() -> None:
    def told(share: float) -> bool:
        verdict = judge(measured(thought=share), probed(foreseen(450, 0.5, 0.9)), PROMISE)
        return any("begin with thoughts in <think> tags" in note for note in verdict.notes)

    assert told(0.9)
    assert not told(0.01)


def test_a_name_that_no_student_can_have_is_told() -> None:
    verdict = judge(topic()._replace(name="a/b"), probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert any("no student can have its name" in note for note in verdict.notes)


def test_calls_without_a_model_are_told_to_be_known_to_no_gateway() -> None:
    task = topic()._replace(volume=topic().volume._replace(models=(("gpt-5.2", 0.6), ("", 0.4))))
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert verdict.kind == "distil"
    assert any(note.startswith("40% of calls name no model") for note in verdict.notes)


def test_calls_to_several_models_are_told() -> None:
    def said(*models: tuple[str, float]) -> list[str]:
        task = topic()._replace(volume=topic().volume._replace(models=models))
        notes = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE).notes
        return [note for note in notes if "several models" in note]

    [note] = said(("gpt-4o", 0.9), ("gpt-4o-mini", 0.1))
    assert "(gpt-4o 90%, gpt-4o-mini 10%)" in note
    assert said(("gpt-4o", 0.97), ("gpt-4o-mini", 0.03)) == said(("gpt-4o", 0.6), ("", 0.4)) == []


def test_a_model_that_was_replaced_is_told() -> None:
    replaced = Replacement("gpt-5.2", 1_760_000_000.5, 300, "gpt-5.1", 900)
    task = topic()._replace(volume=topic().volume._replace(replacement=replaced))
    notes = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE).notes
    [note] = [note for note in notes if "--since" in note]
    assert note.startswith(
        "gpt-5.2 answers its calls since 2025-10-09T08:53:20Z, and most of before"
    )
    assert "gpt-5.1's: --since 2025-10-09T08:53:20Z judges by the new one's" in note


def test_calls_whose_cost_is_not_known_count_as_nothing_and_are_told() -> None:
    volume = topic().volume._replace(priced=0.4)
    task = topic()._replace(volume=volume)
    verdict = judge(task, probed(foreseen(450, 0, 0.1), foreseen(900, 0.5, 0.8)), PROMISE)
    assert verdict.months == pytest.approx(500 * 0.5 / 200 / 0.441)
    assert "the cost of 60% of calls is not known, and counted as nothing" in verdict.notes


def test_too_few_calls_to_certify_are_to_be_collected() -> None:
    volume = topic().volume._replace(calls=100)
    verdict = judge(topic()._replace(volume=volume), "too few to probe", PROMISE)
    assert verdict.kind == "collect_more"
    assert verdict.more_calls == 510  # 61 answered ones, half of a fifth


def test_what_is_not_asked_any_more_saves_nothing() -> None:
    silent = topic().volume._replace(silent_days=50.0, longest_gap_days=2.5, days=90.0)
    task = topic()._replace(volume=silent)
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert (verdict.kind, verdict.saving) == ("do_not_distil", None)
    assert "the last one came 50 days before the last one of the log" in verdict.reason
    assert verdict.notes[0].startswith("while it was asked: a small student may answer 50%")
    answered = task._replace(student=StandIn(task.name, "active", START, 10, 5, counted=False))
    assert judge(answered, probed(foreseen(450, 0.5, 0.9)), PROMISE).kind == "distil"


@pytest.mark.parametrize(
    "changes",
    [
        {"longest_gap_days": 30.0},
        {"silent_days": 8.0},
        {"longest_gap_days": 0.0},
        {"timed": False},
    ],
)
def test_a_task_has_ended_that_is_silent_as_it_never_was(changes: dict[str, Any]) -> None:
    volume = topic().volume._replace(silent_days=50.0, longest_gap_days=2.5, days=90.0)
    assert volume.has_ended
    assert not volume._replace(**changes).has_ended


# What a student answers already.


def test_a_task_that_a_student_answers_says_so_first() -> None:
    volume = topic().volume._replace(left=590, calls=5_000, unrecorded=734)
    student = StandIn("583ef9", "active", START, 1_347, 743, counted=True)
    task = topic()._replace(volume=volume, student=student)
    for found in (judge(task, None, PROMISE), judge(task, probed(foreseen(1, 0.5, 1)), PROMISE)):
        assert found.notes[0] == (
            "a student answers 55% of its calls since 2025-10-09; these count here as well, and "
            "the 590 that it left to the model count in volume and cost alone, as they are no fair "
            "sample: locum status 583ef9 tells more"
        )
    ended = task._replace(student=student._replace(state="revoked", counted=False))
    [said] = judge(ended, None, PROMISE).notes
    assert said.startswith(
        "a student answered 55% of its calls from 2025-10-09 on, until it was revoked; these do not"
    )
    unasked = task._replace(student=student._replace(calls=0, answered=0))
    [said] = judge(unasked, None, PROMISE).notes
    assert said.startswith("a student stands in for the model since 2025-10-09, and was asked")
    assert (
        judge(
            ended._replace(student=unasked.student and unasked.student._replace(state="demoted")),
            None,
            PROMISE,
        ).notes
        == ()
    )


def test_calls_that_no_student_chose_come_at_no_pace_that_is_known() -> None:
    task = topic()._replace(student=StandIn("topic", "active", START, 10, 5, counted=True))
    more = judge(task, probed(foreseen(450, 0, 0.1), foreseen(900, 0.5, 0.8)), PROMISE)
    assert (more.kind, more.more_calls) == ("collect_more", 500)
    assert "at its pace" not in more.reason


def test_calls_that_a_student_chose_do_not_certify() -> None:
    volume = topic().volume._replace(left=300, unrecorded=100)
    assert volume.fair == 100
    verdict = judge(topic()._replace(volume=volume), "too few to probe", PROMISE)
    assert (verdict.kind, verdict.more_calls) == ("collect_more", 510)


# What else saves.


def test_repeated_requests_are_to_be_cached_where_nothing_is_distilled() -> None:
    task = measured(repeated=0.4, cacheable=0.4, cacheable_cost=0.2, output=OutputKind("free text"))
    verdict = judge(task, None, PROMISE)
    assert verdict.kind == "cache"
    assert verdict.saving is not None
    assert verdict.saving.calls == pytest.approx((400, 400, 400))
    assert verdict.saving.dollars == pytest.approx((0.2, 0.2, 0.2))
    assert "that is 20% of the cost" in verdict.reason
    assert any("free text" in note for note in verdict.notes)


def test_a_cache_that_saves_more_than_calls_to_come_will_is_what_to_do() -> None:
    later = probed(foreseen(450, 0, 0.1), foreseen(900, 0.3, 0.8))
    much, little = (
        measured(repeated=share, cacheable=share, cacheable_cost=share) for share in (0.5, 0.2)
    )
    verdict = judge(much, later, PROMISE)
    assert (verdict.kind, verdict.months) == ("cache", 0)
    assert verdict.saving is not None
    assert verdict.saving.dollars == pytest.approx((0.5, 0.5, 0.5))
    assert any("450 usable calls bring a certificate" in note for note in verdict.notes)
    assert judge(little, later, PROMISE).kind == "collect_more"
    unpriced = much.volume._replace(cost_usd=None, cost_a_month_usd=None)
    assert judge(much._replace(volume=unpriced), later, PROMISE).kind == "cache"


def test_a_task_that_is_distilled_may_be_cached_besides() -> None:
    task = measured(repeated=0.4, cacheable=0.1)
    verdict = judge(task, probed(foreseen(450, 0.5, 0.9)), PROMISE)
    assert verdict.kind == "distil"
    assert any("40% of calls are exactly" in note for note in verdict.notes)


def test_a_cache_saves_nothing_of_calls_that_it_does_not_keep() -> None:
    task = measured(repeated=0.4, cacheable=0.05, output=OutputKind("free text"))
    verdict = judge(task, None, PROMISE)
    assert (verdict.kind, verdict.saving) == ("do_not_distil", None)
    assert any("at temperature 0 alone, which 5%" in note for note in verdict.notes)


def test_a_sample_shows_the_least_that_is_repeated() -> None:
    volume = topic().volume._replace(calls=5_000)
    task = measured(repeated=0.4, cacheable=0.4)._replace(volume=volume)
    hint = cache_hint(task)
    assert hint is not None
    assert hint.reason.startswith("at least 40%")
    assert cache_hint(measured(repeated=0.01)) is None


def test_calls_that_come_at_night_may_have_a_batch_price() -> None:
    night = sent(*(START + day * DAY + minute * 60 for day in range(10) for minute in range(60)))
    task = topic()._replace(sample=night)
    hint = batch_hint(task)
    assert hint is not None
    assert hint.share == 0.5
    assert "half the price" in hint.reason
    free = judge(measured(output=OutputKind("free text"))._replace(sample=night), None, PROMISE)
    assert free.kind == "batch"
    for more in ({"streamed": 1.0}, {"batched": 1.0}):
        assert batch_hint(task._replace(measures=measured(**more).measures)) is None
    for model in ("llama3", "gpt-oss-20b", "openrouter/openai/gpt-4o", "deepseek/deepseek-chat"):
        other = topic().volume._replace(models=((model, 1.0),))
        assert batch_hint(task._replace(volume=other)) is None


def test_a_few_calls_each_night_are_a_nightly_job_and_as_many_at_random_none() -> None:
    night = [START + day * DAY + 5 * second for day in range(90) for second in range(20)]
    assert busy_hours(sent(*night)) == pytest.approx(0.9 * 90 / (89 * 24 + 1), rel=0.02)
    generator = random.Random(0)  # noqa: S311 - no secret
    at_random = [START + generator.random() * 90 * DAY for _ in night]
    assert busy_hours(sent(*at_random)) is None
    assert busy_hours(sent(*at_random[:50])) is None


def test_calls_at_all_hours_have_somebody_who_waits() -> None:
    generator = random.Random(0)  # noqa: S311 - no secret
    times = [START + generator.random() * 5 * DAY for _ in range(2_000)]
    share = busy_hours(sent(*times))
    assert share is not None
    assert share > 0.7


@given(st.lists(st.floats(0, 100 * HOUR), min_size=1, max_size=150))
def test_busy_hours_are_a_share(times: list[float]) -> None:
    share = busy_hours(sent(*times))
    assert share is None or 0 < share <= 1


def test_tokens_beyond_the_label_are_priced() -> None:
    volume = topic().volume._replace(
        models=(("gpt-4o-mini", 1.0),), output_tokens=500.0, cost_usd=0.5, calls=1_000
    )
    hint = label_hint(topic()._replace(volume=volume), {})
    assert hint is not None
    label = sum(len(name) * share for name, share in topic().measures.output.labels)
    assert hint.share == pytest.approx((500 - label) * 0.6e-6 * 1_000 / 0.5)
    short = volume._replace(output_tokens=2.0)
    assert label_hint(topic()._replace(volume=short), {}) is None


def test_tokens_beyond_the_label_are_priced_as_they_are_paid() -> None:
    volume = topic().volume._replace(
        models=(("own", 1.0),), output_tokens=500.0, cost_usd=10.0, calls=1_000
    )
    assert label_hint(topic()._replace(volume=volume), {}) is None
    own = {"own": OwnPrice(input=1.0, output=10.0)}
    hint = label_hint(topic()._replace(volume=volume), own)
    batch = label_hint(measured(batched=1.0)._replace(volume=volume), own)
    assert hint is not None
    assert batch is not None
    assert batch.share == pytest.approx(hint.share / 2)
