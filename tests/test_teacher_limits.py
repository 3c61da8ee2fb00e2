"""What a teacher refuses to send, keep or pay for, found by reading with fresh eyes."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from locum.config import TeacherSettings
from locum.errors import InputError, UsageError
from locum.prices import Tokens, list_cost_usd
from locum.schema import Task, TeacherAnswer
from locum.store import LabelStore, Ledger
from locum.teachers import (
    Budget,
    ChatTeacher,
    FunctionTeacher,
    MessagesTeacher,
    Panel,
    Votes,
    build_teacher,
    label_texts,
    plan_labels,
)
from locum.teachers.cut_off import is_undecided, mark_as_cut_off

if TYPE_CHECKING:
    from pathlib import Path

TASK = Task("topics", ("card", "card payment", "cash"))
URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("name", ["n", "model", "messages", "stream", "service_tier"])
def test_parameters_that_would_change_the_price_unseen_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"parameters {name}: .* take them out"):
        ChatTeacher(URL, "m", parameters={name: 20})


@pytest.mark.parametrize("length", [-1, 0, True, 1.5, "64"])
def test_a_length_that_bounds_nothing_is_refused(length: object) -> None:
    teacher = ChatTeacher(URL, "m", parameters={"max_tokens": length})
    with pytest.raises(UsageError, match="leave the length of its answers open"):
        teacher.worst_case(TASK, "a text")


def test_the_longer_of_two_lengths_is_reserved() -> None:
    teacher = ChatTeacher(URL, "m", parameters={"max_completion_tokens": 9})
    assert teacher.worst_case(TASK, "a text").output == 64


def test_tools_and_schemas_count_as_tokens_of_the_request() -> None:
    tools = [{"type": "function", "function": {"name": "x" * 5000}}]
    plain, more = ChatTeacher(URL, "m"), ChatTeacher(URL, "m", parameters={"tools": tools})
    assert more.worst_case(TASK, "a").input > plain.worst_case(TASK, "a").input + 5000


def test_parameters_that_are_no_json_are_refused() -> None:
    with pytest.raises(UsageError, match="are no JSON"):
        ChatTeacher(URL, "m", parameters={"seed": 10**30})


@pytest.mark.parametrize("url", ["http://user:pass@host/v1", "https://key@host/v1"])
def test_a_secret_in_the_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="holds a user or a password") as caught:
        ChatTeacher(url, "m")
    assert "pass" not in str(caught.value).replace("a password", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://host/v1?key=secret",
        "host/v1?key=secret",
        "https://host/v1/chat/completions?api-version=secret",
        "https://host/v1#secret",
        "https://user:sec?ret@host/v1",
    ],
)
@pytest.mark.parametrize("api", [ChatTeacher, MessagesTeacher])
def test_what_would_stand_before_the_path_is_refused_and_not_shown(
    api: type[ChatTeacher | MessagesTeacher], url: str
) -> None:
    with pytest.raises(UsageError, match="holds a '\\?' or a '#'") as caught:
        api(url, "m")
    assert "sec" not in str(caught.value)


def test_one_temperature_is_one_key() -> None:
    keys = {ChatTeacher(URL, "m", temperature=t).identify(TASK, "a") for t in (0, 0.0)}
    assert len(keys) == 1


def test_a_label_is_one_line() -> None:
    with pytest.raises(UsageError, match="a label is one line"):
        Task("topics", ("a", "b\nc"))


def test_a_price_for_each_call_counts_once() -> None:
    short, long = (list_cost_usd("perplexity/sonar", Tokens(n, 0), 1.79e9) for n in (1000, 2000))
    assert short is not None
    assert long is not None
    assert 0 < long - short < short


@pytest.mark.parametrize(
    ("text", "undecided"),
    [("card", True), ("card pay", False), ("ca", True), ("nothing", True), ("", True)],
)
def test_what_was_cut_off_is_undecided_where_several_labels_were_left(
    text: str, *, undecided: bool
) -> None:
    assert is_undecided(text, TASK) is undecided
    assert mark_as_cut_off(text) == (f"{text}\u2026" if text else "")


def test_half_a_surrogate_pair_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    with (
        LabelStore(tmp_path / "labels.sqlite") as store,
        pytest.raises(InputError, match="input 2 holds half a surrogate pair"),
    ):
        label_texts(TASK, ChatTeacher(URL, "m"), ["a", "b\ud800"], store)


def test_half_a_surrogate_pair_is_refused_before_it_is_planned(tmp_path: Path) -> None:
    with (
        LabelStore(tmp_path / "labels.sqlite") as store,
        pytest.raises(InputError, match="input 2 holds half a surrogate pair"),
    ):
        plan_labels(TASK, ChatTeacher(URL, "gpt-4.1"), ["a", "b\ud800"], store, Budget())


def test_a_function_that_stops_an_iteration_does_not_hang(tmp_path: Path) -> None:
    def first_of_none(texts: list[str]) -> list[str]:
        return [next(iter(())) if "bad" in text else "cash" for text in texts]

    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = label_texts(TASK, FunctionTeacher(first_of_none, "f"), ["good", "bad"], store)
    assert [a and a.text for a in run.answers] == ["cash", None]
    assert run.tally.failed.total() == 1
    assert run.tally.unasked == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"function": "builtins:len", "temperature": 0.5}, "temperature would do nothing"),
        ({"file": "a.csv", "votes": [2, 3]}, "votes would do nothing"),
        ({"panel": ["a", "b"], "max_tokens": 5}, "max_tokens would do nothing"),
        ({"url": URL, "model": "m", "gguf_file": "q"}, "gguf_file would do nothing"),
        (
            {"url": URL, "model": "m", "votes": [3, 8], "temperature": 0.0},
            "at temperature 0 would buy",
        ),
        ({"function": "no_such_module_here:f"}, "cannot be imported"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_teacher(TeacherSettings.model_validate(settings), {})


def test_a_model_that_changes_behind_its_name_is_said(tmp_path: Path) -> None:
    version = "model-1"

    def answer(texts: list[str]) -> list[TeacherAnswer]:
        return [TeacherAnswer("cash", version=version) for _ in texts]

    notes = []
    with LabelStore(tmp_path / "labels.sqlite") as store:
        for text in ("first", "second", "third"):
            run = label_texts(TASK, FunctionTeacher(answer, "f"), [text], store)
            notes.append(run.tally.notes())
            version = "model-2"
    assert [len(found) for found in notes] == [0, 1, 0]
    assert "earlier answers are by model-1 (1), new ones by model-2 (1)" in notes[1][0]


def test_versions_that_are_run_side_by_side_are_no_change(tmp_path: Path) -> None:
    def answer(texts: list[str]) -> list[TeacherAnswer]:
        return [TeacherAnswer("cash", version=f"model-{len(text) % 2}") for text in texts]

    notes = []
    with LabelStore(tmp_path / "labels.sqlite") as store:
        for texts in (["a"], ["to", "a b", "cash"], ["by", "the"]):
            run = label_texts(TASK, FunctionTeacher(answer, "f"), texts, store)
            notes += run.tally.notes()
    assert notes == []


@pytest.mark.parametrize("given", ["http://127.0.0.1:1/v1", len, None])
def test_what_is_no_teacher_is_refused(given: object) -> None:
    real: Any = ChatTeacher(URL, "m")
    any_given: Any = given
    for make in (lambda: Panel([real, any_given]), lambda: Votes(any_given)):
        with pytest.raises(UsageError, match="is no teacher: expected one of"):
            make()
    composite: Any = Panel([real, real])
    with pytest.raises(UsageError, match="answers one by one"):
        Votes(composite)


@pytest.mark.parametrize(
    "budget",
    [
        {"ledger": 5.0},
        {"ledger": ""},
        *({"cap_usd": amount} for amount in (-1.0, math.nan, math.inf, 1e300)),
    ],
)
def test_a_budget_of_nonsense_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="budget: "):
        Budget(**budget)


def test_a_cap_is_named() -> None:
    make: Any = Budget
    with pytest.raises(TypeError, match="positional"):
        make(5.0)


def test_a_store_that_fails_once_loses_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange, failures = Ledger.exchange, iter([InputError("the disk is busy")])

    def fails_once(ledger: Ledger, settled: Any, claims: Any) -> Any:  # noqa: ANN401 - as it is
        if settled and (failure := next(failures, None)):
            raise failure
        return exchange(ledger, settled, claims)

    monkeypatch.setattr(Ledger, "exchange", fails_once)

    def slowly(texts: list[str]) -> list[str]:
        time.sleep(0.3)
        return ["cash" for _ in texts]

    teacher = FunctionTeacher(slowly, "f", batch_size=1)
    with LabelStore(tmp_path / "labels.sqlite") as store:
        with suppress(InputError):
            label_texts(TASK, teacher, ["a", "b", "c"], store)
        kept = store.find([teacher.identify(TASK, text) for text in "abc"])
    assert len(kept) == 3, "what was answered before the failure is written at the end"
    assert next(failures, None) is None, "the store did fail"
