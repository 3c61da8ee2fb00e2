"""The command line: what it prints where, its exit codes, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from locum.cli.kept_files import check_folder
from locum.cli.options import parse_duration, parse_size
from locum.cli.places import task_folder
from locum.cli.task_inputs import Given, declare_task, mind_answers
from locum.config import Settings
from locum.errors import ArtefactError, UsageError
from locum.schema import Example
from locum.store import CallStore, open_database
from tests.call_samples import make_call
from tests.commands import refusal, run
from tests.traffic import LABELS, make_examples

ROOT = Path(__file__).parent.parent
TEXT = "the courier lost my parcel"
LINEAR = ("--student", "linear")


def write_calls(path: Path, count: int, **options: float) -> Path:
    """Write traffic as CSV."""
    rows = [f"{e.text},{e.answer},{e.human or ''}" for e in make_examples(count, **options)]  # type: ignore[arg-type]
    path.write_text("text,answer,human\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a task was distilled."""
    folder = tmp_path_factory.mktemp("project")
    calls = write_calls(folder / "calls.csv", 900)
    done = run("distill", "support", "--calls", str(calls), "--json", folder=folder)
    (folder / "result.json").write_bytes(done.stdout)
    return folder


def test_distill_prints_one_object_with_the_documented_keys(project: Path) -> None:
    result = orjson.loads((project / "result.json").read_bytes())
    assert {"family", "size_bytes", "p50_us"} <= set(result["student"])
    assert {
        "threshold",
        "target",
        "confidence",
        "coverage",
        "agreement",
        "lower_bound",
        "all_requests",
    } <= set(result["certificate"])
    assert 0 < result["agreement"] <= 1
    assert result["decision"]["verdict"] == "distil"
    assert (project / result["report"]).is_file()
    assert (project / result["artefact"] / "manifest.json").is_file()


def test_only_the_task_is_left_behind(project: Path) -> None:
    assert {path.name for path in (project / ".locum").iterdir()} == {"support"}
    assert {path.name for path in (project / ".locum" / "support").iterdir()} == {
        "student",
        "report.html",
    }


def test_predict_prints_one_object_a_line(project: Path) -> None:
    done = run("predict", "support", TEXT, "qqq", "--json", folder=project)
    first, second = (orjson.loads(line) for line in done.stdout.splitlines())
    assert set(first) == {"label", "confidence", "answered"}
    assert first["label"] == "shipping"
    assert first["answered"] is True
    assert second["answered"] is False


def test_predict_reads_standard_input_files_and_paths(project: Path) -> None:
    typed = run("predict", "support", TEXT, folder=project).stdout
    assert typed.split(b"\t")[0] == b"shipping"
    assert typed.rstrip().endswith(b"answered")
    assert run("predict", "support", folder=project, stdin=TEXT.encode()).stdout == typed
    (project / "more.txt").write_text(f"{TEXT}\n")
    assert run("predict", "support", "--inputs", "more.txt", folder=project).stdout == typed
    assert run("predict", "./.locum/support/student", TEXT, folder=project).stdout == typed


def test_predict_keeps_a_line_for_each_line(project: Path) -> None:
    done = run("predict", "support", folder=project, stdin=b"one\n\nthree\r\n\0four\n")
    assert len(done.stdout.splitlines()) == 4


def test_predict_goes_on_where_bytes_are_no_text(project: Path) -> None:
    done = run("predict", "support", folder=project, stdin=b"fine\ncaf\xe9\nmore\n\xff\n")
    assert len(done.stdout.splitlines()) == 4
    assert b"2 lines of standard input not in UTF-8, the first on line 2" in done.stderr


def test_a_changed_student_is_refused(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "student"
    source = project / ".locum" / "support" / "student"
    copy.mkdir()
    for path in source.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "student.json").write_bytes(b"{}")
    done = run("predict", f"{copy}/", TEXT, folder=project, code=1)
    assert b"is not the file that was saved" in done.stderr


