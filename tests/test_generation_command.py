"""``locum distill``, ``predict`` and ``promote`` on tasks whose answers are free text."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.redaction import Redactor
from locum.store import CallStore, open_database
from locum.traffic import make_call
from tests.commands import in_json, locum, refusal
from tests.json_server import JsonModel, serving
from tests.promoted import chat_request, chat_response, record
from tests.small_encoders import save_encoder
from tests.small_writers import EASY, make_pairs, model_of, taught_student

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.schema import Call, Example, JsonObject

PAIRS = make_pairs(400, hard=0.2, seed=3)


def write_calls(path: Path, examples: Sequence[Example]) -> Path:
    """Write pairs as a spreadsheet does."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "answer"])
        rows.writerows([example.text, example.answer] for example in examples)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned such a task, as if it was published so."""
    student = taught_student()
    folder = tmp_path_factory.mktemp("model") / "taught"
    model_of(student).save_pretrained(folder)
    student.model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_calls(tmp_path_factory.mktemp("calls") / "calls.csv", PAIRS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def result(home: Path, calls: Path, model: Path) -> JsonObject:
    """What was printed of a task that was distilled."""
    made = ("--student-model", str(model), "--instruction", "Say it.", "--accept", "same")
    found: JsonObject = in_json(
        home, "distill", "notes", "--calls", str(calls), *made, "--target", "0.85"
    )
    return found


def test_one_object_says_what_was_found(result: JsonObject, home: Path) -> None:
    assert (result["kind"], result["decision"]["verdict"]) == ("generation", "distil")
    assert result["rule"]["rule"] == "same"
    assert (result["student"]["model"], result["student"]["backend"]) == ("taught", "this process")
    assert result["test"]["scores"].keys() == {"chrf", "rouge_l", "same"}
    assert result["certificate"]["coverage"] > 0.5
    assert (home / "notes" / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((home / "notes" / "student" / "manifest.json").read_bytes())["rule"] == "same"


@pytest.mark.usefixtures("result")
def test_predict_prints_a_text_its_confidence_and_the_way(home: Path) -> None:
    shown = locum(home, "predict", "notes", *(f"{word} of the by in" for word in EASY))
    lines = [line.split("\t") for line in shown.splitlines()]
    assert [said for said, _, _ in lines] == [f"note {word} {word}" for word in EASY]
    assert {way for _, _, way in lines} == {"answered"}
    said = in_json(home, "predict", "notes", "amber of the by in")
    assert said.keys() == {"answer", "confidence", "answered"}
    assert "answers otherwise" in refusal(home, "predict", "notes", "x", "--partial", code=2)


def test_tables_say_the_rule(home: Path, calls: Path, model: Path) -> None:
    made = ("--student-model", str(model), "--instruction", "Say it.", "--target", "0.85")
    shown = locum(home, "distill", "shown", "--calls", str(calls), *made)
    assert "how near its answers come" in shown
    assert "Accepted: chrF>=0.6 against the teacher's answer." in " ".join(shown.split())
    assert "Distil: " in shown


def test_free_text_without_a_model_says_what_is_needed(home: Path, tmp_path: Path) -> None:
    open_ended = [replace(e, answer=f"{e.answer} {n}") for n, e in enumerate(PAIRS)]
    calls = write_calls(tmp_path / "open.csv", open_ended)
    said = refusal(home, "distill", "notes", "--calls", str(calls), code=2)
    assert "free text, as 400 of them hold 400 different ones" in said
    assert "--student-model FOLDER_OR_HUB_NAME" in said


def test_a_task_of_the_settings_may_be_free_text(
    home: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = write_calls(tmp_path / "few.csv", PAIRS[:30])
    (tmp_path / "locum.toml").write_text(
        f'[students]\nmodel = "{model}"\n[tasks.notes]\ninstruction = "Say it."\n'
        'accept = "rougeL>=0.9"\n'
    )
    monkeypatch.chdir(tmp_path)
    said = refusal(tmp_path, "distill", "notes", "--calls", str(few), code=3)
    assert "not enough inputs" in said
    report = (tmp_path / "notes" / "report.html").read_text("utf-8")
    assert "Collect more inputs" in report
    settings = tmp_path / "locum.toml"
    settings.write_text(
        settings.read_text().replace("[students]", '[students]\nwrite_through = "cloud"')
    )
    said = refusal(tmp_path, "distill", "notes", "--calls", str(few), code=2)
    assert "write_through='cloud': expected llama.cpp" in said
    said = refusal(home, "label", "notes", "--inputs", str(few), "--teacher", "http://x/v1", code=2)
    assert "answers in free text" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--labels", "a,b", "--accept", "same"], "--accept cannot be used where answers are lab"),
        (["--labels", "a,b", "--write-through", "llama.cpp"], "--write-through cannot be used wh"),
        (["--student-model", "m", "--write-through", "vllm"], "expected llama.cpp, llama.cpp:TYPE"),
        (["--student-model", "m", "--student", "linear"], "--student cannot be used where"),
        (["--student-model", "m", "--partial"], "--partial cannot be used where answers are free"),
        (["--student-model", "m", "--judge-model", "x"], "add --judge URL"),
        (["--student-model", "m", "--accept", "judge"], "add --judge URL --judge-model NAME"),
        (
            ["--student-model", "m", "--accept", "judge", "--judge", "http://127.0.0.1:9/v1"],
            "its model: add --judge-model NAME",
        ),
        (["--student-model", "m", "--encoder", "e"], "--encoder without similarity in --accept"),
        (["--student-model", "./absent"], "does not exist"),
    ],
)
def test_options_of_other_kinds_are_refused(
    home: Path, calls: Path, more: list[str], said: str
) -> None:
    assert said in refusal(home, "distill", "notes", "--calls", str(calls), *more, code=2)


def test_a_judge_of_the_command_line_compares_answers(model: Path, tmp_path: Path) -> None:
    few = write_calls(tmp_path / "few.csv", [replace(e, answer=f"{e.answer} of") for e in PAIRS])
    with serving(JsonModel(lambda _: "same")) as judge:
        named = ("--judge", judge.url, "--judge-model", "judge-1", "--accept", "same or judge")
        made = ("--student-model", str(model), "--instruction", "Say it.", "--time", "1s")
        found = in_json(tmp_path, "distill", "notes", "--calls", str(few), *made, *named)
        assert {request["model"] for request in judge.requests} == {"judge-1"}
    assert (found["rule"]["rule"], found["rule"]["judge"]) == ("same or judge", "judge-1")
    assert found["decision"]["verdict"] == "distil"


def test_an_encoder_of_the_command_line_compares_answers(model: Path, tmp_path: Path) -> None:
    few = write_calls(tmp_path / "few.csv", PAIRS[:30])
    encoder = save_encoder(tmp_path / "encoder", words=(*EASY, "note"))
    made = ("--student-model", str(model), "--accept", "similarity>=0.8")
    given = ("distill", "notes", "--calls", str(few), *made, "--encoder")
    assert "'./absent' does not exist" in refusal(tmp_path, *given, "./absent", code=2)
    assert "not enough inputs" in refusal(tmp_path, *given, str(encoder), code=3)


def test_recorded_calls_are_distilled_and_promoted(model: Path, tmp_path: Path) -> None:
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add(
            [
                record(chat_request(e.text, "Say it."), str(e.answer), number, task="notes")
                for number, e in enumerate(PAIRS)
            ]
        )
    made = ("--student-model", str(model), "--instruction", "Say it.", "--accept", "same")
    found = in_json(tmp_path, "distill", "notes", *made, "--target", "0.85")
    assert found["decision"]["verdict"] == "distil"
    promoted = in_json(tmp_path, "promote", "notes")
    assert promoted["calls"] == promoted["recognised"] == len(PAIRS)
    said = in_json(tmp_path, "predict", "notes", "amber of the by in")
    assert said["answer"] == "note amber amber"


def broken_off(text: str, number: int) -> Call:
    """A recorded call whose answer broke off."""
    response = chat_response("note", number)
    response["choices"][0]["finish_reason"] = "length"
    return make_call(
        source="gateway",
        endpoint="chat",
        request=chat_request(text, "Say it."),
        response=response,
        time=1.0 + number,
        redactor=Redactor(),
        task="notes",
    )


def asks_for_recorded(
    home: Path, model: Path, teacher: JsonModel, instructions: Sequence[str], *more: str, code: int
) -> tuple[list[list[dict[str, str]]], str]:
    """Ask for what broke off of recorded calls, and return what was asked and said."""
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).add(
            [
                *(
                    record(chat_request(e.text, told), str(e.answer), number, task="notes")
                    for number, (e, told) in enumerate(zip(PAIRS, instructions, strict=False))
                ),
                *(broken_off(f"amber of {number}", 1_000 + number) for number in range(3)),
            ]
        )
    with serving(teacher):
        named = ("--teacher", teacher.url, "--model", "gpt-4.1-nano", "--budget", "5")
        made = ("--student-model", str(model), *more)
        said = refusal(home, "distill", "notes", *made, *named, code=code)
    return [request["messages"] for request in teacher.requests], said


def test_for_recorded_calls_a_teacher_is_told_what_the_application_tells(
    model: Path, tmp_path: Path
) -> None:
    teacher = JsonModel(lambda _: "note amber amber")
    asked, said = asks_for_recorded(tmp_path, model, teacher, ["Say it."] * 20, code=3)
    assert "not enough inputs" in said
    system = {"role": "system", "content": "Say it."}
    assert sorted(messages[-1]["content"] for messages in asked) == [
        f"amber of {number}" for number in range(3)
    ]
    assert all(messages[:-1] == [system] for messages in asked)


def test_where_calls_tell_different_things_one_has_to_be_named(model: Path, tmp_path: Path) -> None:
    teacher, told = JsonModel(lambda _: "note amber amber"), [f"Say {n}." for n in range(20)]
    asked, said = asks_for_recorded(tmp_path, model, teacher, told, code=2)
    assert (asked, "3 inputs of task 'notes' have no whole answer" in said) == ([], True)
    assert "--instruction TEXT" in said
    asked, said = asks_for_recorded(
        tmp_path, model, teacher, told, "--instruction", "Write.", code=3
    )
    assert "not enough inputs" in said
    assert {messages[0]["content"] for messages in asked} == {"Write."}


def test_inputs_of_a_file_are_asked_about_with_an_instruction(model: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"amber of {number}" for number in range(3)))
    teacher = JsonModel(lambda _: "note amber amber")
    with serving(teacher):
        named = ("--teacher", teacher.url, "--model", "gpt-4.1-nano", "--budget", "5")
        made = ("distill", "notes", "--inputs", str(texts), "--student-model", str(model), *named)
        assert "says what the teacher is to write" in refusal(tmp_path, *made, code=2)
        assert teacher.requests == []
        assert "not enough inputs" in refusal(tmp_path, *made, "--instruction", "", code=3)
    assert {len(request["messages"]) for request in teacher.requests} == {1}
