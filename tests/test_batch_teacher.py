"""A teacher that is asked through OpenAI's Batch API, against a real server that charges."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.errors import TeacherError, UsageError
from locum.labelling import label_task
from locum.schema import Example, Task
from locum.store import (
    BatchRow,
    BatchStore,
    CallFilter,
    CallStore,
    Claim,
    LabelStore,
    Ledger,
    open_database,
)
from locum.teachers import BatchTeacher, Budget, ChatTeacher, batch_api, label_texts
from locum.teachers.batch_api import RUN, BatchApi
from locum.teachers.batch_lines import request_line
from locum.teachers.batch_lots import BatchJob
from locum.teachers.batch_sender import BatchSender
from locum.teachers.protocol import Question
from tests.batch_labels import KEY, LEDGER, TASK, balance, label, open_batches, texts
from tests.batch_provider import ENDPOINT, MODEL, PRICE, Provider
from tests.batch_server import Server, serving
from tests.call_samples import make_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from locum.teachers import LabellingRun
    from locum.teachers.remote_batch import RemoteBatch
    from tests.batch_provider import Action

USD = 1e-9


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def server(provider: Provider) -> Iterator[Server]:
    with serving(provider) as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "labels.sqlite"


def said(run: LabellingRun) -> list[str | None]:
    return [None if answer is None else answer.text for answer in run.answers]


def right(number: int) -> list[str]:
    return ["card" if n % 2 else "cash" for n in range(number)]


def assert_settled(server: Server, store: Path) -> None:
    """Nothing was charged twice, the ledger knows what was, and nothing is left anywhere."""
    provider = server.provider
    assert set(provider.charged.values()) <= {1}
    now = balance(store)
    assert (now.spent, now.reserved) == (provider.charged_nanodollars, 0)
    assert provider.files == {}
    assert open_batches(server.url, store) == []


def test_every_text_gets_its_answer_at_half_the_price(server: Server, store: Path) -> None:
    run = label(server.url, store, texts(30))
    assert said(run) == right(30)
    assert_settled(server, store)
    assert server.provider.charged.total() == 30
    answer = run.answers[1]
    assert answer is not None
    assert answer.distribution == pytest.approx((0.25, 0.75))
    assert (answer.latency_ms, answer.version) == (None, f"{MODEL}-2024-07-18")
    assert run.tally.spent_usd == pytest.approx(server.provider.charged_nanodollars * USD)
    assert run.tally.saved_by_batch_usd == pytest.approx(run.tally.spent_usd)


def test_the_requests_are_the_chat_teachers(server: Server, store: Path) -> None:
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    label(server.url, store, texts(3))
    assert set(server.provider.charged) == {chat.identify(TASK, text) for text in texts(3)}
    assert server.provider.authorizations == {f"Bearer {KEY}"}
    ((length, purpose),) = server.provider.uploads
    assert purpose == "batch"
    assert length is not None


def test_what_a_batch_answered_is_never_asked_again(server: Server, store: Path) -> None:
    first = label(server.url, store, texts(5))
    server.provider.seen.clear()
    assert label(server.url, store, texts(5)).answers == first.answers
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    with LabelStore(store) as labels:
        assert label_texts(TASK, chat, texts(5), labels).answers == first.answers
    assert server.provider.seen == []


def test_questions_are_parted_into_batches(server: Server, store: Path) -> None:
    run = label(server.url, store, texts(23), requests_a_batch=10)
    assert said(run) == right(23)
    totals = [batch["request_counts"]["total"] for batch in server.provider.batches.values()]
    assert totals == [10, 10, 3]
    assert_settled(server, store)


def test_a_task_of_many_inputs_does_not_wait_for_one_batch_to_send_the_next(
    server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.labelling.label._TEXTS_AT_ONCE", 4)
    chat = ChatTeacher(server.url, MODEL, api_key=KEY)
    examples = [Example(text) for text in texts(10)]
    budget = Budget(ledger=LEDGER, prices={MODEL: PRICE})
    with LabelStore(store) as labels:
        teacher = BatchTeacher(chat, batches=BatchStore(labels.database), poll_seconds=0.02)
        done = label_task(TASK, teacher, examples, labels, budget, lambda *_: None)
    assert done.tally.answered == 10
    assert len(server.provider.batches) == 1


@given(
    lengths=st.lists(st.integers(1, 400), max_size=30),
    most_requests=st.integers(1, 10),
    most_bytes=st.integers(300, 3000),
)
def test_no_batch_is_too_large_and_none_is_missing(
    lengths: list[int], most_requests: int, most_bytes: int
) -> None:
    chat = ChatTeacher("http://127.0.0.1:1/v1", MODEL)
    nobody: Any = None
    job = BatchJob(nobody, chat, TASK, nobody, nobody, print)
    questions = [Question(str(n), "x" * length) for n, length in enumerate(lengths)]
    batches = list(BatchSender(job, most_requests, most_bytes).cut(questions))
    assert [question for batch in batches for question in batch] == questions
    for batch in batches:
        size = sum(len(request_line(chat, TASK, question)) for question in batch)
        assert 0 < len(batch) <= most_requests
        assert size <= most_bytes or len(batch) == 1


def test_a_refused_request_is_a_failure_and_costs_nothing(server: Server, store: Path) -> None:
    server.provider.refused = lambda text: "text 3 " in text
    run = label(server.url, store, texts(6))
    assert said(run) == [*right(3), None, *right(6)[4:]]
    assert run.tally.failed == {"refused": 1}
    assert "declined: text 3 " in next(iter(run.tally.reasons))
    assert_settled(server, store)
    assert server.provider.charged.total() == 5


def test_a_batch_of_refusals_alone_has_no_output_file(server: Server, store: Path) -> None:
    server.provider.refused = lambda _: True
    assert label(server.url, store, texts(4)).tally.failed == {"refused": 4}
    assert_settled(server, store)


def test_what_expired_is_asked_in_another_batch(server: Server, store: Path) -> None:
    server.provider.expires = [4, 0]
    assert said(label(server.url, store, texts(10))) == right(10)
    assert len(server.provider.batches) == 3
    assert_settled(server, store)


def test_what_expires_every_time_fails_in_the_end(server: Server, store: Path) -> None:
    server.provider.expires = [0] * 9
    run = label(server.url, store, texts(3))
    assert run.tally.failed == {"timed out": 3}
    assert len(server.provider.batches) == 3
    assert_settled(server, store)


def test_what_was_cancelled_with_the_provider_is_asked_again(server: Server, store: Path) -> None:
    provider = server.provider
    provider.held = True

    def told(sentence: str) -> None:
        if "0 of 5 done" in sentence and provider.held:
            provider.cancel(provider.batches[sentence.split()[1].rstrip(":")])
            provider.held = False

    assert said(label(server.url, store, texts(5), told=told)) == right(5)
    assert [batch["status"] for batch in provider.batches.values()] == ["cancelled", "completed"]
    assert_settled(server, store)


def test_an_answer_that_is_none_counts_as_spent(server: Server, store: Path) -> None:
    server.provider.garbled = lambda text: "text 2 " in text
    run = label(server.url, store, texts(4))
    assert said(run) == ["cash", "card", None, "card"]
    assert run.tally.failed == {"malformed": 1}
    now = balance(store)
    assert now.reserved == 0
    assert now.assumed > 0
    assert now.spent >= server.provider.charged_nanodollars


def test_an_answer_that_is_missing_counts_as_spent(server: Server, store: Path) -> None:
    server.provider.left_out = lambda text: "text 2 " in text
    run = label(server.url, store, texts(4))
    assert run.tally.failed == {"broken off": 1}
    now = balance(store)
    assert (now.reserved, open_batches(server.url, store)) == (0, [])
    assert now.spent >= server.provider.charged_nanodollars


def test_a_batch_that_is_refused_as_a_whole_leaves_nothing(server: Server, store: Path) -> None:
    told: list[str] = []
    with LabelStore(store) as labels:
        teacher = BatchTeacher(
            ChatTeacher(server.url, "no-such-model", api_key=KEY),
            batches=BatchStore(labels.database),
            poll_seconds=0.02,
            told=told.append,
        )
        with pytest.raises(TeacherError, match=r"model_not_found.*nothing of it was charged"):
            label_texts(TASK, teacher, texts(4), labels)
        assert BatchStore(labels.database).open(f"{server.url} no-such-model topics") == []
    assert any("model_not_found" in sentence for sentence in told)
    assert_settled(server, store)


def test_batches_beside_a_refused_one_are_read(server: Server, store: Path) -> None:
    provider = server.provider
    provider.spoiled = 2
    with pytest.raises(TeacherError, match="invalid_json_line"):
        label(server.url, store, texts(9), requests_a_batch=3)
    assert provider.charged.total() == 6
    assert_settled(server, store)


def test_a_full_queue_is_waited_for(server: Server, store: Path) -> None:
    server.provider.most_queued = 5
    assert said(label(server.url, store, texts(10), requests_a_batch=4)) == right(10)
    assert_settled(server, store)


def test_a_batch_that_fits_no_queue_is_halved_until_it_does(server: Server, store: Path) -> None:
    server.provider.most_queued = 3
    assert said(label(server.url, store, texts(10))) == right(10)
    taken = [one for one in server.provider.batches.values() if one["status"] == "completed"]
    assert [one["request_counts"]["total"] for one in taken] == [2, 2, 2, 2, 2]
    assert server.provider.charged.total() == 10
    assert_settled(server, store)


def test_a_queue_that_others_fill_is_an_error_with_its_cure(server: Server, store: Path) -> None:
    server.provider.most_queued = 0
    with pytest.raises(TeacherError, match=r"token_limit_exceeded.*once they have ended"):
        label(server.url, store, texts(10))
    assert_settled(server, store)


def test_the_cap_holds_and_what_is_left_of_it_is_used(server: Server, store: Path) -> None:
    label(server.url, store, texts(20)[:1])
    worst_and_all = server.provider.charged_nanodollars * 20 * 1.5
    told: list[str] = []
    run = label(server.url, store, texts(20), cap_usd=worst_and_all * USD, told=told.append)
    assert said(run) == right(20)
    [short] = [one for one in told if "a larger --budget holds more at once" in one]
    assert "of 19 questions at a time" in short
    assert len(server.provider.batches) > 2
    assert server.provider.charged_nanodollars <= worst_and_all
    assert_settled(server, store)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_nothing_is_spent_beyond_the_cap(server: Server, store: Path, share: float) -> None:
    label(server.url, store, texts(20)[:1])
    first = server.provider.charged_nanodollars
    cap = int(first * 20 * share)
    run = label(server.url, store, texts(20), cap_usd=cap * USD)
    assert run.tally.unasked > 0
    assert said(run).count(None) == run.tally.unasked
    assert server.provider.charged_nanodollars <= max(cap, first)
    assert_settled(server, store)


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/files", "429"),
        ("POST", "/files", "cut"),
        ("POST", "/files", "cut after"),
        ("POST", "/batches", "500"),
        ("POST", "/batches", "cut"),
        ("POST", "/batches", "cut after"),
        ("GET", "/batches/.*", "429"),
        ("GET", "/batches/.*", "half"),
        ("GET", "/files/.*", "500"),
        ("GET", "/files/.*", "half"),
        ("DELETE", "/files/.*", "cut after"),
    ],
)
def test_a_call_that_fails_is_made_again(
    server: Server, store: Path, method: str, path: str, action: Action
) -> None:
    server.provider.fail(method, path, action)
    assert said(label(server.url, store, texts(6))) == right(6)
    assert server.provider.reached.is_set()
    assert len(server.provider.batches) == 1
    assert set(server.provider.charged.values()) == {1}
    assert balance(store).spent == server.provider.charged_nanodollars


def test_an_upload_is_sent_again_whole_while_the_refused_one_goes_on_reading(
    server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, add_field = BatchApi._once, aiohttp.FormData.add_field  # noqa: SLF001 - where it breaks off
    opened: list[IO[bytes]] = []

    def read_in_turns(form: aiohttp.FormData, name: str, value: Any, **more: Any) -> None:  # noqa: ANN401
        add_field(form, name, value, **more)
        if name == "file":
            opened.append(value)
            if len(opened) > 1:
                assert opened[0].read()

    async def refuse_first(api: BatchApi, method: str, path: str, *rest: Any) -> bytes:  # noqa: ANN401
        if path == "/files" and len(opened) == 1:
            raise batch_api._RetryableError("busy", 0.0)  # noqa: SLF001 - as a status of 429 does
        return await once(api, method, path, *rest)

    monkeypatch.setattr(aiohttp.FormData, "add_field", read_in_turns)
    monkeypatch.setattr(BatchApi, "_once", refuse_first)
    assert said(label(server.url, store, texts(6))) == right(6)
    assert len(opened) == 2
    opened[0].close()


def test_an_upload_that_was_made_twice_is_one_batch(server: Server, store: Path) -> None:
    server.provider.fail("POST", "/files", "cut after")
    label(server.url, store, texts(2))
    assert len(server.provider.files) == 1
    assert len(server.provider.batches) == 1


def test_files_that_cannot_be_deleted_are_left(server: Server, store: Path) -> None:
    server.provider.fail("DELETE", "/files/.*", "400", times=9)
    assert said(label(server.url, store, texts(2))) == right(2)
    assert len(server.provider.files) == 2


@pytest.mark.parametrize("path", ["/files", "/batches"])
@pytest.mark.parametrize(("action", "cure"), [("401", "OPENAI_API_KEY"), ("400", "no, Bearer")])
def test_a_refusal_names_the_cure_and_leaves_nothing(
    server: Server, store: Path, path: str, action: Action, cure: str
) -> None:
    server.provider.fail("POST", path, action)
    with pytest.raises(TeacherError, match=cure) as raised:
        label(server.url, store, texts(2))
    assert KEY not in str(raised.value)
    assert_settled(server, store)


def test_redirects_are_not_followed(server: Server, store: Path) -> None:
    server.provider.fail("POST", "/files", "302")
    with pytest.raises(TeacherError, match="HTTP 302"):
        label(server.url, store, texts(2))


def test_an_account_without_money_is_said_at_once(server: Server, store: Path) -> None:
    server.provider.fail("POST", "/batches", "no money")
    with pytest.raises(TeacherError, match="no credit left"):
        label(server.url, store, texts(2))
    assert server.provider.seen.count("POST /batches") == 1
    assert_settled(server, store)


def test_a_batch_that_may_have_been_made_stays_noted(server: Server, store: Path) -> None:
    server.provider.fail("POST", "/batches", "cut after")
    server.provider.fail("GET", "/batches", "500", times=2)
    with pytest.raises(TeacherError, match="run again to fetch it"):
        label(server.url, store, texts(4))
    assert len(open_batches(server.url, store)) == 1
    assert said(label(server.url, store, texts(4))) == right(4)
    assert len(server.provider.batches) == 1
    assert_settled(server, store)


def test_polls_that_fail_for_a_while_do_no_harm(server: Server, store: Path) -> None:
    server.provider.fail("GET", "/batches/.*", "500", times=5)
    told: list[str] = []
    assert said(label(server.url, store, texts(4), told=told.append)) == right(4)
    assert any("cannot be looked at now" in sentence for sentence in told)
    assert_settled(server, store)


def test_a_server_that_is_no_batch_api_is_said(server: Server, store: Path) -> None:
    with pytest.raises(TeacherError, match=r"HTTP 404.*Batch API"):
        label(server.url.replace("/v1", "/v2"), store, texts(2))
    server.provider.fail("POST", "/files", "200")
    with pytest.raises(TeacherError, match="does not speak the Batch API"):
        label(server.url, store, texts(2))


def test_a_server_that_is_not_there_is_said_and_leaves_nothing(server: Server, store: Path) -> None:
    server.stop()
    with pytest.raises(TeacherError, match="failed 2 times"):
        label(server.url, store, texts(2))
    assert_settled(server, store)


def test_a_server_that_is_started_again_goes_on(provider: Provider, store: Path) -> None:
    provider.held = True
    first = Server(provider)
    stop_when_sent(first, store, texts(4))
    provider.held = False
    second = first.restarted()
    assert said(label(second.url, store, texts(4))) == right(4)
    assert_settled(second, store)
    second.stop()


def test_progress_is_told(server: Server, store: Path) -> None:
    provider = server.provider
    provider.held = True
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        if "0 of 4 done" in sentence:
            provider.held = False

    label(server.url, store, texts(4), told=tell)
    (name,) = provider.batches
    assert told[0] == f"batch {name}: 4 questions sent"
    assert f"batch {name}: 0 of 4 done" in told
    assert told[-1] == f"batch {name}: completed"


def stop_when_sent(
    server: Server,
    store: Path,
    asked: list[str],
    task: Task = TASK,
    calls: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Begin a run and stop it once its batch lies with the provider."""

    def told(sentence: str) -> None:
        if "sent" in sentence:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        label(server.url, store, asked, told=told, task=task, calls=calls)
    assert len(open_batches(server.url, store, task)) == 1


