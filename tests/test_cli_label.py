"""``locum label`` as a user runs it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import orjson
import pytest

from locum.cli.output import dollars
from tests.asking import TASK
from tests.charging_server import MODEL, ChargingServer, label_of
from tests.commands import run
from tests.label_runs import LabelProject, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[ChargingServer]:
    with ChargingServer() as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, server: ChargingServer) -> LabelProject:
    return LabelProject(tmp_path, server, texts_of(40))


def label(project: LabelProject, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run it on the project's inputs; return both streams."""
    command = ["label", "topics", "--inputs", "inputs.jsonl", *arguments]
    done = run(*command, folder=project.folder, code=code)
    return done.stdout.decode(), done.stderr.decode()


def rows(table: str) -> dict[str, str]:
    """Names and values of a table."""
    pairs = (line.split("  ", 1) for line in table.splitlines() if "  " in line)
    return {name.strip(): value.strip() for name, value in pairs}


def test_the_table_says_what_was_done(project: LabelProject) -> None:
    output, errors = label(project, "--teacher", "patient", "--budget", "1")
    table = rows(output)
    assert list(table) == [
        "answered with a label",
        "time",
        "spent",
        "next",
    ], "what did not happen is left out"
    assert table["answered with a label"] == "40"
    assert table["spent"].endswith("of $1.00")
    assert "40 calls to make, 0 answered before" in errors
    assert "at most $" in errors
    again, _ = label(project, "--teacher", "patient", "--budget", "1", "-q")
    assert rows(again)["known before"] == "40"
    assert rows(again)["saved by cache"] != "$0"
    assert project.server.calls == 40


def test_the_object_has_these_keys(project: LabelProject) -> None:
    output, errors = label(project, "--teacher", "patient", "--budget", "1", "--json", "-q")
    printed = orjson.loads(output)
    assert list(printed) == [
        "teacher",
        "texts",
        "labelled",
        "wanted",
        "cached",
        "cached_outside",
        "answered",
        "outside",
        "refused",
        "empty",
        "failed",
        "reasons",
        "unasked",
        "in_batches_usd",
        "assumed",
        "untold",
        "untold_usd",
        "spent_usd",
        "saved_by_cache_usd",
        "saved_by_batch_usd",
        "changes",
        "versions",
        "versions_before",
        "seconds",
        "spent_in_all_usd",
        "assumed_usd",
        "budget_usd",
        "notes",
    ]
    assert printed["teacher"] == MODEL
    assert printed["texts"] == printed["wanted"] == printed["answered"] == 40
    assert printed["spent_usd"] == pytest.approx(project.server.charged_usd)
    assert printed["spent_in_all_usd"] == pytest.approx(project.server.charged_usd)
    assert printed["versions"] == {f"{MODEL} fp_1": 40}
    assert errors == ""


def test_a_dry_run_buys_nothing_and_its_price_holds(project: LabelProject) -> None:
    output, _ = label(project, "--teacher", "patient", "--dry-run")
    assert rows(output)["inputs"] == "40"
    assert "at most $" in rows(output)["price"]
    output, _ = label(project, "--teacher", "patient", "--dry-run", "--json")
    plan = orjson.loads(output)
    assert project.server.arrivals == []
    assert not (project.folder / ".locum").exists()
    assert (plan["texts"], plan["calls"]) == (40, 40)
    assert plan["teachers"][0]["name"] == MODEL
    printed = project.run(budget=plan["worst_usd"])
    assert printed["answered"] == 40
    assert printed["spent_usd"] <= plan["worst_usd"]


def test_rows_that_are_left_out_are_told(project: LabelProject) -> None:
    with (project.folder / "inputs.jsonl").open("ab") as file:
        file.write(b'\n{"text": null}\n{broken\n')
    reason = "the text is missing or is not a string"
    for options in (["--dry-run"], ["--budget", "1", "-q"]):
        _, errors = label(project, "--teacher", "patient", *options)
        assert f"note: 1 row skipped: {reason}" in errors
        assert "note: 1 row skipped: not valid JSON" in errors
        output, _ = label(project, "--teacher", "patient", *options, "--json")
        assert any(reason in note for note in orjson.loads(output)["notes"])


def test_labels_come_with_their_probabilities(project: LabelProject) -> None:
    project.run()
    stored = project.stored()
    assert {text: answer.text for text, answer in stored.items()} == {
        text: label_of(text) for text in project.texts
    }
    assert stored[project.texts[0]].distribution == pytest.approx(
        (0.75, 0.2) if label_of(project.texts[0]) == TASK.labels[0] else (0.2, 0.75)
    )


