"""``locum audit`` as a user runs it."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from locum.promotion import Framer, read_plan
from locum.store import CallStore, PromotionStore, ShadowStore, Tally, open_database
from locum.traffic.split_request import SplitRequest, split_request
from tests.audit_traffic import WORDS, make_call, make_traffic, phrase, system, user
from tests.commands import in_json, locum, refusal, run
from tests.test_report import XSS, check_page
from tests.traffic import make_examples

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from locum.schema import Call

ROUTE = "Which team should answer? Say billing, shipping or returns."
GUIDE = " ".join(
    f"Rule {word}: letters about {word} matters go to the team that {word} belongs to."
    for word in WORDS[:8]
)
COIN = "Toss a coin for the letter: heads or tails."


class Shown(NamedTuple):
    """An audit for people."""

    table: str
    page: str


def route_calls(count: int, start: int = 0) -> list[Call]:
    """Calls of a task that a small student learns."""
    return [
        make_call(
            start + number,
            [system(ROUTE), user(example.text)],
            example.answer,
            day=number * 28 / count,
        )
        for number, example in enumerate(make_examples(count, noise=0.005))
    ]


def letter_calls(count: int, start: int) -> list[Call]:
    """The same task with its prompt in the message, which is much longer than the letters."""
    return [
        make_call(
            start + number,
            [user(f"Sort a letter.\n{GUIDE}\n\nLetter: {example.text}\n\nTeam:")],
            example.answer,
            day=number * 28 / count,
        )
        for number, example in enumerate(make_examples(count, noise=0.005, seed=start))
    ]


def coin_calls(count: int, start: int) -> list[Call]:
    """Calls of a task that nothing learns."""
    generator = random.Random(1)  # noqa: S311 - no secret
    return [
        make_call(
            start + number,
            [system(COIN), user(phrase(generator))],
            generator.choice(["heads", "tails"]),
            day=number * 28 / count,
        )
        for number in range(count)
    ]


def texts_calls(kinds: Iterable[str], each: int) -> list[Call]:
    return [one.call for one in make_traffic(dict.fromkeys(kinds, each))]


def fill(home: Path, calls: Iterable[Call]) -> Path:
    home.mkdir(exist_ok=True)
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).add(list(calls))
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with calls of five tasks."""
    place = tmp_path_factory.mktemp("audited") / "home"
    calls = [*route_calls(700), *letter_calls(600, 3_000), *coin_calls(320, 2_000)]
    return fill(place, [*calls, *texts_calls(["poem", "talk"], 60)])


@pytest.fixture(scope="module")
def audited(home: Path) -> dict[str, Any]:
    """What an audit of it says."""
    found: dict[str, Any] = in_json(home, "audit", "--quiet")
    return found


@pytest.fixture(scope="module")
def shown(home: Path) -> Shown:
    """The same as a table, and as a report."""
    page = home / "deep" / "audit.html"
    table = locum(home, "audit", "--quiet", "--html", str(page), columns=100)
    return Shown(table, page.read_text("utf-8"))


def task_of(audited: dict[str, Any], begin: str) -> dict[str, Any]:
    [task] = [task for task in audited["tasks"] if task["name"].startswith(begin)]
    return dict(task)


def test_tasks_are_ranked_by_what_they_save(audited: dict[str, Any]) -> None:
    assert audited["ranked_by"] == "dollars"
    verdicts = [task["verdict"] for task in audited["tasks"]]
    assert verdicts == ["distil"] * 2 + ["do_not_distil"] * 3


def test_a_task_that_a_student_learns_is_worth_distilling(audited: dict[str, Any]) -> None:
    task = audited["tasks"][0]
    assert task["instruction"] == ROUTE
    probe, saving = task["probe"], task["saving"]["dollars_a_month"]
    low, high = probe["now"]["interval"]
    assert low <= probe["now"]["coverage"] <= high
    assert probe["now"]["chance"] >= 0.8
    cost = task["volume"]["cost_a_month_usd"]
    assert saving["value"] == pytest.approx(0.98 * cost * probe["now"]["coverage"])
    assert (saving["low"], saving["high"]) == pytest.approx((0.98 * cost * low, 0.98 * cost * high))
    assert task["months_to_break_even"] == 0
    assert "a month" in task["reason"]