def test_a_stopped_run_is_taken_up(server: Server, store: Path) -> None:
    stop_when_sent(server, store, texts(6))
    assert balance(store).reserved > 0
    assert said(label(server.url, store, texts(6))) == right(6)
    assert len(server.provider.batches) == 1
    assert_settled(server, store)


def test_what_lies_in_a_batch_is_left_to_it_by_runs_of_single_calls(
    server: Server, store: Path
) -> None:
    stop_when_sent(server, store, texts(25))
    server.provider.seen.clear()
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    with LabelStore(store) as labels:
        run = label_texts(TASK, chat, texts(25), labels, budget=Budget(ledger=LEDGER))
    assert server.provider.seen == []
    assert run.tally.failed == {"asked elsewhere": 25}
    assert "--batch fetches" in run.tally.notes()[-1]
    assert said(label(server.url, store, texts(25))) == right(25)
    assert_settled(server, store)


def test_what_lies_in_a_batch_of_another_task_is_said_with_where_to_fetch_it(
    server: Server, store: Path
) -> None:
    stop_when_sent(server, store, texts(4))
    [batch] = server.provider.batches
    run = label(server.url, store, texts(6), ledger="another")
    assert said(run) == [None] * 4 + right(6)[4:]
    assert (run.tally.unasked, run.tally.failed) == (0, {"asked elsewhere": 4})
    [note] = run.tally.notes()
    assert f"4 asked elsewhere: this lies in batch {batch}, sent for {LEDGER!r}" in note
    assert f"locum label {LEDGER} --batch" in note
    assert said(label(server.url, store, texts(4))) == right(4)
    assert said(label(server.url, store, texts(6), ledger="another")) == right(6)
    assert set(server.provider.charged.values()) == {1}