def test_the_next_command_buys_nothing_anew(project: LabelProject) -> None:
    asked = ["--labels", "card,cash,other", "--instruction", "Say how it was paid."]
    asked += ["--parameter", "seed=7", "--top-logprobs", "3", "--model-version", "may"]
    output, _ = label(project, "--teacher", "patient", "--budget", "1", *asked, "-q")
    assert project.server.calls == 40
    _, _, following = rows(output)["next"].partition(" distill ")
    given = shlex.split(following)
    assert set(asked) < set(given)
    run("distill", *given, "--student", "linear", "-q", folder=project.folder, code=3)
    assert project.server.calls == 40


def test_the_next_command_of_recorded_calls_names_no_teacher(project: LabelProject) -> None:
    record = '{"request": {"model": "m", "messages": [{"role": "user", "content": "%s"}]}, '
    record += '"response": {"model": "m", "choices": [{"message": {"content": "%s"}}]}}'
    log = "\n".join(record % (text, label_of(text)) for text in project.texts)
    (project.folder / "log.jsonl").write_text(log, "utf-8")
    run("import", "log.jsonl", "--task", "topics", folder=project.folder)
    command = ["label", "topics", "--teacher", "patient", "--budget", "1", "-q"]
    output = run(*command, folder=project.folder).stdout.decode()
    assert rows(output)["next"].endswith(" distill topics")


def test_without_a_budget_the_price_is_said_and_nothing_bought(project: LabelProject) -> None:
    _, errors = label(project, "--teacher", "patient", code=2)
    assert "say what the answers may cost: --budget DOLLARS; the 40 calls to make of" in errors
    assert project.server.arrivals == []


def test_distill_buys_what_is_missing_only_within_a_budget(project: LabelProject) -> None:
    label(project, "--teacher", "patient", "--budget", "0.0013")
    bought = project.server.calls
    assert 0 < bought < 40
    made = ["distill", "topics", "--inputs", "inputs.jsonl", "--teacher", "patient"]
    refused = run(*made, folder=project.folder, code=2).stderr.decode()
    assert f"say what the answers may cost: --budget DOLLARS; the {40 - bought} calls" in refused
    assert f"--budget 0 takes the {bought} answers that are known" in refused
    assert project.server.calls == bought
    told = run(*made, "--budget", "0", folder=project.folder, code=3).stderr.decode()
    assert f"{40 - bought} calls to make, about $" in told
    assert f"0 calls answered, {40 - bought} not made: the budget ended, {bought} answers" in told
    assert project.server.calls == bought
    done = run(*made, "--budget", "1", "-q", "--json", folder=project.folder, code=3)
    spending = orjson.loads(done.stdout)["spending"]
    assert project.server.calls == 40
    assert spending["in_all_usd"] == pytest.approx(project.server.charged_usd)
    assert spending["spent_usd"] == pytest.approx(spending["in_all_usd"] * (40 - bought) / 40)
    assert spending["budget_usd"] == 1
    again = run(*made, folder=project.folder, code=3)
    assert rows(again.stdout.decode())["spent"].startswith("$0; in all $0.00")
    assert project.server.calls == 40


@pytest.mark.parametrize("budget", [(), ("--budget", "1")])
def test_an_unknown_model_asks_for_its_price(project: LabelProject, budget: tuple[str]) -> None:
    arguments = ["--teacher", project.server.url, "--model", "no-such-model-7b", *budget]
    _, errors = label(project, *arguments, code=2)
    assert '[prices."no-such-model-7b"]' in errors
    assert "--priced-as MODEL" in errors
    assert project.server.arrivals == []
    label(project, *arguments, "--priced-as", MODEL, "--budget", "1")
    assert project.server.calls == 40


def test_a_free_model_needs_no_budget(project: LabelProject) -> None:
    with (project.folder / "locum.toml").open("a") as settings:
        settings.write('[prices."free-model"]\ninput = 0\noutput = 0\n')
    label(project, "--teacher", project.server.url, "--model", "free-model")
    assert project.server.calls == 40


def test_a_budget_of_nothing_buys_nothing(project: LabelProject) -> None:
    output, errors = label(project, "--teacher", "patient", "--budget", "0", code=1)
    assert rows(output)["not asked: the budget ended"] == "40"
    assert "run again with a larger --budget to go on" in errors
    assert "no input has got a label" in errors
    assert project.server.arrivals == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say who is asked: --teacher URL and --model NAME"),
        (["--teacher", "patient", "--anew"], "--anew is about recorded calls"),
        (["--teacher", "nobody"], "a teacher of locum.toml (patient)"),
        (["--teacher", "http://127.0.0.1:1/v1"], "add --model NAME"),
        (["--teacher", "patient", "--budget", "-1"], "--budget"),
        (["--teacher", "patient", "--budget", "inf"], "expected an amount of US dollars"),
        (["--teacher", "patient", "--votes", "x"], "--votes 'x'"),
        (["--teacher", "patient", "--parameter", "seed"], "expected NAME=JSON"),
        (["--teacher", "patient", "--priced-as", "no-such-model-7b"], "no-such-model-7b"),
        (["--teacher", "patient", "--concurrency", "0"], "concurrency"),
    ],
)
def test_wrong_usage_is_code_2(project: LabelProject, arguments: list[str], message: str) -> None:
    _, errors = label(project, *arguments, code=2)
    assert message in errors
    assert project.server.arrivals == []