def test_a_table_goes_to_standard_output_and_progress_elsewhere(tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.csv", 1200)
    done = run("distill", "support", "--calls", str(calls), *LINEAR, folder=tmp_path)
    assert b"agrees where it answers" in done.stdout
    assert b"predict support" in done.stdout
    assert b"trying l2" in done.stderr
    assert b"trying l2" not in done.stdout
    assert b"\x1b[" not in done.stdout + done.stderr


def test_the_ladder_says_what_was_tried_and_what_was_not(project: Path, tmp_path: Path) -> None:
    rungs = orjson.loads((project / "result.json").read_bytes())["frontier"]
    names = ["linear", "static", "cascade", "frozen-encoder", "encoder", "ensemble"]
    assert [rung["name"] for rung in rungs] == names
    assert [rung["chosen"] for rung in rungs] == [True] + [False] * 5
    assert set(rungs[0]["figures"]) == {
        "foreseen_coverage",
        "standard_error",
        "agreement",
        "accuracy",
        "size_bytes",
        "mean_us",
        "p50_us",
        "train_seconds",
    }
    assert [rung["figures"] for rung in rungs[1:]] == [None] * 5
    assert all(rung["reason"] for rung in rungs)
    calls = write_calls(tmp_path / "calls.csv", 1200)
    done = run("distill", "support", "--calls", str(calls), "--coverage", "0.5", folder=tmp_path)
    assert b"(chosen)" in done.stdout
    assert (
        b"not tried: static, cascade, frozen-encoder, encoder, ensemble: not needed" in done.stdout
    )
    assert b"student linear" in done.stderr


def test_one_student_alone_has_no_ladder(tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.csv", 1200)
    arguments = [*LINEAR, "-q", "--max-size", "20MB", "--time", "10m"]
    done = run("distill", "support", "--calls", str(calls), *arguments, folder=tmp_path)
    assert b"ladder" not in done.stdout
    assert b"linear is the student that was asked for" in b" ".join(done.stdout.split())
    assert done.stderr.startswith(b"note: ")


@pytest.mark.parametrize(
    ("given", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), (" 1d ", 86_400)]
)
def test_durations(given: str, seconds: float) -> None:
    assert parse_duration("--time", given) == seconds


@pytest.mark.parametrize("given", ["", "10", "ten minutes", "-5m", "0s", "10M", "1m30s", "inf"])
def test_no_durations(given: str) -> None:
    with pytest.raises(UsageError, match=r"such as 90s, 10m or 1\.5h"):
        parse_duration("--time", given)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("20MB", 20_000_000),
        ("500kB", 500_000),
        ("1.5MiB", 1_572_864),
        ("1 gb", 10**9),
        ("7B", 7),
    ],
)
def test_sizes(given: str, size: int) -> None:
    assert parse_size("--max-size", given) == size


@pytest.mark.parametrize(
    "given", ["", "20", "MB", "-1MB", "0kB", "20M", "20MB!", "1e3MB", "9" * 40]
)
def test_no_sizes(given: str) -> None:
    with pytest.raises(UsageError, match=r"such as 500kB, 20MB or 1\.5MiB"):
        parse_size("--max-size", given)