def test_inputs_in_a_long_prompt_are_no_copies_of_each_other(audited: dict[str, Any]) -> None:
    measured = {task["found_by"]: task["measures"] for task in audited["tasks"][:2]}
    assert measured["prompt"]["near_duplicates"] < 0.1
    assert [task["probe"]["inputs"] > 0.9 * 600 for task in audited["tasks"][:2]] == [True] * 2


def test_a_task_that_nothing_learns_is_not(audited: dict[str, Any]) -> None:
    task = task_of(audited, "toss-coin")
    assert task["probe"]["agreement"] < 0.7
    assert task["saving"] is None
    assert "too diverse" in task["reason"]


def test_what_no_student_answers_is_not_probed(audited: dict[str, Any]) -> None:
    assert "free text" in task_of(audited, "write-short")["reason"]
    [talk] = [task for task in audited["tasks"] if task["found_by"] == "conversation"]
    assert "reads the last message alone" in talk["reason"]


def test_the_table_is_readable_in_a_hundred_columns(shown: Shown) -> None:
    assert max(map(len, shown.table.splitlines())) <= 100
    assert "Distil now" in shown.table
    assert "next     locum distill " in shown.table


@pytest.mark.parametrize("place", [0, 1])
def test_an_audited_task_is_distilled_promoted_and_recognised(
    home: Path, audited: dict[str, Any], place: int
) -> None:
    name, probe = audited["tasks"][place]["name"], audited["tasks"][place]["probe"]
    result = in_json(home, "distill", name, "--student", "linear", "--quiet")
    assert result["decision"]["verdict"] == "distil"
    low, high = probe["now"]["interval"]
    assert low <= result["certificate"]["coverage"] <= high
    in_json(home, "promote", name)
    with open_database(home / "locum.sqlite") as database:
        promotion = PromotionStore(database).find(name)
    assert promotion is not None
    recognition = read_plan(promotion).recognition
    for number, make in enumerate((route_calls, letter_calls, coin_calls)):
        split = split_request(make(1, 9_000)[0].request)
        assert isinstance(split, SplitRequest)
        assert recognition.admits(Framer().frame(split.rest), split.text) is (number == place)


def test_one_task_is_judged_by_its_name(home: Path, audited: dict[str, Any]) -> None:
    name = task_of(audited, "toss-coin")["name"]
    [task] = in_json(home, "audit", name, "--no-probe", "--quiet")["tasks"]
    assert (task["name"], task["verdict"], task["probe"]) == (name, "unknown", None)
    assert "no task 'other'" in refusal(home, "audit", "other", "--quiet")


def test_tasks_with_few_calls_are_left_out(home: Path) -> None:
    shown = in_json(home, "audit", "--no-probe", "--min-calls", "200", "--quiet")
    assert [task["volume"]["calls"] for task in shown["tasks"]] == [700, 600, 320]


def test_filters_choose_the_calls(home: Path) -> None:
    assert "wider filters" in refusal(home, "audit", "--model", "other", "--quiet")
    assert "expected a number in (0, 1)" in refusal(
        home, "audit", "--target", "2", "--quiet", code=2
    )


def test_without_prices_tasks_are_ranked_by_calls(tmp_path: Path) -> None:
    calls = [
        call._replace(facts=replace(call.facts, cost_usd=None))
        for call in [*coin_calls(100, 0), *texts_calls(["poem"], 60)]
    ]
    home = fill(tmp_path / "home", calls)
    found = in_json(home, "audit", "--no-probe", "--quiet")
    assert found["ranked_by"] == "calls"
    assert [task["volume"]["calls"] for task in found["tasks"]] == [100, 60]
    done = run("audit", "--no-probe", "--home", str(home), folder=tmp_path)
    assert b"no call has a known cost" in done.stderr


