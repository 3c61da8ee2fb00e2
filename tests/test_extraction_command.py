"""``locum distill`` and ``locum predict`` on tasks whose answers are JSON."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner, Result

from locum.cli.app import app
from locum.errors import LocumError, UsageError
from locum.evaluation import Certificate
from locum.export import CertifiedStudent
from locum.shapes import load_schema
from locum.students.linear import LinearStudent
from tests.commands import run
from tests.importing import lines
from tests.json_traffic import INTENTS, SHORT_SCHEMA, Mail, make_short_mails
from tests.traffic import LABELS, make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from locum.schema import JsonObject

FEW = 40
ENOUGH = 200
LINEAR = ("--student", "linear", "--target", "0.85")
MODELS = """
from typing import Literal
from pydantic import BaseModel, ConfigDict

class Mail(BaseModel):
    model_config = ConfigDict(extra="forbid")

    intent: Literal["refund", "delivery"]
    urgent: bool
    number: str | None
    summary: str = ""

class Open(BaseModel):
    intent: str
    notes: dict[str, str]
    more: list[list[str]]
"""
TOML = """
[tasks.mail]
instruction = "Say what the mail is about."
schema = "schemas/mail.json"
leave_out = ["summary"]

[tasks.topics]
labels = ["one", "other"]
"""


def as_csv(mails: Iterable[Mail]) -> str:
    """Mails with their answers, as spreadsheets write them."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["text", "answer"])
    rows.writerows([mail.text, json.dumps(mail.answer)] for mail in mails)
    return written.getvalue()


def as_jsonl(mails: Iterable[Mail]) -> str:
    """Mails with their answers, a line each."""
    return lines(*({"text": mail.text, "answer": json.dumps(mail.answer)} for mail in mails))


def write_project(folder: Path, mails: Iterable[Mail]) -> Path:
    """Write calls, the schema as a file, as a class and in settings."""
    (folder / "schemas").mkdir(parents=True)
    (folder / "schemas" / "mail.json").write_text(json.dumps(SHORT_SCHEMA))
    (folder / "shop_models.py").write_text(MODELS)
    (folder / "calls.csv").write_text(as_csv(mails))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a task was distilled whose schema is a file."""
    folder = write_project(tmp_path_factory.mktemp("project"), make_short_mails(ENOUGH))
    schema = ("--schema", "schemas/mail.json")
    calls = ("--calls", "calls.csv", "--json")
    done = run("distill", "mail", *calls, *schema, *LINEAR, folder=folder)
    (folder / "result.json").write_bytes(done.stdout)
    return folder


@pytest.fixture(scope="module")
def result(project: Path) -> JsonObject:
    """What was printed."""
    found: JsonObject = orjson.loads((project / "result.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with too few calls to distil from."""
    return write_project(tmp_path_factory.mktemp("few"), make_short_mails(FEW))