def test_no_promise_no_student_and_code_3(tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.csv", 90)
    done = run("distill", "support", "--calls", str(calls), "--json", folder=tmp_path, code=3)
    result = orjson.loads(done.stdout)
    assert result["decision"]["verdict"] == "collect_more"
    assert result["decision"]["more_inputs"] > 100
    assert result["student"] is result["certificate"] is result["artefact"] is None
    assert b"more inputs would do" in done.stderr
    assert (tmp_path / result["report"]).is_file()
    assert not (tmp_path / ".locum" / "support" / "student").exists()


def test_skipped_rows_are_counted_with_their_lines(tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.csv", 1200)
    with calls.open("ab") as file:
        file.write(b"nul \0 here,billing,\nonly one field\n")
    arguments = [*LINEAR, "-q", "--json"]
    done = run("distill", "support", "--calls", str(calls), *arguments, folder=tmp_path)
    warnings = " ".join(orjson.loads(done.stdout)["data"]["warnings"])
    assert "1 row skipped: the text holds a NUL character (line 1202)" in warnings
    assert "expected 3 fields, as in the header (line 1203)" in warnings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", b"is empty"),
        (b"text,answer\n", b"is empty"),
        (b"text,answer\n" + b"a text,yes\n" * 9, b"every answer is 'yes'"),
        (b"foo,bar\n1,2\n", b"no column of texts (columns: foo, bar)"),
        ("text,answer\ncafé,yes\n".encode("latin-1"), b"--encoding cp1252"),
        (b'text,answer\n"open,yes\n', b"not valid CSV"),
        (b"text\njust a text\n", b"no row has a teacher's answer"),
    ],
)
def test_a_bad_file_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, content: bytes, said: bytes
) -> None:
    (tmp_path / "calls.csv").write_bytes(content)
    done = run("distill", "support", "--calls", "calls.csv", folder=tmp_path, code=1)
    assert said in done.stderr
    assert done.stdout == b""
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["distill", "support", "--calls", "a.csv", "--inputs", "b.csv"], b"give either --calls"),
        (["distill", "../x", "--calls", "calls.csv"], b"task name '../x' cannot be used"),
        (["distill", "support", "--calls", "calls.csv", "--target", "1.5"], b"target 1.5"),
        (["distill", "support", "--calls", "calls.csv", "--student", "oracle"], b"'oracle'"),
        (["distill", "support", "--calls", "calls.csv", "--priced-as", "gpt-4o"], b"--priced-as"),
        (["distill", "support", "--calls", "calls.csv", "--seed", "-1"], b"seed -1"),
        (["distill", "support", "--calls", "calls.csv", "--time", "soon"], b"--time 'soon'"),
        (["distill", "support", "--calls", "calls.csv", "--max-size", "9"], b"--max-size '9'"),
        (["distill", "support", "--calls", "calls.csv", "--coverage", "80"], b"coverage 80"),
        (["distill", "support", "--inputs", "calls.csv"], b"--inputs needs a teacher"),
        (
            ["distill", "support", "--inputs", "calls.csv", "--teacher", "http://127.0.0.1:1/v1"],
            b"30 of 30 inputs came with an answer",
        ),
        (["distill", "support", "--calls", "calls.csv", "--column", "text"], b"KIND=NAME"),
        (["distill", "support", "--calls", "calls.csv", "--encoding", "klingon"], b"'klingon'"),
        (["distill", "support", "--calls", "calls.csv", "--unknown"], b"No such option"),
    ],
)
def test_wrong_usage_is_code_2(tmp_path: Path, arguments: list[str], said: bytes) -> None:
    write_calls(tmp_path / "calls.csv", 30)
    assert said in run(*arguments, folder=tmp_path, code=2).stderr


def test_inputs_with_answers_are_said_where_a_teacher_is_to_be_asked() -> None:
    known, open_ = Example("a", answer="yes"), Example("b")
    given = Given([open_], "file", ["one"], columns={"text": "text"})
    assert mind_answers(given, "gpt") == given
    given = Given([known, open_], "file", ["one"], columns={"text": "text", "answer": "label"})
    assert mind_answers(given._replace(columns={}), "gpt").notes == ["one"], "recorded calls"
    first, said = mind_answers(given, "gpt").notes
    assert first == "one"
    assert said.startswith("1 of 2 inputs came with an answer in column 'label'")
    assert said.endswith(
        "gpt is not asked about them; where it is people's, say so: --column human=label"
    )


def test_answers_of_several_lines_are_told_and_are_no_labels() -> None:
    lines = "cash\n\nThe letter speaks of notes, of coins and of a till."
    answers = [*["cash", "card"] * 5, lines, lines]
    examples = [Example(str(number), answer) for number, answer in enumerate(answers)]
    declared = declare_task("letters", Settings(), None, None, Given(examples, "file", []))
    assert declared.task.labels == ("card", "cash")
    assert declared.notes == [
        f"2 answers are of several lines, such as {lines[:60]!r}, and a label is one line"
    ]


