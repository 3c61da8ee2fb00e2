"""Import of log files."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.audit.asked import ask
from locum.cli import export_calls
from locum.prices import Tokens, require_price
from locum.rows import BadRowError
from locum.schema import CallMarks, MarkedCall, TeacherAnswer
from locum.store import CallFilter, CallStore, LabelStore, open_database
from locum.traffic import input_text, instruction, make_call
from locum.traffic.imports import FORMATS
from locum.traffic.imports.formats import find_format
from tests.importing import REDACTOR, Said, calls_of, lines, pair, said_in, take, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.schema import JsonObject
    from locum.traffic.imports import LogFormat

LOGS = Path(__file__).parent / "logs"
INSTRUCTION = (
    "Which team should answer the customer? Reply with one word: billing, shipping or returns."
)
BILLING = ("My card was charged twice for order 4417.", "billing")
SHIPPING = ("The parcel has been in Leipzig for six days, where is it?", "shipping")
RETURNS = ("The kettle arrived with a crack, I want to send it back.", "returns")
INVOICE = ("Can I get an invoice with my company's tax number?", "billing")
NEIGHBOUR = (
    "Das Paket wurde beim falschen Nachbarn abgegeben \N{EN DASH} was nun?",
    "shipping",
)


class Expected(NamedTuple):
    """What an import of the logs should find."""

    names: tuple[str, ...]
    format: str
    said: list[Said]
    failed: list[Said]
    skipped: dict[str, list[int]]
    other: int = 0
    instructed: bool = True


CUT = "not valid JSON (EOF while parsing a string)"
EMPTY_INPUT = "the input is missing: the log was written without contents"
EXPECTED = [
    Expected(
        ("pairs.jsonl",),
        "pairs",
        [BILLING, SHIPPING, RETURNS, INVOICE],
        [(NEIGHBOUR[0], None)],
        {CUT: [3]},
    ),
    Expected(
        ("anthropic_pairs.jsonl",),
        "pairs",
        [BILLING, SHIPPING, RETURNS],
        [],
        {"not a JSON object": [4]},
    ),
    Expected(
        ("fine_tuning.jsonl",),
        "fine-tuning",
        [BILLING, SHIPPING, RETURNS, INVOICE],
        [],
        {"the last message is not an assistant's answer to others": [5]},
    ),
    Expected(
        ("batch_input.jsonl", "batch_output.jsonl", "batch_errors.jsonl"),
        "openai-batch",
        [BILLING, SHIPPING, RETURNS],
        [(INVOICE[0], None)],
        {CUT: [3]},
    ),
    Expected(
        ("anthropic_batch_requests.jsonl", "anthropic_batch_results.jsonl"),
        "anthropic-batch",
        [BILLING, SHIPPING],
        [(RETURNS[0], None), (INVOICE[0], None)],
        {"neither a request nor a result of a batch": [5]},
    ),
    Expected(
        ("stored_completions.json",),
        "stored-completions",
        [BILLING, SHIPPING, RETURNS],
        [],
        {
            "the completion stands without its messages: add those of "
            "GET /v1/chat/completions/ID/messages to it, as 'messages'": [4]
        },
    ),
    Expected(
        ("litellm.jsonl",),
        "litellm",
        [BILLING, SHIPPING, SHIPPING, ("a text to embed", None)],
        [(INVOICE[0], None)],
        {
            "not valid JSON (expected value)": [4],
            "LiteLLM logged it without contents (turn_off_message_logging)": [5],
        },
    ),
    Expected(
        ("langfuse.json",),
        "langfuse",
        [BILLING, SHIPPING, NEIGHBOUR],
        [(RETURNS[0], None)],
        {EMPTY_INPUT: [5]},
        other=1,
    ),
    Expected(
        ("langfuse.csv",),
        "langfuse",
        [BILLING, SHIPPING, NEIGHBOUR],
        [(RETURNS[0], None)],
        {EMPTY_INPUT: [6], "expected 15 fields, as in the header": [8]},
        other=1,
    ),
    Expected(
        ("helicone.jsonl",),
        "helicone",
        [BILLING, SHIPPING, NEIGHBOUR],
        [(RETURNS[0], None)],
        {
            "an object names a key twice": [2],
            "the request_body is not a JSON object": [5],
        },
    ),
    Expected(
        ("opentelemetry.json",),
        "opentelemetry",
        [BILLING, SHIPPING, NEIGHBOUR],
        [],
        {"the span holds no messages: contents were not captured": [1]},
    ),
    Expected(
        ("openllmetry.jsonl",),
        "opentelemetry",
        [BILLING, RETURNS, INVOICE],
        [],
        {"not valid JSON (expected ident)": [2]},
    ),
    Expected(
        ("bedrock.jsonl",),
        "bedrock",
        [BILLING, SHIPPING, RETURNS, INVOICE, NEIGHBOUR],
        [(BILLING[0], None)],
        {
            "not valid JSON (EOF while parsing a value)": [6],
            "the body is not in the log: it is too large, or stands in S3 by itself": [8],
        },
        instructed=False,
    ),
    Expected(
        ("table.csv",),
        "table",
        [BILLING, BILLING, SHIPPING, RETURNS, (NEIGHBOUR[0] + "\nBitte schnell!", "shipping")],
        [],
        {"expected 5 fields, as in the header": [6]},
    ),
    Expected(
        ("table.tsv",),
        "table",
        [BILLING, SHIPPING, RETURNS],
        [],
        {"the answer is missing": [5]},
        instructed=False,
    ),
    Expected(
        ("table.jsonl",),
        "table",
        [BILLING, SHIPPING, RETURNS],
        [],
        {"the text is empty": [4]},
        instructed=False,
    ),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with open_database(tmp_path / "calls.db") as database:
        yield CallStore(database)


# Formats


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.names[0])
def test_every_format(store: CallStore, expected: Expected) -> None:
    report = take(store, *(LOGS / name for name in expected.names))
    assert {file.format for file in report.files} == {expected.format}
    calls = calls_of(store)
    whole = [said_in(call) for call in calls if call.facts.outcome == "whole"]
    assert sorted(whole, key=str) == sorted(expected.said, key=str)
    assert [said_in(c) for c in calls if c.facts.outcome == "failed"] == expected.failed
    skipped = {r: n for file in report.files for r, n in file.skipped.lines.items()}
    assert skipped == expected.skipped
    assert sum(file.other for file in report.files) == expected.other
    assert report.added == len(calls)
    assert report.known == 0
    if expected.instructed:
        told = {instruction(c.request) for c in calls if c.facts.endpoint != "embeddings"}
        assert told == {INSTRUCTION}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.names[0])
def test_twice_imports_once(store: CallStore, tmp_path: Path, expected: Expected) -> None:
    paths = [LOGS / name for name in expected.names]
    first = take(store, *paths)
    copies = [write(tmp_path / path.name, path.read_bytes()) for path in paths]
    for path in copies:
        os.utime(path, (1, 1))
    again = take(store, *copies)
    assert again.added == 0
    assert again.known == first.added


def test_known_calls_without_a_task_are_named(store: CallStore, tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(5)]
    billed = write(tmp_path / "billed.jsonl", lines(*(pair(text, time=1) for text in texts[:2])))
    every = write(tmp_path / "every.jsonl", lines(*(pair(text, time=1) for text in texts)))
    take(store, billed, task="billing")
    take(store, every)
    [file] = take(store, every, task="support").files
    assert (file.added, file.known, file.named, file.named_otherwise) == (0, 5, 3, {"billing": 2})
    tasks = {said_in(call)[0]: call.facts.task for call in calls_of(store)}
    assert tasks == dict(zip(texts, ["billing"] * 2 + ["support"] * 3, strict=True))
    [file] = take(store, every).files
    assert (file.known, file.named, file.named_otherwise) == (5, 0, {})


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.names[0])
def test_a_chosen_format_is_the_one_that_is_found(store: CallStore, expected: Expected) -> None:
    paths = [LOGS / name for name in expected.names]
    chosen = take(store, *paths, format=expected.format)
    assert take(store, *paths).known == chosen.added > 0


def test_facts_that_logs_tell(store: CallStore) -> None:
    take(store, LOGS / "litellm.jsonl", task="triage")
    calls = {c.facts.preview[:8]: c for c in calls_of(store) if c.facts.time < 1_767_607_300}
    facts = calls["My card "].facts
    assert facts.time == pytest.approx(1_767_607_200.25)
    assert facts.latency_ms == pytest.approx(500)
    assert facts.first_byte_ms == pytest.approx(450)
    assert facts.cost_usd == 0.0000069
    assert (facts.input_tokens, facts.output_tokens) == (38, 2)
    assert (facts.model, facts.upstream, facts.application) == ("gpt-4o-mini", "openai", "helpdesk")
    assert (facts.source, facts.task) == ("litellm", "triage")


@pytest.mark.parametrize("name", ["pairs.jsonl", "helicone.jsonl", "stored_completions.json"])
def test_a_call_in_two_logs_is_one_call(store: CallStore, name: str) -> None:
    recorded = orjson.loads((LOGS / "pairs.jsonl").read_bytes().split(b"\n")[0])
    call = make_call(
        source="gateway",
        endpoint="chat",
        request=recorded["request"],
        response=recorded["response"],
        time=5.0,
        redactor=REDACTOR,
    )
    store.add([call])
    assert take(store, LOGS / name).known == 1
    assert [c.facts.source for c in calls_of(store) if c.facts.id == call.facts.id] == ["gateway"]


def test_a_cached_answer_is_a_call_of_its_own(store: CallStore) -> None:
    take(store, LOGS / "litellm.jsonl")
    same = [c.facts for c in calls_of(store) if said_in(c) == SHIPPING]
    assert sorted(facts.cost_usd or 0 for facts in same) == [0, 0.0000069]


def test_tool_calls_of_spans(store: CallStore) -> None:
    take(store, LOGS / "opentelemetry.json")
    call = next(c for c in calls_of(store) if said_in(c) == SHIPPING)
    roles = [message["role"] for message in call.request["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    function = call.request["messages"][2]["tool_calls"][0]["function"]
    assert function == {"name": "track", "arguments": '{"parcel":"77"}'}


def test_words_beside_the_answer_of_a_tool(store: CallStore, tmp_path: Path) -> None:
    answer = {"type": "tool_call_response", "id": "c", "response": "42"}
    parts = [answer, {"type": "text", "content": "And now?"}]
    attributes = {
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": [{"role": "user", "parts": parts}],
    }
    record = {"traceId": "t", "spanId": "s", "attributes": attributes}
    take(store, write(tmp_path / "a.jsonl", lines(record)))
    assert calls_of(store)[0].request["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": "user", "content": "And now?"},
    ]


def test_an_instruction_without_an_input_is_the_prompt(store: CallStore, tmp_path: Path) -> None:
    fruit = {"instruction": "Name a fruit", "output": "fig"}
    rows = [{**fruit, "input": ""}, fruit, {**fruit, "input": "Feige"}]
    (file,) = take(store, write(tmp_path / "a.jsonl", lines(*rows))).files
    assert (file.format, file.added, file.skipped.total) == ("table", 3, 0)
    found = sorted((instruction(c.request), input_text(c.request)) for c in calls_of(store))
    assert found == [("", "Name a fruit"), ("", "Name a fruit"), ("Name a fruit", "Feige")]


def test_a_request_with_its_http_envelope(store: CallStore, tmp_path: Path) -> None:
    inner = pair()
    record = {
        "request": {"method": "POST", "url": "/v1/chat/completions", "body": inner["request"]},
        "response": {"status_code": 200, "body": json.dumps(inner["response"])},
        "start_time": "2026-01-05 10:00:00",
        "end_time": 1_767_607_201_000,
    }
    take(store, write(tmp_path / "a.jsonl", lines(record)))
    (call,) = calls_of(store)
    assert said_in(call) == ("Where is it?", "shipping")
    assert (call.facts.status, call.facts.endpoint) == (200, "chat")
    assert call.facts.time == 1_767_607_200
    assert call.facts.latency_ms == 1000


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [{"role": "user", "content": "a"}], "model": "m", "response": "b"},
        {"input": [{"role": "user", "content": "a"}], "output": {"role": "x", "content": "b"}},
        {"request": {"prompt": "a"}, "response": {"choices": [{"text": "b"}]}},
        {"request": {"input": "a"}, "response": {"output": [{"type": "message", "content": []}]}},
    ],
)
def test_pairs_of_other_spellings(store: CallStore, tmp_path: Path, record: JsonObject) -> None:
    report = take(store, write(tmp_path / "a.jsonl", lines(record)))
    assert report.files[0].format == "pairs"
    (call,) = calls_of(store)
    assert input_text(call.request) == "a"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.text(max_size=4),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=12,
)
FIELDS = {
    "calls": ["id", "source", "request", "response", "time", "endpoint", "outcome"],
    "pairs": ["request", "response", "messages", "status", "time", "id", "url"],
    "fine-tuning": ["messages", "tools"],
    "openai-batch": ["custom_id", "body", "url", "response", "error", "id"],
    "anthropic-batch": ["custom_id", "params", "result"],
    "stored-completions": ["object", "choices", "messages", "id", "model", "created"],
    "litellm": ["call_type", "messages", "response", "model_parameters", "metadata", "status"],
    "langfuse": ["traceId", "type", "startTime", "input", "output", "usage", "modelParameters"],
    "helicone": ["request_body", "response_body", "request_id", "request_path", "response_status"],
    "opentelemetry": ["resourceSpans", "scopeSpans", "attributes", "events", "status", "context"],
    "bedrock": ["schemaType", "input", "output", "modelId", "operation", "timestamp"],
    "table": ["input", "output", "time", "latency_ms", "system"],
}
TOLD = {
    "endpoint": "chat",
    "outcome": "whole",
    "type": "GENERATION",
    "schemaType": "ModelInvocationLog",
    "object": "chat.completion",
}


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
@given(data=st.data())
def test_any_record_is_read_or_refused(log_format: LogFormat, data: st.DataObject) -> None:
    fields = FIELDS[log_format.name]
    record = data.draw(st.dictionaries(st.sampled_from(fields), JSON))
    record |= {name: value for name, value in TOLD.items() if name in record}
    assert log_format.matches(record) in (True, False)
    items: list[object] = []
    with suppress(BadRowError):
        items = list(log_format.read(record))
    calls = [getattr(item, "call", item) for item in items]
    assert all(orjson.dumps(getattr(call, "request", {})) for call in calls)


# Exports


def exported(store: CallStore) -> list[JsonObject]:
    """The calls of a store as ``locum calls export`` writes them."""
    calls = sorted(calls_of(store), key=lambda call: call.facts.id)
    return [export_calls.exported(marked) for marked in store.marked(calls)]


def test_an_export_brings_all_that_was_known(store: CallStore, tmp_path: Path) -> None:
    for expected in EXPECTED:
        take(store, *(LOGS / name for name in expected.names), task="triage")
    kept = exported(store)
    assert {call["outcome"] for call in kept} == {"whole", "failed"}
    path = write(tmp_path / "export.jsonl", lines(*kept))
    (file,) = take(store, path).files
    assert (file.format, file.added, file.known, file.skipped.total) == ("calls", 0, len(kept), 0)
    with open_database(tmp_path / "other.db") as database:
        other = CallStore(database)
        take(other, path)
        assert exported(other) == kept
        take(other, path, task="other")
        assert exported(other) == kept
    with open_database(tmp_path / "named.db") as database:
        named = CallStore(database)
        take(named, path, task="other")
        assert exported(named) == [{**call, "task": "other"} for call in kept]


def test_an_export_brings_which_calls_are_no_fair_sample(store: CallStore, tmp_path: Path) -> None:
    take(store, LOGS / "pairs.jsonl", LOGS / "table.jsonl")
    store.note_deferred([("triage", call.facts.id) for call in calls_of(store)[1::2]])
    told = exported(store)
    assert {(call["deferred"], call["untimed"]) for call in told} == {
        *((None, False), ("triage", False)),
        *((None, True), ("triage", True)),
    }
    earlier = [{k: v for k, v in call.items() if k not in CallMarks._fields} for call in told]
    with open_database(tmp_path / "other.db") as database:
        other = CallStore(database)
        take(other, write(tmp_path / "earlier.jsonl", lines(*earlier)))
        assert (other.deferred(), other.untimed()) == (frozenset(), frozenset())
        take(other, write(tmp_path / "export.jsonl", lines(*told)), task="other")
        assert (other.deferred(), other.untimed()) == (store.deferred(), store.untimed())


def test_an_export_brings_what_was_bought_for_calls(tmp_path: Path) -> None:
    soft = TeacherAnswer("card\n", (0.75, 0.125), version="m", votes=8)
    with open_database(tmp_path / "calls.db") as database:
        store = CallStore(database)
        take(store, LOGS / "pairs.jsonl", LOGS / "table.jsonl")
        first, last = (calls_of(store)[place].facts.id for place in (0, -1))
        answers = {first: soft, last: TeacherAnswer("card")}
        LabelStore(database).add_soft_labels(("card", "mail a@example.com"), answers)
        told = exported(store)
    assert {call["id"]: call["soft_label"] for call in told if call["soft_label"]} == {
        first: {
            "labels": {"card": 0.75, "mail a@example.com": 0.125},
            "answer": "card\n",
            "teacher": "m",
            "votes": 8,
        }
    }
    path = write(tmp_path / "export.jsonl", lines(*told))
    with open_database(tmp_path / "other.db") as database:
        other, bought = CallStore(database), LabelStore(database)
        take(other, path)
        here = ("Mail [EMAIL_1]", "card")
        found = bought.soft_labels_of(here, [first, last]).answers
        assert found == {first: replace(soft, distribution=(0.125, 0.75))}
        own = replace(soft, distribution=(0.5, 0.5))
        bought.add_soft_labels(here, {first: own})
        take(other, path)
        assert bought.soft_labels_of(here, [first]).answers == {first: own}
        other.delete(CallFilter())
        assert bought.soft_labels_of(here, [first]).answers == {}


@pytest.mark.parametrize(
    "odd",
    [
        *("card", [], {}, {"labels": {}}, {"labels": ["card"]}, {"labels": {"card": 0}}),
        *({"labels": {"card": p}} for p in ("1", True, None, -0.5, 2, 10**400, math.nan)),
        {"labels": {"\ud800": 1.0}},
    ],
)
def test_an_odd_soft_label_in_an_export_counts_as_missing(odd: object, store: CallStore) -> None:
    take(store, LOGS / "table.csv")
    [marked] = find_format("calls").read({**exported(store)[0], "soft_label": odd})
    assert isinstance(marked, MarkedCall)
    assert marked.marks.soft_label is None


def test_odd_names_in_an_export_are_kept_as_calls_are(tmp_path: Path) -> None:
    with open_database(tmp_path / "calls.db") as database:
        store = CallStore(database)
        take(store, LOGS / "pairs.jsonl")
        [odd] = [{**call, "id": "a\0b", "deferred": "c\0d"} for call in exported(store)[:1]]
        odd["soft_label"] = {"labels": {"a": 1.0}}
        take(store, write(tmp_path / "export.jsonl", lines(odd)))
        [kept] = store.deferred()
        assert kept in {call.facts.id for call in calls_of(store)}
        assert LabelStore(database).soft_labels_of(("a", "b"), [kept]).answers


def test_an_export_is_redacted_by_the_rules_of_here(store: CallStore, tmp_path: Path) -> None:
    take(store, LOGS / "pairs.jsonl")
    written = lines(*exported(store)).replace("My card", "a@example.com, my card")
    with open_database(tmp_path / "other.db") as database:
        other = CallStore(database)
        take(other, write(tmp_path / "export.jsonl", written))
        assert "[EMAIL_1], my card" in str(exported(other))
        assert "a@example.com" not in str(exported(other))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"outcome": "odd"}, "not a call as locum calls export writes it"),
        ({"time": "soon"}, "its time is not a number of seconds since 1970"),
        ({"time": 1e999}, "its time is not a number of seconds since 1970"),
    ],
)
def test_an_export_that_was_changed(changed: JsonObject, reason: str, store: CallStore) -> None:
    take(store, LOGS / "table.csv")
    with pytest.raises(BadRowError, match=reason):
        list(find_format("calls").read({**exported(store)[0], **changed}))


# Batches


BATCH = [LOGS / f"batch_{part}.jsonl" for part in ("input", "output", "errors")]


@pytest.mark.parametrize("paths", list(permutations(BATCH)))
def test_the_files_of_a_batch_come_in_any_order(store: CallStore, paths: Sequence[Path]) -> None:
    report = take(store, *paths)
    assert report.added == 4
    assert (report.unanswered, report.unasked) == (1, 1)


@pytest.mark.parametrize(("path", "waiting"), [(BATCH[0], (5, 0)), (BATCH[1], (0, 3))])
def test_half_a_batch_gives_no_call(store: CallStore, path: Path, waiting: tuple[int, int]) -> None:
    report = take(store, path)
    assert report.added == 0
    assert (report.unanswered, report.unasked) == waiting


def test_batches_that_repeat_their_ids_are_not_mixed_up(store: CallStore, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", BATCH[0].read_bytes())
    report = take(store, BATCH[0], other, BATCH[1])
    assert report.added == 0
    assert [file.skipped.total for file in report.files] == [5, 5, 4]


def batch_files(folder: Path, batch: int, answered: Sequence[int]) -> list[Path]:
    """The requests and the results of a batch whose ids count from zero."""
    asked = [
        {"custom_id": str(n), "url": "/v1/chat/completions", "body": body}
        for n in range(4)
        for body in [pair(f"{batch} {n}")["request"]]
    ]
    results = [
        {"custom_id": str(n), "response": {"status_code": 200, "body": body}, "error": None}
        for n in answered
        for body in [pair(answer=f"{batch} {n}")["response"]]
    ]
    return [
        write(folder / f"{batch}-requests.jsonl", lines(*asked)),
        write(folder / f"{batch}-results.jsonl", lines(*results)),
    ]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_request_without_a_result_gets_none_of_the_next_batch(
    store: CallStore, tmp_path: Path, order: Sequence[int]
) -> None:
    files = [*batch_files(tmp_path, 1, [0, 1, 2]), *batch_files(tmp_path, 2, [3, 2, 1, 0])]
    report = take(store, *(files[place] for place in order))
    assert report.added == 0


def test_calls_of_a_batch_cost_half(store: CallStore) -> None:
    take(store, *BATCH[:2])
    take(store, LOGS / "anthropic_batch_requests.jsonl", LOGS / "anthropic_batch_results.jsonl")
    batched = {call.facts.id: call for call in calls_of(store) if call.facts.outcome == "whole"}
    asked = [call.facts for call in batched.values()]
    assert {facts.model for facts in asked} == {"gpt-4o-mini", "claude-haiku-4-5"}
    for facts in asked:
        tokens = Tokens(facts.input_tokens or 0, facts.output_tokens or 0)
        assert facts.cost_usd == pytest.approx(require_price(facts.model).cost_usd(tokens) / 2)
    assert all(ask(call).batched for call in batched.values())


# Names of calls


def test_equal_rows_are_several_calls(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "input,output\na,x\na,x\nb,x\na,x\n")
    assert take(store, path).added == 4
    assert take(store, path).added == 0
    write(path, "input,output\na,x\na,x\nb,x\na,x\na,x\n")
    assert take(store, path).added == 1


def test_numbers_of_lines_name_no_calls(store: CallStore, tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", lines(pair("a", id="1"), pair("b", id="2")))
    other = write(tmp_path / "other.jsonl", lines(pair("c", id="1"), pair("d", id="2")))
    assert take(store, one, other).added == 4


def test_long_ids_name_calls(store: CallStore, tmp_path: Path) -> None:
    own = "5b1f7c52-7e0f-4a3c-9a55-0d6b7c1e2f30"
    one = write(tmp_path / "one.jsonl", lines(pair("a", id=own)))
    other = write(tmp_path / "other.jsonl", lines(pair("a", id=own, latency_ms=7)))
    report = take(store, one, other)
    assert (report.added, report.known) == (1, 1)


def test_rows_that_differ_in_what_is_redacted_are_several_calls(
    store: CallStore, tmp_path: Path
) -> None:
    content = "input,output\nmail a@example.com,x\nmail b@example.com,x\n"
    assert take(store, write(tmp_path / "a.csv", content)).added == 2
    assert not any("example.com" in str(call) for call in calls_of(store))


def test_a_log_without_times_has_the_time_of_its_file(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "input,output\na,x\n")
    os.utime(path, (77, 77))
    take(store, path)
    assert calls_of(store)[0].facts.time == 77


@pytest.mark.parametrize("time", ["1700000000", "1700000000000", "2023-11-14T22:13:20Z"])
def test_tables_tell_times_in_any_unit(store: CallStore, tmp_path: Path, time: str) -> None:
    take(store, write(tmp_path / "a.csv", f"time,input,output\n{time},a,x\n"))
    assert calls_of(store)[0].facts.time == 1_700_000_000


@pytest.mark.parametrize(
    "counted",
    [
        {"usage": {"prompt_tokens": 60, "completion_tokens": 4}},
        {"usage": {"input_tokens": 20, "output_tokens": 4, "cache_read_input_tokens": 40}},
        {"prompt_tokens": 60, "completion_tokens": 4},
        {"input_tokens": "60", "output_tokens": "4"},
    ],
)
@pytest.mark.parametrize("asked", ["messages", "prompt"])
def test_lines_of_ones_own_tell_tokens_times_and_latencies(
    store: CallStore, tmp_path: Path, asked: str, counted: JsonObject
) -> None:
    said = [{"role": "user", "content": "Where is it?"}] if asked == "messages" else "Where is it?"
    line = {"ts": 1_700_000_000_000, "model": "gpt-4o-mini", asked: said, "completion": "shipping"}
    take(store, write(tmp_path / "own.jsonl", lines({**line, "duration_ms": 710, **counted})))
    [call] = calls_of(store)
    facts = call.facts
    assert (facts.time, facts.latency_ms) == (1_700_000_000, 710)
    assert (facts.input_tokens, facts.output_tokens) == (60, 4)
    assert facts.cost_usd
    assert store.untimed() == frozenset()


@pytest.mark.parametrize("time", ["0", "-1", "4070908800", "1970-01-01T00:00:00Z"])
def test_a_clock_that_stands_tells_no_time(store: CallStore, tmp_path: Path, time: str) -> None:
    path = write(tmp_path / "a.csv", f"time,input,output\n{time},a,x\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    take(store, path)
    [call] = calls_of(store)
    assert call.facts.time == 1_700_000_000
    assert store.untimed() == {(call.facts.id, 1_700_000_000.0)}


@pytest.mark.parametrize("name", ["id", "request_id"])
def test_calls_that_share_an_id_are_several(store: CallStore, tmp_path: Path, name: str) -> None:
    own = {name: "5b1f7c52-7e0f-4a3c-9a55-0d6b7c1e2f30"}
    texts = ["Where is it?", "And now?", "Thanks"]
    path = write(tmp_path / "a.jsonl", lines(*(pair(text, time=1, **own) for text in texts)))
    assert (take(store, path).added, take(store, path).known) == (3, 3)