def test_calls_of_no_task_are_not_said_to_have_no_cost(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", coin_calls(4, 0))
    done = run("audit", "--no-probe", "--quiet", "--home", str(home), folder=tmp_path)
    assert b"no task: 4 calls, $" in done.stdout
    assert done.stderr == b""


def test_an_empty_store_is_refused_with_the_cure(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", [])
    assert "locum gateway" in refusal(home, "audit", "--quiet")
    assert "locum import" in refusal(tmp_path / "none", "audit", "--quiet")


def test_one_call_is_no_task(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", coin_calls(1, 0))
    found = in_json(home, "audit", "--quiet")
    assert found["tasks"] == []
    [other] = found["others"]
    assert other["calls"] == 1
    assert other["reason"] in locum(home, "audit", "--quiet")


def test_calls_without_answers_are_counted_and_never_probed(tmp_path: Path) -> None:
    calls = [call._replace(response={"choices": []}) for call in coin_calls(60, 0)]
    home = fill(tmp_path / "home", calls)
    [task] = in_json(home, "audit", "--quiet")["tasks"]
    assert task["verdict"] in {"do_not_distil", "collect_more"}
    assert task["measures"]["refused"] == 1


def test_where_no_call_has_an_answer_no_day_is_told(tmp_path: Path) -> None:
    failed = [
        call._replace(facts=replace(call.facts, outcome="failed")) for call in coin_calls(20, 0)
    ]
    page = tmp_path / "audit.html"
    home = fill(tmp_path / "home", failed)
    found = in_json(home, "audit", "--quiet", "--html", str(page))
    assert (found["calls"], found["first"], found["last"]) == (20, None, None)
    assert '<p class="lede">A student' in page.read_text("utf-8")


def test_exact_repetitions_are_to_be_cached(tmp_path: Path) -> None:
    calls = [
        make_call(
            number, [system("Write a poem."), user(f"of {number % 40} words, {word}")], answer
        )
        for number, word, answer in (
            (number, "green " * (number % 40), phrase(random.Random(number)))  # noqa: S311
            for number in range(200)
        )
    ]
    home = fill(tmp_path / "home", calls)
    [task] = in_json(home, "audit", "--quiet")["tasks"]
    assert task["verdict"] == "cache"
    assert task["measures"]["repeated"] == pytest.approx(0.8)
    saved = task["saving"]["dollars_a_month"]["value"]
    assert saved == pytest.approx(0.8 * task["volume"]["cost_a_month_usd"])


def test_a_store_that_is_damaged_is_named(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", coin_calls(60, 0))
    place = home / "locum.sqlite"
    place.write_bytes(b"no database at all" * 100)
    assert str(place) in refusal(home, "audit", "--quiet")


# The report.


def test_the_report_is_one_page_without_script(shown: Shown) -> None:
    assert "svg" in check_page(shown.page).tags
    assert "Distil now" in shown.page
    assert "<mark>varies</mark>" in shown.page
    assert shown.page.count('class="task"') == 5


def test_nothing_that_a_prompt_says_becomes_markup(tmp_path: Path) -> None:
    hostile = " ".join(XSS)
    calls = [
        make_call(number, [system(f"{hostile} Say it."), user(f"{text} {hostile}")], label)
        for number, (text, label) in enumerate(
            (phrase(random.Random(number)), XSS[number % 3])  # noqa: S311 - no secret
            for number in range(80)
        )
    ]
    home = fill(tmp_path / "home", calls)
    page = tmp_path / "audit.html"
    locum(home, "audit", "--quiet", "--html", str(page))
    html = page.read_text("utf-8")
    check_page(html)
    assert "alert(1)" in html
    assert "<script>alert" not in html


def test_a_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "audit.html", tmp_path, "."):
        # Of a store that is not there nothing is said yet.
        refused = refusal(tmp_path / "none", "audit", "--quiet", "--html", str(place))
        assert f"{place} cannot be written" in refused


@pytest.mark.parametrize("body", ["x'00112233'", "CAST('[1, 2]' AS BLOB)", "CAST('7' AS BLOB)"])
def test_bodies_that_are_damaged_are_left_out_and_counted(tmp_path: Path, body: str) -> None:
    home = fill(tmp_path / "home", coin_calls(60, 0))
    with sqlite3.connect(home / "locum.sqlite") as store:
        store.execute(f"UPDATE bodies SET request = {body} WHERE number % 3 = 0")  # noqa: S608
    store.close()
    page = tmp_path / "audit.html"
    found = in_json(home, "audit", "--no-probe", "--quiet", "--html", str(page))
    assert found["damaged"] == 20
    assert [task["volume"]["read"] for task in found["tasks"]] == [40]
    assert found["tasks"][0]["volume"]["calls"] == 60
    assert "20 calls could not be read" in page.read_text("utf-8")


def test_an_instruction_that_varies_is_to_be_changed_before_it_is_distilled(tmp_path: Path) -> None:
    calls = [
        make_call(
            number,
            [system(f"It is 2026-03-01 10:{number % 60:02}:{number // 60:02}. {ROUTE}"), *rest],
            response["choices"][0]["message"]["content"],
        )
        for number, (_, request, response) in enumerate(route_calls(500))
        if response is not None
        for rest in [request["messages"][1:]]
    ]
    [task] = in_json(fill(tmp_path / "home", calls), "audit", "--quiet")["tasks"]
    assert task["verdict"] == "change_prompt"
    assert task["measures"]["recognised"] == 0
    assert task["probe"]["now"]["chance"] >= 0.8


def test_a_field_that_no_student_learns_is_to_be_left_out(tmp_path: Path) -> None:
    generator = random.Random(1)  # noqa: S311 - no secret
    calls = []
    for number in range(120):
        team = ("billing", "delivery")[number % 2]
        why = f"it is about {phrase(generator)}"
        messages = [system("Route the letter, in JSON."), user(f"{team} {phrase(generator, 3, 6)}")]
        calls.append(make_call(number, messages, json.dumps({"why": why, "team": team})))
    home, page = fill(tmp_path / "home", calls), tmp_path / "audit.html"
    options = ("audit", "--quiet", "--target", "0.8", "--confidence", "0.8")
    table = locum(home, *options, "--html", str(page), columns=100)
    [task] = in_json(home, *options)["tasks"]
    assert (task["verdict"], task["probe"]["left_out"]) == ("leave_out", ["why"])
    assert "Leave fields out" in table
    assert table.endswith(f"next     locum distill {task['name']} --leave-out why\n")
    shown = page.read_text("utf-8")
    check_page(shown)
    assert "Leave fields out" in shown
    assert "calls, without why: small students agree" in shown


def test_a_task_is_known_by_the_beginning_of_its_fingerprint(tmp_path: Path) -> None:
    home = fill(tmp_path / "home", [*coin_calls(30, 1_000), *route_calls(30)])
    whole = in_json(home, "audit", "--quiet", "--no-probe")["tasks"]
    assert len(whole) == 2
    digits = coin_calls(1, 0)[0].facts.fingerprint[:6]
    [task] = in_json(home, "audit", digits, "--quiet", "--no-probe")["tasks"]
    assert task == next(one for one in whole if one["name"] == task["name"])
    assert f"no task '{digits[:5]}'" in refusal(home, "audit", digits[:5], "--quiet")


def test_the_calls_of_a_task_are_had_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [make_call(n, [user(f"Sort a letter.\n{n} {ROUTE}")], "post") for n in range(30)]
    verses = [make_call(n, [user(f"{n} rhymes. Rhyme on!")], "verse") for n in range(40, 80)]
    home = fill(tmp_path / "home", [*letters, *verses])
    tasks = in_json(home, "audit", "--quiet", "--no-probe")["tasks"]
    name = next(one["name"] for one in tasks if one["volume"]["calls"] == 30)
    assert letters[0].facts.fingerprint == verses[0].facts.fingerprint
    whole = locum(home, "calls", "export", "--task", name)
    assert {json.loads(line)["id"] for line in whole.splitlines()} == {
        one.facts.id for one in letters
    }
    listed = locum(home, "calls", "--task", name, "--limit", "100", "--json")
    assert len(listed.splitlines()) == 30
    [total] = locum(home, "calls", "totals", "--task", name, "--json").splitlines()
    assert json.loads(total)["calls"] == 30
    monkeypatch.setattr("locum.store.MOST_IDS", 35)
    named = [one._replace(facts=replace(one.facts, task=name)) for one in route_calls(30, 500)]
    fill(home, named)
    assert len(locum(home, "calls", "--task", name, "--limit", "100", "--json").splitlines()) == 60
    many = next(one["name"] for one in tasks if one["volume"]["calls"] == 40)
    assert "more than 35 calls" in refusal(home, "calls", "totals", "--task", many, code=2)
    assert "60 calls deleted" in locum(home, "calls", "delete", "--task", name, "--yes")
    assert len(locum(home, "calls", "--limit", "100", "--json").splitlines()) == 40


def test_a_task_that_a_student_answers_is_not_to_be_distilled_next(tmp_path: Path) -> None:
    home, easy = fill(tmp_path / "home", route_calls(100)), ("--target", "0.6", "--quiet")
    before = in_json(home, "audit", *easy)
    [task] = before["tasks"]
    assert (task["verdict"], task["student"]) == ("distil", None)
    with open_database(home / "locum.sqlite") as database:
        PromotionStore(database).promote(task["name"], "aa", {}, {}, percent=100.0, shadow=0.02)
        tally = Tally(task["name"], "aa", 1_760_000_000.0, "", "student", 40, 0.04)
        ShadowStore(database).add_tallies([tally])
    page = tmp_path / "audit.html"
    table = locum(home, "audit", *easy, "--html", str(page))
    said = "student answers 100% of its calls since 2025-10-09"
    assert "in 140 calls" in table
    assert f"note: a {said}" in table
    assert "next " not in table
    assert f"<li>A {said}" in page.read_text("utf-8")
    [again] = in_json(home, "audit", *easy)["tasks"]
    assert said in again["notes"][0]
    assert again["student"] == {
        "task": task["name"],
        "state": "active",
        "since": 1_760_000_000.0 // 3600 * 3600,
        "calls": 40,
        "answered": 40,
        "counted": True,
    }
    assert again["volume"]["cost_usd"] == pytest.approx(0.14)
    ours, theirs = again["probe"], task["probe"]
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_a_terminal_is_told_nothing_by_names_and_prompts(tmp_path: Path) -> None:
    name = "sort \x1b[2J\x07\N{RIGHT-TO-LEFT OVERRIDE}[bold]größe 東京"
    calls = [call._replace(facts=replace(call.facts, task=name)) for call in coin_calls(60, 0)]
    home = fill(tmp_path / "home", calls)
    table = locum(home, "audit", "--no-probe", "--quiet")
    assert not {"\x1b", "\x07", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(table)
    assert "[bold]größe 東京: " in table
    [task] = in_json(home, "audit", "--no-probe", "--quiet")["tasks"]
    assert task["name"] == name


# Code beside traffic.

ROUTER = f"""from openai import OpenAI

client = OpenAI()
ROUTE = "{ROUTE}"


def route(text: str) -> str:
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[{{"role": "system", "content": ROUTE}}, {{"role": "user", "content": text}}],
    )
    return answer.choices[0].message.content


def other(text: str) -> str:
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[{{"role": "user", "content": f"Translate into French, word by word: {{text}}"}}],
    )
    return answer.choices[0].message.content
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "router.py").write_text(ROUTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tasks_name_the_code_that_makes_their_calls(home: Path, code: Path) -> None:
    found = in_json(home, "audit", "--no-probe", "--quiet", "--code", "app")
    [route] = [task for task in found["tasks"] if task["instruction"] == ROUTE]
    assert route["code"] == [{"path": "app/router.py", "line": 8, "rules": ["closed-answer"]}]
    assert all(task["code"] == [] for task in found["tasks"] if task is not route)
    assert [place["line"] for place in found["code_of_no_task"]] == [16]
    coin = task_of(found, "toss-coin")["name"]
    one = in_json(home, "audit", coin, "--no-probe", "--quiet", "--code", "app")
    assert one["code_of_no_task"] == found["code_of_no_task"]
    page = code / "audit.html"
    told = locum(home, "audit", "--no-probe", "--quiet", "--code", "app", "--html", str(page))
    assert "  code: app/router.py:8 closed-answer\n" in told
    assert "no task: calls in code at app/router.py:16\n" in told
    assert "app/router.py:8 (closed-answer)" in page.read_text()


def test_without_code_nothing_is_said_of_it(audited: dict[str, Any]) -> None:
    assert audited["code_of_no_task"] is None


def test_code_that_is_not_there_is_refused(home: Path) -> None:
    assert "nothing to scan at 'nowhere'" in refusal(home, "audit", "--code", "nowhere")
