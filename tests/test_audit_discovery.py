"""Tasks found in recorded traffic."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.audit import (
    Discovery,
    StandIn,
    TrafficTask,
    calls_of_task,
    discover,
    forget_tasks,
    remember_tasks,
)
from locum.audit import discovery as discovery_of
from locum.errors import InputError
from locum.store import (
    AuditedTask,
    AuditedTaskStore,
    CallFilter,
    CallStore,
    PromotionStore,
    ShadowStore,
    Tally,
    open_database,
)
from tests.audit_traffic import DAY, KINDS, START, make_call, make_traffic, phrase, system, user

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from locum.schema import Call, JsonObject
    from locum.store import Database, Route
    from tests.audit_traffic import Labelled

EACH = 30
ALL = dict.fromkeys(KINDS, EACH)
FEW = ("topic", "film", "book", "summary", "clock", "talk", "few turns")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    """An empty store."""
    with open_database(tmp_path / "store.sqlite") as database:
        yield database


def add(database: Database, calls: Iterable[Call]) -> None:
    CallStore(database).add(list(calls))


def audit(traffic: Iterable[Labelled], seed: int = 0) -> Discovery:
    """What is found in a store of some traffic."""
    with TemporaryDirectory() as folder, open_database(Path(folder, "store.sqlite")) as database:
        add(database, (one.call for one in traffic))
        return discover(database, seed=seed)


def ids_of(task: TrafficTask) -> frozenset[str]:
    return frozenset(call.call_id for call in task.sample)


def groups_of(discovery: Discovery) -> dict[str, frozenset[str]]:
    return {task.name: ids_of(task) for task in discovery.tasks}


def by_kind(traffic: Iterable[Labelled]) -> dict[str, frozenset[str]]:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for one in traffic:
        groups[one.task].add(one.call.facts.id)
    return {kind: frozenset(ids) for kind, ids in groups.items()}


def kind_of(ids: frozenset[str]) -> str:
    """The true kind of calls that are all of one."""
    [kind] = {call_id.rsplit("-", 2)[0] for call_id in ids}
    return kind


@cache
def found_in_all() -> Discovery:
    """What is found in traffic of all kinds."""
    return audit(make_traffic(ALL))


@pytest.fixture
def found() -> Discovery:
    """Likewise; a property of Hypothesis would write it out."""
    return found_in_all()


def test_every_task_is_found_with_its_calls_and_no_others(found: Discovery) -> None:
    assert set(groups_of(found).values()) == set(by_kind(make_traffic(ALL)).values())
    assert found.others == []
    assert found.calls == found.read == EACH * len(KINDS)


def test_a_task_says_how_it_was_told_from_others(found: Discovery) -> None:
    kinds = {kind_of(ids_of(task)): task.kind for task in found.tasks}
    assert kinds["topic"] == "instruction"
    assert kinds["clock"] == "instruction"
    assert kinds["film"] == "prompt"
    assert kinds["few turns"] == "examples"
    assert kinds["talk"] == "conversation"


def test_a_template_has_slots_where_calls_differ(found: Discovery) -> None:
    shown = {kind_of(ids_of(task)): task.template for task in found.tasks}
    assert shown["clock"].instruction == "Today is {}. Sort the ticket into billing or other."
    assert shown["customer"].instruction.startswith("You answer letters for the company {}.")
    assert shown["question"].prompt == "Context:\n{}\n\nQuestion: {}\nAnswer in one word:"
    assert shown["topic"].prompt == "{}"
    assert len(shown["clock"].fingerprints) > 20
    assert len(shown["topic"].fingerprints) == 1


def test_the_sample_has_the_part_that_varies_and_the_whole_message(found: Discovery) -> None:
    [task] = [task for task in found.tasks if kind_of(ids_of(task)) == "film"]
    for call in task.sample:
        assert (
            call.message
            == f"Is this film review positive or negative?\n\nReview: {call.text}\n\nAnswer:"
        )


def test_volumes_are_counted_where_all_calls_were_read(found: Discovery) -> None:
    for task in found.tasks:
        volume = task.volume
        assert (volume.calls, volume.exact, volume.read) == (EACH, True, EACH)
        assert volume.cost_usd == pytest.approx(EACH * 0.001)
        assert volume.days == pytest.approx(27, abs=0.1)
        assert volume.calls_a_month == pytest.approx(EACH * 30.4375 / volume.days)
        assert volume.models == (("gpt-5.2-mini", 1.0),)
        assert volume.applications == (("shop", 1.0),)
        assert 200 < (volume.latency_p50_ms or 0) < (volume.latency_p95_ms or 0) < 300
        assert (volume.input_tokens, volume.output_tokens) == (100, 5)


def test_measures_tell_labels_for_short_texts_from_talk(found: Discovery) -> None:
    measures = {kind_of(ids_of(task)): task.measures for task in found.tasks}
    assert measures["topic"].output.kind == "closed set"
    assert measures["topic"].narrowness > 0.85
    assert measures["few turns"].narrowness > 0.85
    assert measures["poem"].output.kind == "free text"
    assert measures["talk"].narrowness < 0.4 < measures["summary"].narrowness < 0.6
    assert measures["talk"].turns > 0.5
    assert measures["customer"].instruction_varies
    assert not measures["topic"].instruction_varies


@settings(max_examples=5)
@given(st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(order: random.Random) -> None:
    traffic = make_traffic(ALL)
    order.shuffle(traffic)
    assert audit(traffic) == found_in_all()


@settings(max_examples=10)
@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.integers(1, 120), min_size=1))
def test_calls_of_one_task_change_neither_the_calls_nor_the_name_of_another(
    sizes: Mapping[str, int],
) -> None:
    added = make_traffic(sizes, seed=1)
    together = groups_of(audit([*make_traffic(ALL), *added]))
    before = groups_of(found_in_all())
    new = {one.call.facts.id for one in added}
    assert {name: ids - new for name, ids in together.items()} == before
    for name, ids in together.items():
        assert len(ids) == EACH + sizes.get(kind_of(before[name]), 0)


def test_a_seed_draws_the_same_calls_and_another_one_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery_of, "MOST_SAMPLED", 20)
    traffic = make_traffic({"topic": 200})
    samples = [groups_of(audit(traffic, seed)) for seed in (0, 0, 1)]
    assert samples[0] == samples[1]
    assert samples[0].keys() == samples[2].keys()
    assert samples[0] != samples[2]


def test_a_named_task_is_one_whatever_its_calls_are(opened: Database) -> None:
    traffic = make_traffic(dict.fromkeys(("film", "topic", "talk"), EACH))
    add(opened, (c._replace(facts=replace(c.facts, task="support")) for _, c in traffic))
    add(opened, (one.call for one in make_traffic({"topic": EACH}, seed=1)))
    named, other = sorted(discover(opened).tasks, key=lambda task: task.kind, reverse=True)
    assert (named.name, named.kind, named.volume.calls) == ("support", "named", 3 * EACH)
    assert named.definition == {}
    assert (other.kind, other.volume.calls) == ("instruction", EACH)


def test_agents_are_one_task_however_long_they_work(opened: Database) -> None:
    tools: list[JsonObject] = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("weather", "trains")
    ]
    told = system("You plan trips with the tools that you are given.")
    used: JsonObject = {
        "role": "assistant",
        "tool_calls": [{"id": "1", "function": {"name": "weather"}}],
    }
    calls = []
    for number, (_, call) in enumerate(make_traffic({"topic": 40})):
        asked = user(call.request["messages"][-1]["content"])
        steps = [used, {"role": "tool", "tool_call_id": "1", "content": "rain"}] * (number % 4)
        calls.append(make_call(number, [told, asked, *steps], None, message=used, tools=tools))
    add(opened, calls)
    [task] = discover(opened).tasks
    assert (task.kind, task.volume.calls, task.measures.output.kind) == ("agent", 40, "tools")
    assert task.name.startswith("agent-")
    assert task.measures.tools == 1
    assert task.measures.narrowness < 0.5


def test_one_tool_is_a_schema(opened: Database) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "place", "parameters": parameters}}]
    said = {"function": {"name": "place", "arguments": '{"city": "Bonn"}'}, "id": "1"}
    calls = [
        make_call(
            number,
            [system("Name the city of the letter."), *call.request["messages"][1:]],
            None,
            message={"role": "assistant", "tool_calls": [said]},
            tools=tools,
        )
        for number, (_, call) in enumerate(make_traffic({"topic": 40}))
    ]
    add(opened, calls)
    [task] = discover(opened).tasks
    assert (task.measures.output.kind, task.measures.output.fields) == ("schema", ("city",))
    assert task.sample[0].answer == '{"city": "Bonn"}'


def test_what_is_no_task_is_counted_with_its_reason(opened: Database) -> None:
    talk = [one.call for one in make_traffic({"summary": 60})]
    odd = [
        make_call(1000 + number, [user(call.request["messages"][-1]["content"][27:])], f"{number}")
        for number, call in enumerate(talk)
    ]
    broken = [make_call(number, [user("a")], None) for number in range(2000, 2003)]
    broken = [c._replace(facts=replace(c.facts, outcome="failed", cost_usd=None)) for c in broken]
    vectors = [make_call(number, [user("a")], None) for number in range(3000, 3002)]
    vectors = [c._replace(facts=replace(c.facts, endpoint="embeddings")) for c in vectors]
    add(opened, [*talk, *odd, *broken, *vectors])
    discovery = discover(opened)
    assert [task.volume.calls for task in discovery.tasks] == [60]
    assert [(other.calls, other.reason.split(",")[0]) for other in discovery.others] == [
        (60, "prompts that share no text"),
        (3, "no whole answer came"),
        (2, "embeddings"),
    ]
    assert [other.cost_usd for other in discovery.others] == pytest.approx([0.06, None, 0.002])
    assert discovery.calls == 125


def test_instructions_of_which_every_call_has_its_own_are_no_task(opened: Database) -> None:
    calls = [one.call for one in make_traffic({"topic": 60})]
    add(
        opened,
        (
            make_call(number, [system(c.request["messages"][-1]["content"]), user("go")], "yes")
            for number, c in enumerate(calls)
        ),
    )
    discovery = discover(opened)
    assert discovery.tasks == []
    assert [(other.calls, other.reason) for other in discovery.others] == [
        (60, "instructions that few calls share")
    ]


def test_the_empty_store_has_no_tasks(opened: Database) -> None:
    discovery = discover(opened)
    assert (discovery.tasks, discovery.others, discovery.calls) == ([], [], 0)


def test_a_filter_chooses_calls(opened: Database) -> None:
    add(opened, (one.call for one in make_traffic(dict.fromkeys(FEW, EACH))))
    some = discover(opened, CallFilter(since=1_760_000_000.0 + 14 * 86_400))
    assert {task.volume.calls for task in some.tasks} == {14}


def test_volumes_of_many_calls_are_shares_of_those_that_were_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery_of, "MOST_SAMPLED", 300)
    monkeypatch.setattr(discovery_of, "_MOST_READ", 600)
    sizes = {"summary": 600, "poem": 300, "topic": 900}
    found = audit(make_traffic(sizes))
    volumes = {kind_of(ids_of(task)): task.volume for task in found.tasks}
    assert (volumes["topic"].calls, volumes["topic"].exact) == (900, True)
    for kind in ("summary", "poem"):
        assert volumes[kind].calls == pytest.approx(sizes[kind], rel=0.15)
        assert volumes[kind].cost_usd == pytest.approx(sizes[kind] * 0.001, rel=0.15)
        assert not volumes[kind].exact
    assert sum(volumes[kind].calls for kind in ("summary", "poem")) == 900
    assert max(len(task.sample) for task in found.tasks) == 300


def test_calls_without_times_end_nobodys_month(opened: Database) -> None:
    add(opened, (one.call for one in make_traffic({"topic": 56})))
    [before] = discover(opened).tasks
    others = [one.call for one in make_traffic({"spam": 56})]
    made_up = [one._replace(facts=replace(one.facts, time=START + 400 * DAY)) for one in others]
    add(opened, made_up)
    CallStore(opened).note_untimed(made_up)
    found = {task.name: task.volume for task in discover(opened).tasks}
    assert found.pop(before.name).calls_a_month == pytest.approx(before.volume.calls_a_month)
    [untimed] = found.values()
    assert not untimed.timed


def test_memory_does_not_grow_with_the_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery_of, "MOST_SAMPLED", 100)
    monkeypatch.setattr(discovery_of, "_MOST_READ", 200)
    peaks = []
    for calls in (1_000, 8_000):
        with open_database(tmp_path / f"{calls}.sqlite") as database:
            add(
                database,
                (one.call for one in make_traffic({"topic": calls // 2, "clock": calls // 2})),
            )
            discover(database)
            tracemalloc.start()
            discover(database)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


# What an audit found is found again.


def test_a_name_that_an_audit_printed_brings_the_calls_of_the_task(opened: Database) -> None:
    add(opened, (one.call for one in make_traffic(ALL)))
    tasks = discover(opened).tasks
    remember_tasks(opened, tasks, 5.0)
    for task in tasks:
        calls = list(calls_of_task(opened, task.name))
        assert {call.facts.id for call in calls} == ids_of(task)
        assert [call.facts.time for call in calls] == sorted(call.facts.time for call in calls)
    assert AuditedTaskStore(opened).names() == sorted(task.name for task in tasks)


def test_later_calls_of_a_task_are_found_too(opened: Database) -> None:
    add(opened, (one.call for one in make_traffic(ALL)))
    tasks = discover(opened).tasks
    remember_tasks(opened, tasks, 5.0)
    add(opened, (one.call for one in make_traffic(ALL, seed=1)))
    for task in tasks:
        assert len(list(calls_of_task(opened, task.name))) == 2 * EACH


def test_calls_that_name_a_task_come_with_those_that_were_found(opened: Database) -> None:
    add(opened, (one.call for one in make_traffic({"film": EACH})))
    [task] = discover(opened).tasks
    remember_tasks(opened, [task], 5.0)
    [later] = [one.call for one in make_traffic({"book": 1})]
    add(opened, [later._replace(facts=replace(later.facts, task=task.name))])
    assert len(list(calls_of_task(opened, task.name))) == EACH + 1


def test_calls_that_name_a_found_task_are_of_it(opened: Database) -> None:
    """As a gateway names those that it recognises once the task is promoted."""
    traffic = make_traffic({"topic": 90})
    add(opened, (one.call for one in traffic[:60]))
    [before] = discover(opened).tasks
    named = (one.call for one in traffic[60:])
    add(opened, (one._replace(facts=replace(one.facts, task=before.name)) for one in named))
    [after] = discover(opened).tasks
    assert (after.name, after.definition) == (before.name, before.definition)
    assert (after.volume.calls, after.volume.exact) == (90, True)
    assert after.volume.cost_usd == pytest.approx(0.09)
    assert ids_of(after) == {one.call.facts.id for one in traffic}


def test_a_sample_holds_calls_that_name_the_task_in_their_share(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [one.call for one in make_traffic({"topic": 120})]
    add(opened, calls[:80])
    [before] = discover(opened).tasks
    add(opened, (one._replace(facts=replace(one.facts, task=before.name)) for one in calls[80:]))
    monkeypatch.setattr(discovery_of, "MOST_SAMPLED", 30)
    [task] = discover(opened).tasks
    named = {one.facts.id for one in calls[80:]}
    kept = [call.call_id in named for call in task.sample]
    assert (len(kept), sum(kept), sum(kept[:15])) == (30, 10, 5)


# Tasks that a student answers already.


def promote(database: Database, task: str, routes: Mapping[Route, int]) -> float:
    """Promote a student whose calls went so, and return when the hour of them begins."""
    PromotionStore(database).promote(task, "aa", {}, {}, percent=100.0, shadow=0.02)
    hour = (START + 27 * DAY) // 3600 * 3600
    tallies = [
        Tally(task, "aa", hour + 60, "shop", route, calls, 0.002 * calls)
        for route, calls in routes.items()
    ]
    ShadowStore(database).add_tallies(tallies)
    return hour


def test_what_a_student_left_to_the_model_is_no_sample_and_what_it_answered_counts(
    opened: Database,
) -> None:
    calls = [one.call for one in make_traffic({"topic": 90})]
    add(opened, calls[:60])
    [before] = discover(opened).tasks
    named = [one._replace(facts=replace(one.facts, task=before.name)) for one in calls[60:]]
    add(opened, named)
    CallStore(opened).link("deferred", [(before.name, one.facts.id) for one in named[:25]])
    hour = promote(opened, before.name, {"student": 40, "shadow": 5, "deferred": 25})
    found = discover(opened)
    [task] = found.tasks
    assert ids_of(task) == {one.facts.id for one in calls[:60] + calls[85:]}
    volume = task.volume
    assert (volume.calls, volume.left, volume.unrecorded, volume.fair) == (130, 25, 40, 65)
    assert (volume.cost_usd, volume.priced) == pytest.approx((0.09 + 0.08, 1.0))
    assert task.student == StandIn(before.name, "active", hour, 70, 45, counted=True)
    assert found.calls == 130


def test_a_student_of_a_task_that_was_always_named_counts_alike(opened: Database) -> None:
    calls = [
        one.call._replace(facts=replace(one.call.facts, task="support"))
        for one in make_traffic({"topic": 60})
    ]
    add(opened, calls)
    CallStore(opened).link("deferred", [("support", one.facts.id) for one in calls[:20]])
    promote(opened, "support", {"student": 30, "deferred": 20})
    PromotionStore(opened).end("support", "revoked", "it disagreed")
    [task] = discover(opened).tasks
    assert ids_of(task) == {one.facts.id for one in calls[20:]}
    assert (task.volume.calls, task.volume.fair) == (90, 40)
    assert task.student is not None
    assert (task.student.state, task.student.answered) == ("revoked", 30)


def test_what_a_student_did_that_was_promoted_by_a_fingerprint_counts_alike(
    opened: Database,
) -> None:
    calls = [one.call for one in make_traffic({"topic": 90})]
    fingerprint = calls[0].facts.fingerprint
    add(opened, calls[:60])
    [before] = discover(opened).tasks
    remember_tasks(opened, [before], 5.0)
    named = [one._replace(facts=replace(one.facts, task=fingerprint)) for one in calls[60:]]
    add(opened, named)
    CallStore(opened).link("deferred", [(fingerprint, one.facts.id) for one in named[:25]])
    hour = promote(opened, fingerprint, {"student": 40, "shadow": 5, "deferred": 25})
    [task] = discover(opened).tasks
    assert (task.name, task.definition) == (before.name, before.definition)
    assert ids_of(task) == {one.facts.id for one in calls[:60] + calls[85:]}
    volume = task.volume
    assert (volume.calls, volume.left, volume.unrecorded, volume.fair) == (130, 25, 40, 65)
    assert task.student == StandIn(fingerprint, "active", hour, 70, 45, counted=True)
    assert len(list(calls_of_task(opened, before.name))) == 90


@pytest.mark.parametrize("count", [5, 20])
def test_calls_of_a_fingerprint_that_a_student_left_are_alone_no_task(
    opened: Database, count: int
) -> None:
    calls = [one.call for one in make_traffic({"topic": count})]
    fingerprint = calls[0].facts.fingerprint
    add(opened, [one._replace(facts=replace(one.facts, task=fingerprint)) for one in calls])
    CallStore(opened).link("deferred", [(fingerprint, one.facts.id) for one in calls])
    found = discover(opened)
    assert found.tasks == []
    assert [(one.calls, one.reason[:30]) for one in found.others] == [
        (count, "calls that a student left to t")
    ]


def test_calls_that_a_student_left_are_alone_no_task(opened: Database) -> None:
    calls = [
        one.call._replace(facts=replace(one.call.facts, task="support"))
        for one in make_traffic({"topic": 20})
    ]
    add(opened, calls)
    CallStore(opened).link("deferred", [("support", one.facts.id) for one in calls])
    found = discover(opened)
    assert found.tasks == []
    [other] = found.others
    assert other.calls == 20
    assert other.cost_usd == pytest.approx(0.02)
    assert other.reason.startswith("calls that a student left to the model")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (CallFilter(source="gateway", application="shop"), (50, True)),
        (CallFilter(since=START + 27 * DAY), (50, True)),
        (CallFilter(until=START + 27 * DAY - 3600), (0, True)),
        (CallFilter(model="gpt-*"), (50, False)),
    ],
)
def test_what_a_student_answered_is_filtered_as_far_as_a_tally_tells(
    opened: Database, where: CallFilter, told: tuple[int, bool]
) -> None:
    calls = [
        one.call._replace(facts=replace(one.call.facts, task="support"))
        for one in make_traffic({"topic": 56})
    ]
    add(opened, calls)
    promote(opened, "support", {"student": 30, "deferred": 20})
    [task] = discover(opened, where).tasks
    assert task.student is not None
    assert (task.student.calls, task.student.counted) == told
    assert task.volume.unrecorded == (30 if told == (50, True) else 0)
    [other] = discover(opened, CallFilter(application="shop")).tasks
    ShadowStore(opened).add_tallies([Tally("support", "aa", START, "desk", "student", 9)])
    assert discover(opened, CallFilter(application="shop")).tasks == [other]
    assert discover(opened, CallFilter(source="openai")).tasks == []


def test_a_name_that_no_audit_found_means_what_it_did(opened: Database) -> None:
    calls = [one.call for one in make_traffic({"topic": 3, "spam": 2})]
    add(opened, [calls[0]._replace(facts=replace(calls[0].facts, task="one")), *calls[1:]])
    assert [call.facts.id for call in calls_of_task(opened, "one")] == [calls[0].facts.id]
    fingerprint = calls[-1].facts.fingerprint[:8]
    assert len(list(calls_of_task(opened, fingerprint))) == 2
    assert list(calls_of_task(opened, "nothing")) == []


def test_a_definition_of_another_version_is_refused(opened: Database) -> None:
    AuditedTaskStore(opened).keep([AuditedTask("old", {"version": 99}, 1.0)])
    with pytest.raises(InputError, match="run locum audit again"):
        list(calls_of_task(opened, "old"))


def test_what_an_audit_remembers_goes_with_the_last_calls_that_had_its_words(
    opened: Database,
) -> None:
    add(opened, (one.call for one in make_traffic(ALL)))
    tasks = discover(opened).tasks
    remember_tasks(opened, tasks, 5.0)
    store, audited = CallStore(opened), AuditedTaskStore(opened)
    assert forget_tasks(opened, []) == []
    last = max(tasks, key=lambda task: task.name)
    calls = list(calls_of_task(opened, last.name))
    prints = {call.facts.fingerprint for call in calls}
    *most, one = [call.facts.id for call in calls]
    store.delete(CallFilter(ids=tuple(most)))
    assert forget_tasks(opened, prints) == []
    store.delete(CallFilter(ids=(one,)))
    forgotten = forget_tasks(opened, prints)
    # Others of the same instruction quote what told its calls from theirs.
    assert last.name in forgotten
    assert len(forgotten) < len(tasks)
    assert audited.names() == sorted({task.name for task in tasks} - set(forgotten))
    store.delete(CallFilter(until=1e12))
    every = {"".join(task.template.fingerprints[:1]) for task in tasks}
    forget_tasks(opened, every | prints)
    assert audited.names() == []


def test_a_task_is_kept_once(database: Database) -> None:
    store = AuditedTaskStore(database)
    assert store.find("a") is None
    store.keep([AuditedTask("a", {"b": [1, "é"]}, 1.0), AuditedTask("c", {}, 1.0)])
    store.keep([AuditedTask("a", {"b": 2}, 2.0)])
    assert store.find("a") == AuditedTask("a", {"b": 2}, 2.0)
    assert store.names() == ["a", "c"]


def test_archived_calls_count(tmp_path: Path, found: Discovery) -> None:
    pytest.importorskip("duckdb")
    with open_database(tmp_path / "store.sqlite") as database:
        add(database, (one.call for one in make_traffic(ALL)))
        CallStore(database).compact(1_760_000_000.0 + 14 * 86_400)
        again = discover(database)
        assert groups_of(again) == groups_of(found)
        assert {task.volume.calls for task in again.tasks} == {EACH}
        assert again.tasks[0].volume.cost_usd == pytest.approx(EACH * 0.001)
        remember_tasks(database, again.tasks, 5.0)
        for task in again.tasks:
            assert len(list(calls_of_task(database, task.name))) == EACH


def test_a_postgres_store_is_audited_alike(postgres_url: str, found: Discovery) -> None:
    with open_database(postgres_url) as database:
        add(database, (one.call for one in make_traffic(ALL)))
        again = discover(database)
    assert groups_of(again) == groups_of(found)
    assert Counter(task.kind for task in again.tasks) == Counter(task.kind for task in found.tasks)


def test_questions_that_were_asked_again_show_how_a_teacher_agrees_with_itself(
    opened: Database,
) -> None:
    told = system("Name the topic of the message.")
    calls = []
    for number, (_, call) in enumerate(make_traffic({"topic": 40})):
        asked = [told, user(call.request["messages"][-1]["content"])]
        answers = ["Billing", "billing." if number < 30 else "other"]
        calls += [
            make_call(number * 2 + again, asked, answer, day=again)
            for again, answer in enumerate(answers)
        ]
    add(opened, calls)
    [task] = discover(opened).tasks
    agreement = task.measures.self_agreement
    assert agreement is not None
    assert (agreement.pairs, agreement.share) == (40, 0.75)
    assert agreement.interval == pytest.approx((0.588, 0.873), abs=0.001)
    assert task.measures.exact_duplicates == pytest.approx(0.5)


def test_a_prompt_without_a_gap_that_is_asked_again_and_again_is_a_task(opened: Database) -> None:
    asked = [user("Write the newsletter of our shop for today, please.")]
    generator = random.Random(0)  # noqa: S311 - no secret
    add(opened, (make_call(number, asked, phrase(generator)) for number in range(25)))
    [task] = discover(opened).tasks
    assert task.kind == "prompt"
    assert task.measures.exact_duplicates == pytest.approx(24 / 25)