def test_what_lies_in_a_batch_for_deleted_calls_is_paid_and_not_kept(
    server: Server, store: Path
) -> None:
    calls = {text: [f"call {number}"] for number, text in enumerate(texts(4))}
    with open_database(store) as database:
        CallStore(database).add([make_call(call_id) for [call_id] in calls.values()])
    stop_when_sent(server, store, texts(4), calls=calls)
    with open_database(store) as database:
        CallStore(database).delete(CallFilter(ids=("call 0", "call 1")))
    label(server.url, store, ["another card"])
    assert_settled(server, store)
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    with LabelStore(store) as labels:
        keys = [chat.identify(TASK, text) for text in texts(4)]
        assert labels.find(keys).keys() == {*keys[2:]}


def test_what_another_run_asks_just_now_is_not_left_for_want_of_money(
    server: Server, store: Path
) -> None:
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    with LabelStore(store) as labels:
        other = Ledger(labels.database, "another")
        other.exchange([], [Claim(chat.identify(TASK, text), 1) for text in texts(2)])
        run = label(server.url, store, texts(3))
    assert said(run) == [None, None, *right(3)[2:]]
    assert (run.tally.unasked, run.tally.failed) == (0, {"asked elsewhere": 2})
    assert "run again once that has ended" in run.tally.notes()[-1]