def test_a_task_that_is_not_declared_takes_its_labels_from_the_flag(
    project: LabelProject,
) -> None:
    (project.folder / "locum.toml").unlink()
    command = ["label", "other", "--inputs", "inputs.jsonl", "--teacher", project.server.url]
    command += ["--model", MODEL, "--priced-as", "gpt-4.1-nano", "--budget", "1", "--json"]
    done = run(*command, "--labels", "cash,card", folder=project.folder)
    assert orjson.loads(done.stdout)["answered"] == 40


def test_a_teacher_that_is_not_there_is_code_1(project: LabelProject) -> None:
    arguments = ["--teacher", "http://127.0.0.1:1/v1", "--model", MODEL, "--budget", "1"]
    _, errors = label(project, *arguments, code=1)
    assert "cannot be reached" in errors


def test_inputs_that_came_with_answers_are_not_asked_for(project: LabelProject) -> None:
    path = project.folder / "answered.csv"
    path.write_text("text,label\none,cash\ntwo,\nthree,\n", "utf-8")
    command = ["label", "topics", "--inputs", "answered.csv", "--teacher", "patient"]
    done = run(*command, "--budget", "1", "--json", folder=project.folder)
    printed = orjson.loads(done.stdout)
    assert printed["wanted"] == project.server.calls == 2
    (note,) = printed["notes"]
    assert note.startswith("1 of 3 inputs came with an answer in column 'label'")
    assert note.endswith("where it is people's, say so: --column human=label")
    path.write_text("text,label\none,cash\ntwo,card\n", "utf-8")
    done = run(*command, "--budget", "1", folder=project.folder, code=2)
    assert b"2 of 2 inputs came with an answer in column 'label'" in done.stderr
    run(*command, "--budget", "1", "--column", "human=label", folder=project.folder)
    assert project.server.charged == {"one": 1, "two": 1, "three": 1}


def test_votes_are_counted_into_probabilities(project: LabelProject) -> None:
    printed = project.run("--votes", "3-4")
    assert printed["wanted"] == printed["answered"] == project.server.calls >= 120
    assert printed["texts"] == printed["labelled"] == 40
    assert printed["teacher"] == f"the majority of 3 to 4 answers of {MODEL}"
    assert any(note.startswith("two answers of") for note in printed["notes"])
    output, _ = label(project, "--teacher", "patient", "--votes", "3-4", "--budget", "1")
    assert rows(output)["inputs with a label"] == "40"


def test_files_of_answers_and_an_api_are_a_panel(project: LabelProject) -> None:
    path = project.folder / "answers.csv"
    path.write_text("text,answer\n" + "".join(f"{t},cash\n" for t in project.texts), "utf-8")
    arguments = ["--teacher", "patient", "--teacher", "file:answers.csv"]
    output, _ = label(project, *arguments, "--budget", "1", "--json")
    printed = orjson.loads(output)
    assert printed["wanted"] == printed["answered"] == 80
    assert project.server.calls == 40


def test_a_run_in_which_no_input_gets_a_label_ends_with_code_1(project: LabelProject) -> None:
    (project.folder / "answers.csv").write_text("text,answer\nnobody asked,cash\n", "utf-8")
    command = ["label", "topics", "--inputs", "inputs.jsonl", "--teacher", "file:answers.csv"]
    done = run(*command, folder=project.folder, code=1)
    assert b"no input has got a label" in done.stderr
    assert b"40 missing: answers.csv has no answer to this text" in done.stderr


def test_the_plan_of_votes_says_how_many_there_may_be(project: LabelProject) -> None:
    options = ["--inputs", "inputs.jsonl", "--teacher", "patient", "--votes", "2-6"]
    done = run("label", "topics", *options, "--dry-run", "--json", folder=project.folder)
    planned = orjson.loads(done.stdout)
    assert (planned["calls"], planned["calls_at_most"]) == (80, 240)
    assert planned["likely_usd_at_most"] == pytest.approx(3 * planned["likely_usd"])
    assert planned["worst_usd"] > planned["likely_usd_at_most"]
    done = run("label", "topics", *options, folder=project.folder, code=2)
    least, most = (dollars(planned[key]) for key in ("likely_usd", "likely_usd_at_most"))
    assert f"take about {least} to {most}, and" in done.stderr.decode()


def test_options_of_a_cluster_need_workers(project: LabelProject) -> None:
    options = ["--inputs", "inputs.jsonl", "--teacher", "patient", "--ray-address", "auto"]
    done = run("label", "topics", *options, "--budget", "1", folder=project.folder, code=2)
    assert b"go with --workers" in done.stderr