@pytest.fixture
def here(few: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, as the one in which this process runs."""
    monkeypatch.chdir(few)
    monkeypatch.delenv("LOCUM_HOME", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return few


def typed(*arguments: str, code: int = 0) -> Result:
    """Run a command in this process, and check its exit code."""
    done = CliRunner().invoke(app, arguments)
    error = done.exception
    found = error.exit_code if isinstance(error, LocumError) else done.exit_code
    assert found == code, (done.output, error)
    return done


def refusal(*arguments: str) -> str:
    """Return the message of wrong usage, from a command that is run in this process."""
    done = typed(*arguments, code=UsageError.exit_code)
    assert isinstance(done.exception, UsageError)
    assert done.stdout == ""
    return str(done.exception)


def cells(line: str) -> list[str]:
    """Return what stands in the cells of a line of a table."""
    return [cell.strip() for cell in line.split("│")[1:-1]]


def printed(text: str | bytes) -> JsonObject:
    """Return the one object that was printed."""
    found: JsonObject = orjson.loads(text)
    return found


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, in which this process runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCUM_HOME", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_distill_prints_one_object_with_the_documented_keys(
    result: JsonObject, project: Path
) -> None:
    assert result["task"] == "mail"
    assert result["kind"] == "extraction"
    assert result["decision"]["verdict"] == "distil"
    assert {"family", "size_bytes", "p50_us", "train_seconds"} <= set(result["student"])
    assert result["certificate"]["target"] == 0.85
    assert result["certificate"]["coverage"] > 0.8
    assert result["test"]["agreement"]["value"] == result["agreement"] > 0.8
    fields = {field["path"]: field for field in result["fields"]}
    assert {path: field["kind"] for path, field in fields.items()} == {
        "intent": "closed",
        "urgent": "closed",
        "number": "spans",
        "summary": "written",
    }
    assert fields["intent"]["certificate"]["target"] == 0.85
    assert fields["summary"]["certificate"] is None
    assert [one["path"] for one in result["alignment"]["fields"]] == ["number"]
    assert result["data"]["inputs"] == ENOUGH
    assert (result["data"]["problems"], result["data"]["repairs"]) == ([], {})
    assert result["teacher"]["name"] == "recorded answers"
    assert (project / result["report"]).is_file()
    assert (project / result["artefact"] / "extractor.json").is_file()


def test_only_the_task_is_left_behind(project: Path, result: JsonObject) -> None:
    assert result["report"] == ".locum/mail/report.html"
    assert [path.name for path in (project / ".locum").iterdir()] == ["mail"]
    left = {path.name for path in (project / ".locum" / "mail").iterdir()}
    assert left == {"student", "report.html"}


def test_the_report_is_one_page_without_script_or_network(
    project: Path, result: JsonObject
) -> None:
    html = (project / result["report"]).read_text("utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "https://" not in html
    assert "src=" not in html
    assert "default-src 'none'" in html
    assert f"{100 * result['certificate']['coverage']:.1f}%" in html
    for field in result["fields"]:
        assert f'<th scope="row">{field["path"]}</th>' in html


def test_predict_prints_an_object_its_confidence_and_the_way(
    project: Path,
) -> None:
    mails = make_short_mails(12, seed=8)
    typed = run("predict", "mail", *(mail.text for mail in mails), "", folder=project).stdout
    shown = [line.split("\t") for line in typed.decode().splitlines()]
    assert len(shown) == 13
    for (said, confidence, way), mail in zip(shown[:-1], mails, strict=True):
        assert 0 <= float(confidence) <= 1
        assert way in {"answered", "deferred"}
        assert way == "deferred" or json.loads(said) == mail.answer
    assert sum(way == "answered" for _, _, way in shown) > 6
    assert shown[-1][2] == "deferred"
    stdin = "\n".join(mail.text for mail in mails).encode() + b"\n\n"
    assert run("predict", "mail", folder=project, stdin=stdin).stdout == typed


def test_predict_prints_one_object_a_line(project: Path, tmp_path: Path) -> None:
    (mail,) = make_short_mails(1, seed=9)
    (tmp_path / "more.csv").write_text(as_csv([mail]))
    arguments = ("--inputs", str(tmp_path / "more.csv"), "--json", "--partial")
    found = printed(typed("predict", str(project / ".locum" / "mail"), *arguments).stdout)
    assert set(found) == {"answer", "confidence", "answered", "fields"}
    assert found["answered"] is True
    assert found["answer"] == mail.answer
    assert set(found["fields"]) == {"intent", "urgent", "number", "summary"}
    assert found["fields"]["urgent"]["value"] is mail.answer["urgent"]
    assert set(found["fields"]["urgent"]) == {"value", "confidence", "accepted"}


def test_free_text_is_code_3_and_partial_gives_single_fields(empty: Path) -> None:
    mails = make_short_mails(ENOUGH, summarised=1.0)
    (empty / "calls.jsonl").write_text(as_jsonl(mails))
    (empty / "mail.json").write_text(json.dumps(SHORT_SCHEMA))
    calls = ("--calls", "calls.jsonl", "--schema", "mail.json", *LINEAR, "-q")
    refused = run("distill", "mail", *calls, folder=empty, code=3)
    said = refused.stderr.decode()
    assert "summary is written by the teacher in 100% of its answers" in said
    assert "--leave-out summary makes a student without" in said
    assert "report: .locum/mail/report.html" in said
    assert "free text" in refused.stdout.decode()
    assert [path.name for path in (empty / ".locum" / "mail").iterdir()] == ["report.html"]

    found = printed(typed("distill", "mail", *calls, "--partial", "--json").stdout)
    assert found["decision"]["verdict"] == "distil"
    assert found["certificate"] is None
    assert found["test"]["coverage"] is None
    assert (empty / found["artefact"]).is_dir()

    texts = [mail.text for mail in make_short_mails(10, seed=8, summarised=1.0)]
    deferred = [line.split("\t") for line in typed("predict", "mail", *texts).stdout.splitlines()]
    assert {way for _, _, way in deferred} == {"deferred"}
    shown = typed("predict", "mail", *texts, "", "--partial").stdout.splitlines()
    *told, blank = (line.split("\t") for line in shown)
    assert blank[::2] == ["{}", "deferred"]
    ways = [(set(json.loads(said)), way) for said, _, way in told]
    assert all((way == "partial") == bool(fields) for fields, way in ways)
    assert set().union(*(fields for fields, _ in ways)) <= {"intent", "urgent", "number"}
    assert sum(way == "partial" for _, way in ways) > 5
    alone = printed(typed("predict", "mail", texts[0], "--partial", "--json").stdout)
    assert alone["answered"] is False
    assert all(field["accepted"] for field in alone["fields"].values())
    assert set(alone["fields"]) < set(SHORT_SCHEMA["properties"])


def test_settings_give_the_schema_and_what_is_left_out_and_a_table_is_printed(
    tmp_path: Path,
) -> None:
    write_project(tmp_path / "shop", make_short_mails(ENOUGH, summarised=1.0))
    (tmp_path / "shop" / "locum.toml").write_text(TOML)
    calls = ("--calls", "shop/calls.csv", "--config", "shop/locum.toml")
    done = run("distill", "mail", *calls, *LINEAR, folder=tmp_path)
    shown = done.stdout.decode()
    rows = {row[0]: row for row in map(cells, shown.splitlines()) if len(row) == 6}
    assert rows["intent"][1:3] == ["told", "100.0%"]
    assert rows["urgent"][1:3] == ["told", "100.0%"]
    assert rows["number"][1] == "read"
    assert "summary" not in shown
    assert "agrees where it answers" in shown
    assert "Distil: the student may answer" in shown
    assert "predict mail 'a text'" in shown
    assert "note: the student's answers have no summary, as was asked for" in done.stderr.decode()
    assert "training" in done.stderr.decode()
    assert b"\x1b[" not in done.stdout + done.stderr
    card = (tmp_path / ".locum" / "mail" / "student" / "README.md").read_text("utf-8")
    assert r"Say what the mail is about\." in card
    assert "Left out of them: `summary`." in card


def test_a_class_of_a_module_in_the_folder_is_a_schema(few: Path) -> None:
    calls = ("--calls", "calls.csv", "--schema", "shop_models:Mail", "--leave-out", "summary")
    done = run("distill", "mail", *calls, *LINEAR, "--json", folder=few, code=3)
    found = printed(done.stdout)
    assert b"not enough inputs" in done.stderr
    assert found["decision"]["verdict"] == "collect_more"
    assert found["artefact"] is None
    others = [mail.answer["intent"] for mail in make_short_mails(FEW)]
    wrong = sum(intent not in {"refund", "delivery"} for intent in others)
    assert 0 < wrong < FEW
    assert sum(problem["answers"] for problem in found["data"]["problems"]) == wrong
    assert all(one["problem"].startswith("intent: ") for one in found["data"]["problems"])
    assert any("no summary, as was asked for" in one for one in found["data"]["warnings"])


def test_without_a_schema_it_is_inferred_and_that_is_said(here: Path) -> None:
    done = typed("distill", "inferred", "--calls", "calls.csv", *LINEAR, "--json", code=3)
    said, *_ = printed(done.stdout)["data"]["warnings"]
    assert said.startswith(f"the schema was inferred from {FEW} answers (intent, urgent, number)")
    assert said.endswith("--schema gives another")
    assert (here / ".locum" / "inferred" / "report.html").is_file()


def record(number: int, mail: Mail, message: JsonObject, **asked: object) -> JsonObject:
    """A line of a log."""
    told = [{"role": "system", "content": "Say it."}, {"role": "user", "content": mail.text}]
    return {
        "request": {"model": "gpt-4.1-nano", "messages": told, **asked},
        "response": {
            "id": f"chatcmpl-{number:032d}",
            "created": 1_790_000_000 + number,
            "model": "gpt-4.1-nano",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 20},
        },
    }


def formatted(mails: Sequence[Mail]) -> str:
    """A log of calls that ask for a schema."""
    form = {"type": "json_schema", "json_schema": {"name": "mail", "schema": SHORT_SCHEMA}}
    return lines(
        *(
            record(
                number,
                mail,
                {"role": "assistant", "content": json.dumps(mail.answer)},
                response_format=form,
            )
            for number, mail in enumerate(mails)
        )
    )


def called(mails: Sequence[Mail]) -> str:
    """A log of calls that are answered by the one tool that there is."""
    function = {"name": "note", "parameters": SHORT_SCHEMA}
    tools = [{"type": "function", "function": function}]

    def message(mail: Mail) -> JsonObject:
        said = {"name": "note", "arguments": json.dumps(mail.answer)}
        call = {"id": "call_1", "type": "function", "function": said}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    return lines(
        *(record(number, mail, message(mail), tools=tools) for number, mail in enumerate(mails))
    )


def test_recorded_calls_bring_their_schema(empty: Path) -> None:
    (empty / "log.jsonl").write_text(formatted(make_short_mails(ENOUGH)))
    typed("import", "log.jsonl", "--task", "mail")
    found = printed(typed("distill", "mail", *LINEAR, "--json").stdout)
    assert found["decision"]["verdict"] == "distil"
    assert found["teacher"]["name"] == "gpt-4.1-nano"
    assert found["teacher"]["cost_per_1000_usd"] > 0
    assert found["data"]["by_time"] is True
    assert "the schema is that of the recorded calls" in found["data"]["warnings"]
    assert {field["path"] for field in found["fields"]} == set(SHORT_SCHEMA["properties"])
    kinds = {field["path"]: field["fields"][0]["reason"] for field in found["fields"]}
    assert kinds["intent"] == f"the schema lists {len(INTENTS)} values"
    manifest = orjson.loads((empty / found["artefact"] / "manifest.json").read_bytes())
    assert manifest["redaction"] is not None
    assert manifest["task"]["answer_schema"] == SHORT_SCHEMA


def test_the_arguments_of_the_one_tool_are_the_answers(empty: Path) -> None:
    (empty / "log.jsonl").write_text(called(make_short_mails(FEW)))
    typed("import", "log.jsonl", "--task", "mail")
    found = printed(typed("distill", "mail", *LINEAR, "--json", code=3).stdout)
    assert found["decision"]["verdict"] == "collect_more"
    assert (found["data"]["inputs"], found["data"]["problems"]) == (FEW, [])
    assert "the schema is that of the recorded calls" in found["data"]["warnings"]


def test_text_beside_a_tool_call_is_not_the_answer(empty: Path) -> None:
    log = called(make_short_mails(FEW)).replace('"content": null', '"content": "I will note it."')
    assert "I will note it." in log
    (empty / "log.jsonl").write_text(log)
    typed("import", "log.jsonl", "--task", "mail")
    found = printed(typed("distill", "mail", *LINEAR, "--json", code=3).stdout)
    assert (found["data"]["inputs"], found["data"]["problems"]) == (FEW, [])


def test_a_tool_that_is_offered_and_not_called_makes_no_json(empty: Path) -> None:
    tools = [{"type": "function", "function": {"name": "note", "parameters": SHORT_SCHEMA}}]
    log = (
        record(n, mail, {"role": "assistant", "content": mail.answer["intent"]}, tools=tools)
        for n, mail in enumerate(make_short_mails(FEW))
    )
    (empty / "log.jsonl").write_text(lines(*log))
    typed("import", "log.jsonl", "--task", "mail")
    assert "kind" not in printed(typed("distill", "mail", *LINEAR, "--json", code=3).stdout)


CALLS = ("distill", "mail", "--calls", "calls.csv", "--schema", "schemas/mail.json")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--student", "static"], "no student 'static' answers in JSON"),
        (["--student", "oracle"], "no student 'oracle' answers in JSON"),
        (["--student", "linear,cascade"], "no student 'cascade' answers in JSON"),
        (["--coverage", "80"], "coverage 80.0: expected a number above 0 and at most 1"),
        (["--coverage", "0.5", *LINEAR], "leave one of them out"),
        (["--encoder", "./absent"], "encoder './absent' does not exist"),
        (["--embeddings", "here"], "--embeddings cannot be used where answers are JSON"),
        (["--leave-out", "mood"], "leave out 'mood', which the schema's object does not have"),
        (["--schema", "absent.json"], "there is no schema 'absent.json'"),
        (["--schema", "absent:Mail"], "No module named 'absent'"),
        (["--schema", "shop_models:Letter"], "has no attribute 'Letter'"),
        (["--schema", "shop_models:Literal"], "is no schema"),
        (["--schema", "calls.csv"], "is no JSON"),
        (["--target", "1.5"], "target 1.5"),
        (["--seed", "-1"], "seed -1"),
        (["--minimum-coverage", "2"], "minimum coverage 2"),
        (["--budget", "5"], "--budget and --priced-as are about what --teacher costs"),
    ],
)
def test_options_that_cannot_be_used_are_refused(arguments: list[str], said: str) -> None:
    assert said in refusal(*CALLS, *arguments)


def test_a_schema_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    (tmp_path / "city.json").write_text(orjson.dumps(schema).decode(), "utf-8-sig")
    assert load_schema("city.json", tmp_path) == schema


def test_a_file_that_holds_no_schema_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"type": "obj')
    with pytest.raises(UsageError, match=r"/half\.json: the schema .* is no JSON"):
        load_schema("half.json", tmp_path)


def test_a_schema_that_cannot_be_distilled_is_refused_at_once(few: Path) -> None:
    calls = ("--calls", "calls.csv", "--schema", "shop_models:Open")
    done = run("distill", "other", *calls, folder=few, code=2)
    said = done.stderr.decode()
    assert "the schema cannot be used, because of 2 fields:" in said
    assert "- notes has open keys" in said
    assert "- more is a list of lists" in said
    assert done.stdout == b""
    assert not (few / ".locum" / "other").exists()


def test_lists_of_objects_are_refused_with_what_to_ask_for(here: Path) -> None:
    rows = [
        {"text": mail.text, "answer": json.dumps([mail.answer, {"intent": "none"}])}
        for mail in make_short_mails(30)
    ]
    (here / "lists.jsonl").write_text(lines(*rows))
    said = refusal("distill", "lists", "--calls", "lists.jsonl")
    assert "30 of 30 answers are lists of objects" in said
    assert 'ask for an object that holds the list, as in {"items": [...]}' in said


@pytest.mark.parametrize("option", [["--partial"], ["--leave-out", "summary"]])
def test_options_of_json_are_refused_where_answers_are_labels(
    here: Path, option: list[str]
) -> None:
    rows = [{"text": one.text, "answer": one.answer} for one in make_examples(30)]
    (here / "labels.jsonl").write_text(lines(*rows))
    for labels in ([], ["--labels", ",".join(LABELS)]):
        said = refusal("distill", "topics", "--calls", "labels.jsonl", *labels, *option)
        assert f"{option[0]} is for answers in JSON, and these are labels" in said


def test_a_student_of_labels_gives_no_part_of_its_answer(tmp_path: Path) -> None:
    examples = make_examples(60)
    soft_labels = np.eye(len(LABELS))[[LABELS.index(one.answer or "") for one in examples]]
    model = LinearStudent(LABELS).fit([one.text for one in examples], soft_labels)
    certificate = Certificate(0.5, 0.9, 0.95, 0.5, 1.0, 0.9, 0.9, 100, 50, 0)
    CertifiedStudent(make_task(), model, 1.0, certificate, "m").save(tmp_path / "labels")
    folder = str(tmp_path / "labels")
    assert "--partial is for answers in JSON" in refusal("predict", folder, "a", "--partial")
    assert typed("predict", folder, "a").stdout.split("\t")[0] in LABELS


@pytest.mark.parametrize(
    "command",
    [
        ["label", "mail", "--inputs", "calls.csv"],
        ["generate", "mail", "--inputs", "calls.csv"],
        ["relabel", "mail", "--calls", "calls.csv", "--output", "soft.jsonl"],
    ],
    ids=lambda command: command[0],
)
def test_commands_of_labels_refuse_a_task_of_json(here: Path, command: list[str]) -> None:
    (here / "other.toml").write_text(TOML)
    teacher = ("--teacher", "http://127.0.0.1:9/v1", "--model", "m", "--config", "other.toml")
    said = refusal(*command, *teacher)
    assert "task 'mail' answers in JSON, and this takes tasks that answer with labels" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('schema = "mail.json"\nlabels = ["a", "b"]', "neither labels nor examples"),
        ('schema = "mail.json"\n[tasks.mail.examples]\n"a" = "b"', "neither labels nor examples"),
        ('labels = ["a", "b"]\nleave_out = ["a"]', "leave_out with a schema alone"),
        ('instruction = "Say it."', "answers in free text: a student that writes is made from"),
        ('schema = "absent.json"', "absent.json': expected a file that holds a JSON Schema"),
        ('schema = "schemas/mail.json"\nleave_out = ["mood"]', "leave out 'mood'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "locum.toml").write_text(f"[tasks.mail]\n{content}\n")
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "mail.json").write_text(json.dumps(SHORT_SCHEMA))
    config = ("--config", str(tmp_path / "locum.toml"))
    assert said in refusal("distill", "mail", "--calls", "calls.csv", *config)


def test_an_answer_may_be_an_object_in_jsonl(here: Path) -> None:
    rows = ({"text": mail.text, "answer": mail.answer} for mail in make_short_mails(FEW))
    (here / "objects.jsonl").write_text(lines(*rows))
    done = typed("distill", "objects", "--calls", "objects.jsonl", *LINEAR, "--json", code=3)
    assert orjson.loads(done.stdout)["data"]["inputs"] == FEW


@pytest.mark.parametrize("name", [":Order", ".x:Y", "broken_module:Mail", "none:Mail"])
def test_odd_schema_names_are_refused(here: Path, name: str) -> None:
    (here / "broken_module.py").write_text("class Mail(:\n")
    assert "schema" in refusal("distill", "mail", "--calls", "calls.csv", "--schema", name)


def test_a_schema_may_be_given_as_it_is(here: Path) -> None:
    calls = ("--calls", str(here / "calls.csv"))
    schema = json.dumps(SHORT_SCHEMA)
    done = typed("distill", "mail", *calls, "--schema", schema, *LINEAR, "--json", code=3)
    assert orjson.loads(done.stdout)["kind"] == "extraction"