def test_answers_that_nobody_asks_for_any_more_are_kept(server: Server, store: Path) -> None:
    stop_when_sent(server, store, texts(6))
    assert said(label(server.url, store, ["another card"])) == ["card"]
    server.provider.seen.clear()
    assert said(label(server.url, store, texts(6))) == right(6)
    assert server.provider.seen == []
    assert_settled(server, store)


def test_other_tasks_and_ledgers_leave_a_batch_alone(server: Server, store: Path) -> None:
    stop_when_sent(server, store, texts(6))
    other = Task("others", TASK.labels)
    assert said(label(server.url, store, texts(2), task=other)) == right(2)
    assert said(label(server.url, store, ["a card"], ledger="another")) == ["card"]
    assert balance(store, "another").calls == 1
    assert len(open_batches(server.url, store)) == 1
    assert said(label(server.url, store, texts(6))) == right(6)
    assert open_batches(server.url, store) == []


def test_answers_under_other_labels_are_kept_without_probabilities(
    server: Server, store: Path
) -> None:
    stop_when_sent(server, store, texts(2))
    changed = Task(TASK.name, ("card", "cash"), instruction=TASK.instruction)
    assert said(label(server.url, store, ["a card"], task=changed)) == ["card"]
    kept = label(server.url, store, texts(2)).answers
    assert [(answer.text, answer.distribution) for answer in kept if answer] == [
        ("cash", None),
        ("card", None),
    ]
    assert_settled(server, store)


