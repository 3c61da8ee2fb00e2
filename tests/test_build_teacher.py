"""From what settings and the command line say of a teacher to that teacher."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from locum.cli.teachers import TeacherFlags, choose_teacher, make_budget, make_teacher
from locum.config import Settings, TeacherSettings
from locum.errors import UsageError
from locum.schema import OwnPrice
from locum.store import open_database
from locum.teachers import (
    BatchTeacher,
    Budget,
    ChatTeacher,
    MessagesTeacher,
    Panel,
    Teacher,
    Votes,
    build_teacher,
)
from tests.asking import TASK

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:1/v1"
KEY = "key-that-nobody-may-see"


def answers_nothing(texts: list[str]) -> list[str]:
    """A function that settings can name."""
    return ["cash" for _ in texts]


def build(**settings: Any) -> Teacher:  # noqa: ANN401 - whatever a file can say
    others = settings.pop("others", {})
    return build_teacher(TeacherSettings(**settings), others)


def from_flags(
    tmp_path: Path,
    *teachers: str,
    settings: Settings | None = None,
    **flags: Any,  # noqa: ANN401 - those of TeacherFlags
) -> Teacher:
    with open_database(tmp_path / "store.sqlite") as database:
        made = make_teacher(
            TeacherFlags(teachers, **flags), settings or Settings(), database, lambda _: None
        )
    assert made is not None
    return made


def test_all_that_settings_say_of_an_api_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    teacher = build(
        url=URL,
        model="m",
        key_env="MY_KEY",
        model_version="2026",
        top_logprobs=5,
        parameters={"seed": 7, "temperature": "none"},
        max_tokens=9,
        concurrency=3,
        attempts=2,
        timeout_seconds=7.5,
    )
    assert isinstance(teacher, ChatTeacher)
    assert teacher.transport.headers["authorization"] == f"Bearer {KEY}"
    assert (teacher.concurrency, teacher.attempts, teacher.timeout) == (3, 2, 7.5)
    assert teacher.version == "2026"
    request = teacher.request(TASK, "a text")
    assert request.items() >= {"seed": 7, "max_tokens": 9, "top_logprobs": 5}.items()
    assert "temperature" not in request


def test_by_default_an_api_is_asked_once_at_temperature_0() -> None:
    teacher = build(url=URL, model="m")
    assert isinstance(teacher, ChatTeacher)
    assert (teacher.temperature, teacher.top_logprobs) == (0.0, 20)


def test_anthropic_is_asked_several_times_at_temperature_1() -> None:
    teacher = build(url=URL, model="m", api="anthropic")
    assert isinstance(teacher, Votes)
    assert (teacher.least, teacher.most) == (3, 8)
    assert isinstance(teacher.teacher, MessagesTeacher)
    assert teacher.teacher.temperature == 1.0


def test_anthropic_may_be_asked_once() -> None:
    teacher = build(url=URL, model="m", api="anthropic", votes=[1, 1])
    assert isinstance(teacher, MessagesTeacher)
    assert teacher.temperature == 0.0


def test_votes_of_a_chat_teacher_go_without_log_probabilities() -> None:
    teacher = build(url=URL, model="m", votes=[2, 4], temperature=0.5)
    assert isinstance(teacher, Votes)
    assert isinstance(teacher.teacher, ChatTeacher)
    assert (teacher.teacher.top_logprobs, teacher.teacher.temperature) == (0, 0.5)


def test_votes_at_the_servers_own_temperature_and_without_a_seed_may_differ() -> None:
    parameters = {"temperature": "none", "seed": "none"}
    assert isinstance(build(url=URL, model="m", votes=[2, 4], parameters=parameters), Votes)


def test_a_batch_may_be_voted_on_too() -> None:
    assert isinstance(build(url=URL, model="m", batch=True), BatchTeacher)
    votes = build(url=URL, model="m", batch=True, votes=[2, 2])
    assert isinstance(votes, Votes)
    assert isinstance(votes.teacher, BatchTeacher)


def test_a_function_of_a_module() -> None:
    teacher = build(function="tests.test_build_teacher:answers_nothing", model="mine")
    assert teacher.name == "mine"
    assert build(function="tests.test_build_teacher:answers_nothing").name.endswith(
        "answers_nothing"
    )


def test_a_file_of_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("text,answer\na,cash\n", "utf-8")
    assert build(file=str(path)).name == "answers.csv"


def test_a_panel_of_declared_teachers() -> None:
    others = {name: TeacherSettings(url=URL, model=name) for name in ("one", "two")}
    panel = build(panel=["one", "two"], model="both", others=others)
    assert isinstance(panel, Panel)
    assert panel.name == "both"
    assert [member.name for member in panel.teachers] == ["one", "two"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs one of url, local, file, function, panel, and got none"),
        ({"url": URL, "model": "m", "file": "x"}, "got url, file"),
        ({"url": URL}, "needs the name of its model"),
        ({"url": "ftp://host", "model": "m"}, "expected a URL that starts with http"),
        ({"url": URL, "model": "m", "key_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE holds no"),
        ({"url": URL, "model": "m", "batch": True, "api": "anthropic"}, "OpenAI's Batch API"),
        ({"url": URL, "model": "m", "votes": [8, 3]}, "least=8, most=3"),
        (
            {"url": URL, "model": "m", "votes": [3, 8], "parameters": {"temperature": 0}},
            "at temperature 0 would buy the same answer several times",
        ),
        (
            {"url": URL, "model": "m", "votes": [3, 8], "parameters": {"seed": 7}, "batch": True},
            "with seed 7 would buy the same answer several times",
        ),
        (
            {"url": URL, "model": "m", "votes": [3, 8], "parameters": {"random_seed": 0}},
            "with random_seed 0 would buy",
        ),
        ({"panel": ["one"]}, "there is no teacher 'one' \\(declared: none\\)"),
        ({"panel": []}, "a panel of 0 teacher"),
        ({"function": "no_such_module:f"}, "cannot be imported"),
        ({"function": "tests.asking:no_such_function"}, "cannot be imported"),
        ({"function": "tests.asking"}, "expected module:name"),
        ({"function": "tests.asking:TASK"}, "expected module:name of something to call"),
        ({"function": ":f"}, "cannot be imported"),
    ],
)
def test_refusals_name_the_cure(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(**settings)


def test_a_panel_cannot_sit_on_a_panel() -> None:
    others = {"one": TeacherSettings(panel=["two"]), "two": TeacherSettings(url=URL, model="m")}
    with pytest.raises(UsageError, match="'one' is a panel, and cannot sit on one"):
        build(panel=["one", "two"], others=others)


def test_an_address_on_the_command_line(tmp_path: Path) -> None:
    teacher = from_flags(tmp_path, URL, model="m", top_logprobs=0, parameter=("seed=7", "stop=x"))
    assert isinstance(teacher, ChatTeacher)
    assert teacher.parameters == {"seed": 7, "stop": "x"}
    assert teacher.top_logprobs == 0


@pytest.mark.parametrize("url", ["https://api.anthropic.com", "https://api.anthropic.com/v1"])
def test_the_address_of_anthropic_is_known(tmp_path: Path, url: str) -> None:
    teacher = from_flags(tmp_path, url, model="m", votes="4")
    assert isinstance(teacher, Votes)
    assert (teacher.least, teacher.most) == (4, 4)
    assert isinstance(teacher.teacher, MessagesTeacher)


def test_flags_come_before_what_is_declared(tmp_path: Path) -> None:
    declared = TeacherSettings(url=URL, model="m", concurrency=3, max_tokens=9)
    settings = Settings(teachers={"mine": declared})
    teacher = from_flags(tmp_path, "mine", settings=settings, concurrency=5)
    assert isinstance(teacher, ChatTeacher)
    assert (teacher.concurrency, teacher.max_tokens, teacher.model) == (5, 9, "m")


def test_several_teachers_are_a_panel(tmp_path: Path) -> None:
    settings = Settings(teachers={"mine": TeacherSettings(url=URL, model="m")})
    panel = from_flags(tmp_path, "mine", URL, settings=settings, model="n")
    assert isinstance(panel, Panel)
    with pytest.raises(UsageError, match="names one twice"):
        from_flags(tmp_path, URL, URL, model="n")


@pytest.mark.parametrize(
    ("teacher", "flags", "message"),
    [
        ("nobody", {}, "expected a URL .* a teacher of locum.toml \\(it declares none\\)"),
        (URL, {"model": "m", "api": "cohere"}, "api: Input should be 'openai' or 'anthropic'"),
        (URL, {"model": "m", "votes": "often"}, "--votes 'often': expected how often"),
        (URL, {"model": "m", "votes": "0"}, "votes"),
        (URL, {"model": "m", "votes": "8-3"}, "least=8, most=3"),
        (URL, {"model": "m", "parameter": ("seed",)}, "--parameter 'seed': expected NAME=JSON"),
        (URL, {"model": "m", "top_logprobs": 21}, "top_logprobs"),
        (URL, {"model": "m", "concurrency": 0}, "concurrency"),
        (URL, {}, "add --model NAME"),
    ],
)
def test_wrong_flags_are_refused(
    tmp_path: Path, teacher: str, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        from_flags(tmp_path, teacher, **flags)


def test_no_teacher_on_the_command_line_is_none(tmp_path: Path) -> None:
    with open_database(tmp_path / "store.sqlite") as database:
        assert make_teacher(TeacherFlags(), Settings(), database, lambda _: None) is None


def test_the_budget_of_a_task() -> None:
    settings = Settings(prices={"m": OwnPrice(1.0, 2.0)})
    assert make_budget("topics", 2.5, "m", settings) == Budget(
        ledger="topics", cap_usd=2.5, prices=settings.prices, priced_as="m", cap_required=True
    )
    with pytest.raises(UsageError, match="knows no model 'n'"):
        make_budget("topics", 2.5, "n", settings)


@pytest.mark.parametrize("amount", [float("nan"), float("inf")])
def test_a_budget_that_is_no_amount_is_refused(amount: float) -> None:
    with pytest.raises(UsageError, match="expected an amount of US dollars"):
        make_budget("topics", amount, None, Settings())


@pytest.mark.parametrize(
    ("named", "declared", "looked_in"),
    [
        (URL, {}, False),
        ("local:model", {}, False),
        ("function:rules:label", {}, True),
        ("ours", {"ours": TeacherSettings(function="rules:label")}, True),
        (
            "both",
            {
                "both": TeacherSettings(panel=["ours", "theirs"]),
                "ours": TeacherSettings(function="rules:label"),
                "theirs": TeacherSettings(url=URL, model="m"),
            },
            True,
        ),
    ],
)
def test_modules_of_this_folder_are_found_for_a_function_alone_and_last(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    declared: dict[str, TeacherSettings],
    *,
    looked_in: bool,
) -> None:
    before = [*sys.path]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*before])
    model = "m" if named == URL else None
    choose_teacher(TeacherFlags((named,), model), Settings(teachers=declared))
    assert sys.path == [*before, *([str(tmp_path)] if looked_in else [])]