def test_without_a_file_calls_must_have_been_recorded(tmp_path: Path) -> None:
    done = run("distill", "support", folder=tmp_path, code=1)
    assert b"there is no store of calls" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ('off = ["emial"]', b"'emial' is no kind"),
        ('patterns = {ORDER = "("}', b"the pattern 'ORDER' is no"),
    ],
)
def test_a_mistake_in_redaction_is_found_before_anything_is_done(
    tmp_path: Path, declared: str, said: bytes
) -> None:
    calls = write_calls(tmp_path / "calls.csv", 10)
    (tmp_path / "locum.toml").write_text(f"[redaction]\n{declared}\n", "utf-8")
    done = run("distill", "support", "--calls", str(calls), folder=tmp_path, code=2)
    assert b"locum.toml: redaction: " + said in done.stderr
    assert not (tmp_path / ".locum").exists()


def test_a_standard_stream_that_is_closed_is_empty(tmp_path: Path) -> None:
    closing = ["sh", "-c", 'exec "$0" -m locum import - <&- >&-', sys.executable]
    done = subprocess.run(closing, cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"no call was found in -" in done.stderr
    assert b"Traceback" not in done.stderr


def test_settings_that_cannot_be_read_are_not_passed_over(tmp_path: Path) -> None:
    settings = tmp_path / "locum.toml"
    settings.mkdir()
    assert b"locum.toml cannot be read: Is a dir" in run("calls", folder=tmp_path, code=2).stderr
    settings.rmdir()
    settings.symlink_to("nowhere")
    assert b"locum.toml cannot be read: No such" in run("calls", folder=tmp_path, code=2).stderr
    settings.unlink()
    assert b"there is no store" in run("calls", folder=tmp_path, code=1).stderr


def test_an_unreachable_teacher_is_a_clear_error(tmp_path: Path) -> None:
    write_calls(tmp_path / "inputs.csv", 30)
    teacher = ["--teacher", "http://127.0.0.1:9/v1", "--model", "m", "--labels", ",".join(LABELS)]
    (tmp_path / "texts.txt").write_text("one text\nanother text\n")
    done = run("distill", "support", "--inputs", "texts.txt", *teacher, folder=tmp_path, code=1)
    assert b"cannot be reached" in done.stderr
    assert b"check that the server runs" in done.stderr


def test_an_unknown_task_says_what_to_do(tmp_path: Path) -> None:
    done = run("predict", "support", TEXT, folder=tmp_path, code=1)
    assert b"distil the task first" in done.stderr


def test_the_version(tmp_path: Path) -> None:
    assert run("--version", folder=tmp_path).stdout.startswith(b"locum ")


def test_the_documented_help_is_current() -> None:
    documented = (ROOT / "docs" / "cli.md").read_text("utf-8")
    current = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "document_cli.py"), "--print"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert documented == current, "docs/cli.md is stale: run python scripts/document_cli.py"


def test_a_student_that_is_refused_later_answers_no_more(tmp_path: Path) -> None:
    good = write_calls(tmp_path / "good.csv", 1200)
    bad = write_calls(tmp_path / "bad.csv", 600, noise=1.0)
    run("distill", "support", "--calls", str(good), *LINEAR, "-q", folder=tmp_path)
    done = run("distill", "support", "--calls", str(bad), *LINEAR, "-q", folder=tmp_path, code=3)
    assert b"answers no more" in done.stderr
    run("predict", "support", TEXT, folder=tmp_path, code=1)
    assert (tmp_path / ".locum" / "support" / "student.previous" / "manifest.json").is_file()


def test_predict_takes_a_folder_without_a_slash_and_a_column(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / ".locum" / "support" / "student", tmp_path / "my-student")
    (tmp_path / "more.csv").write_text(f"message,when\n{TEXT},yesterday\n,today\n")
    arguments = ["--inputs", "more.csv", "--column", "text=message"]
    lines = run("predict", "my-student", *arguments, folder=tmp_path).stdout.splitlines()
    assert lines[0].startswith(b"shipping")
    assert lines[1].endswith(b"deferred"), "an empty text is never answered"