def test_two_runs_at_once_buy_nothing_twice(server: Server, store: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: label(server.url, store, texts(40)), range(2)))
    assert server.provider.charged.total() == 40
    assert any(said(run) == right(40) for run in runs)
    assert said(label(server.url, store, texts(40))) == right(40)
    assert_settled(server, store)


def note_batch(server: Server, store: Path, remote: str | None, age: float) -> None:
    """Leave what a process leaves that claimed two texts' calls and died then."""
    chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
    with LabelStore(store) as labels:
        teacher = f"{server.url} {MODEL} {TASK.name}"
        row = BatchRow("a-run", teacher, LEDGER, remote, time.time() - age, 2)
        BatchStore(labels.database).add(row)
        claims = [Claim(chat.identify(TASK, text), 1000) for text in texts(2)]
        Ledger(labels.database, LEDGER, run="a-run", lease_seconds=None).exchange([], claims)


def test_a_batch_that_was_never_made_is_given_up(server: Server, store: Path) -> None:
    note_batch(server, store, None, age=5)
    assert said(label(server.url, store, texts(2))) == right(2)
    assert_settled(server, store)


def test_a_batch_that_is_made_just_now_is_not_given_up(
    server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, find = server.provider, BatchApi.find
    note_batch(server, store, None, age=5)

    async def find_before_it_is_made(api: BatchApi, *arguments: Any) -> RemoteBatch | None:  # noqa: ANN401 - passed on
        found = await find(api, *arguments)
        if not provider.batches:
            chat = ChatTeacher(server.url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8)
            asked = [Question(chat.identify(TASK, text), text) for text in texts(2)]
            lines = b"".join(request_line(chat, TASK, question) for question in asked)
            provider.make(
                {
                    "input_file_id": provider.keep(lines),
                    "endpoint": ENDPOINT,
                    "completion_window": "24h",
                    "metadata": {RUN: "a-run"},
                }
            )
        return found

    monkeypatch.setattr(BatchApi, "find", find_before_it_is_made)
    assert said(label(server.url, store, texts(2))) == right(2)
    assert len(provider.batches) == 1
    assert_settled(server, store)


def test_a_batch_that_the_provider_does_not_know_is_not_given_up(
    server: Server, store: Path
) -> None:
    note_batch(server, store, "batch_of_another_project", age=86_400)
    with pytest.raises(TeacherError, match="same project"):
        label(server.url, store, texts(2))
    assert len(open_batches(server.url, store)) == 1
    assert balance(store).reserved == 2000


def test_a_batch_that_is_kept_no_longer_counts_as_spent(server: Server, store: Path) -> None:
    note_batch(server, store, "batch_of_long_ago", age=31 * 86_400)
    assert label(server.url, store, texts(2)).tally.failed == {"broken off": 2}
    assert (balance(store).assumed, open_batches(server.url, store)) == (2000, [])
    assert said(label(server.url, store, texts(2))) == right(2)


def test_answers_whose_file_was_deleted_count_as_spent(server: Server, store: Path) -> None:
    stop_when_sent(server, store, texts(3))
    server.provider.fail("GET", "/files/.*", "404")
    assert label(server.url, store, texts(3)).tally.failed == {"broken off": 3}
    assert balance(store).spent >= server.provider.charged_nanodollars
    assert open_batches(server.url, store) == []


def test_a_batch_that_another_run_gave_up_is_not_made(
    server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = BatchApi.upload

    async def upload_slowly(api: BatchApi, lines: Path) -> str:
        file = await upload(api, lines)
        with LabelStore(store) as labels:
            batches = BatchStore(labels.database)
            for row in batches.open(f"{server.url} {MODEL} {TASK.name}"):
                batches.close(row.run)
        return file

    monkeypatch.setattr(BatchApi, "upload", upload_slowly)
    assert label(server.url, store, texts(2)).tally.unasked == 2
    assert server.provider.batches == {}
    assert_settled(server, store)


def test_a_batch_that_another_run_gave_up_while_it_was_made_is_cancelled(
    server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.provider.held = True
    create = BatchApi.create

    async def create_late(api: BatchApi, *arguments: Any) -> RemoteBatch:  # noqa: ANN401 - passed on
        batch = await create(api, *arguments)
        with LabelStore(store) as labels:
            batches = BatchStore(labels.database)
            for row in batches.open(f"{server.url} {MODEL} {TASK.name}"):
                batches.close(row.run)
        return batch

    monkeypatch.setattr(BatchApi, "create", create_late)
    assert label(server.url, store, texts(2)).tally.unasked == 2
    (batch,) = server.provider.batches.values()
    assert batch["status"] in {"cancelling", "cancelled"}
    assert server.provider.charged.total() == 0
    assert balance(store).reserved == 0


def test_without_a_store_of_batches_nothing_is_asked(server: Server, store: Path) -> None:
    teacher = BatchTeacher(ChatTeacher(server.url, MODEL))
    with LabelStore(store) as labels, pytest.raises(UsageError, match="batches=BatchStore"):
        label_texts(TASK, teacher, texts(2), labels)
    assert server.provider.seen == []


@pytest.mark.parametrize(
    "options",
    [
        {"requests_a_batch": 0},
        {"requests_a_batch": 50_001},
        {"bytes_a_batch": 200_000_001},
        {"poll_seconds": 0.0},
    ],
)
def test_what_the_api_does_not_allow_is_refused(options: dict[str, Any]) -> None:
    chat = ChatTeacher("http://127.0.0.1:1/v1", MODEL)
    with pytest.raises(UsageError, match="expected 1 to 50000"):
        BatchTeacher(chat, **options)