def test_settings_of_other_things_do_the_same_wherever_they_lie(tmp_path: Path) -> None:
    calls = str(write_calls(tmp_path / "calls.csv", 40))
    said = []
    for name in ("locum.toml", "other.toml"):
        (tmp_path / name).write_text('[tasks.routes]\nlabels = ["a", "b"]\n')
        given = () if name == "locum.toml" else ("--config", name)
        done = run(
            "distill", "support", "--calls", calls, *given, "--json", folder=tmp_path, code=3
        )
        said.append(orjson.loads(done.stdout)["data"]["warnings"])
        (tmp_path / name).unlink()
    assert said[0] == said[1]
    declared = "the settings declare no task 'support' (declared: routes): its labels are those"
    assert any(declared in one for one in said[0])


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--votes", "3"), "--votes says how a teacher is asked, and none is named"),
        (("--parameter", "seed=7"), "--parameter says how a teacher is asked"),
        (("--batch",), "--batch says how a teacher is asked"),
    ],
)
def test_how_a_teacher_is_asked_needs_a_teacher(
    flags: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    calls = str(write_calls(tmp_path / "calls.csv", 40))
    said = refusal(tmp_path, "distill", "support", "--calls", calls, "-q", *flags, code=2)
    assert named in said


@pytest.mark.parametrize(
    ("flags", "named"),
    [(("--column", "text=question"), "'text=question'"), (("--encoding", "latin-1"), "'latin-1'")],
)
def test_what_is_said_of_a_file_needs_a_file(
    flags: tuple[str, str], named: str, project: Path, tmp_path: Path
) -> None:
    asked = ("--teacher", "https://api.example/v1", "--model", "m")
    commands = (
        ("distill", "support"),
        ("label", "support", *asked),
        ("relabel", "support", *asked),
        ("generate", "support", *asked, "--n", "3"),
        ("predict", str(project / ".locum" / "support" / "student"), TEXT),
    )
    for command in commands:
        said = refusal(tmp_path, *command, *flags, code=2)
        assert f"{flags[0]} {named} is about a file, and none is given" in said


PRINT_JSON = "from locum.cli.output import print_json; print_json({'label': '\u914d\u9001'})"


def test_json_is_utf_8_whatever_the_encoding_of_standard_output(tmp_path: Path) -> None:
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add([make_call("\u914d\u9001")])
    for code in (["-c", PRINT_JSON], ["-m", "locum", "calls", "show", "\u914d"]):
        done = subprocess.run(
            [sys.executable, *code],
            env=os.environ | {"LOCUM_HOME": str(tmp_path), "PYTHONIOENCODING": "cp1252"},
            capture_output=True,
            check=True,
        )
        assert "\u914d\u9001" in str(orjson.loads(done.stdout))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", [("--version",), ("calls", "export")])
def test_an_output_without_room_is_told_in_a_sentence(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add([make_call("a")])
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "locum", *command],
            env=os.environ | {"LOCUM_HOME": str(tmp_path)},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"locum: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("name", ["report.html", "student"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(name: str, tmp_path: Path) -> None:
    calls = str(write_calls(tmp_path / "calls.csv", 300))
    (tmp_path / "support" / name / "other").mkdir(parents=True)
    home = ("--home", str(tmp_path))
    done = run("distill", "support", "--calls", calls, *LINEAR, *home, folder=tmp_path, code=1)
    assert f"support/{name}" in done.stderr.decode()
    assert b"training" not in done.stderr
    assert [path.name for path in (tmp_path / "support").iterdir()] == [name]


def test_a_place_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    check_folder(task_folder("support", tmp_path / "home"))
    assert not [*tmp_path.iterdir()]
    (tmp_path / "file").touch()
    with pytest.raises(ArtefactError, match="student cannot be written: Not a directory"):
        check_folder(task_folder("support", tmp_path / "file"))


def test_a_result_without_its_report_is_printed(tmp_path: Path) -> None:
    write_calls(tmp_path / "calls.csv", 40)
    distill = [
        sys.executable,
        "-m",
        "locum",
        "distill",
        "support",
        "--calls",
        "calls.csv",
        "--json",
    ]
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *distill],
        cwd=tmp_path,
        env=os.environ | {"LOCUM_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert orjson.loads(done.stdout)["decision"]["verdict"] != "distil"
    assert b"note: the result has no report: " in done.stderr
    assert not [*(tmp_path / "support").iterdir()]
