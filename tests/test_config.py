"""Reading of ``locum.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from locum.config import GatewaySettings, StudentSettings, TeacherSettings, load_settings, load_task
from locum.errors import UsageError
from locum.schema import OwnPrice

ROOT = Path(__file__).parent.parent


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "locum.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path, name: str = "topics") -> str:
    with pytest.raises(UsageError) as caught:
        load_task(path, name)
    message = str(caught.value)
    assert str(path) in message
    return message


def test_labels_as_a_list(tmp_path: Path) -> None:
    path = write(tmp_path, '[tasks.topics]\nlabels = ["card", "cash"]\n')
    task = load_task(path, "topics")
    assert task.name == "topics"
    assert task.labels == ("card", "cash")
    assert task.instruction == "Classify the text."
    assert task.descriptions == {}
    assert task.examples == {}


def test_labels_as_a_table_with_examples(tmp_path: Path) -> None:
    content = """
        [tasks.topics]
        instruction = "Say what it is about."
        labels = { cash = "coins and notes", card = "" }
        [tasks.topics.examples]
        "I lost a note" = "cash"
        "Where is my card?" = "card"
    """
    task = load_task(write(tmp_path, content), "topics")
    assert task.labels == ("cash", "card")
    assert task.descriptions == {"cash": "coins and notes", "card": ""}
    assert task.instruction == "Say what it is about."
    assert list(task.examples.items()) == [("I lost a note", "cash"), ("Where is my card?", "card")]


def test_all_tasks_of_a_file_in_their_order(tmp_path: Path) -> None:
    content = '[tasks.b]\nlabels = ["x", "y"]\n[tasks.a]\nlabels = ["yes", "no"]\n'
    assert list(load_settings(write(tmp_path, content)).tasks) == ["b", "a"]


def test_a_file_without_tasks_declares_none(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    assert load_settings(path).tasks == {}
    assert "(declared: none)" in refusal(path)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('[tasks.topics]\nlabels = ["a", "b"]\nlabel = "x"\n', "tasks.topics.label:"),
        ('[task.topics]\nlabels = ["a", "b"]\n', "task:"),
        ('[tasks.topics]\nexamples = {x = "y"}\n', "tasks.topics: expected labels"),
        ('[tasks.topics]\nlabels = "a, b"\n', "tasks.topics.labels"),
        ('[tasks.topics]\nlabels = ["a", 2]\n', "tasks.topics.labels"),
        ('[tasks.topics]\nlabels = ["a", "b"]\ninstruction = 7\n', "tasks.topics.instruction:"),
        ('[tasks.topics]\nlabels = ["a", "b"]\nexamples = ["x"]\n', "tasks.topics.examples:"),
        ("[tasks.topics\n", "line 1"),
        ('[tasks.topics]\nlabels = ["a",\n\n= 3\n', "line 4"),
    ],
    ids=[
        "unknown key",
        "unknown table",
        "no labels",
        "labels as string",
        "a number as label",
        "number as instruction",
        "examples as list",
        "unclosed table",
        "broken list",
    ],
)
def test_refusals_name_the_file_and_the_place(tmp_path: Path, content: str, place: str) -> None:
    assert place in refusal(write(tmp_path, content))


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '[tasks.topics]\nlabels = ["caf\u00e9", "b"]\n'.encode("latin-1"))
    assert "not valid TOML" in refusal(path)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf[tasks.topics]\nlabels = ["a", "b"]\n')
    assert load_task(path, "topics").labels == ("a", "b")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '[teachers.a]\napi_key = "{0}"\n',
            "teachers.a.api_key: no such key: expected one of url,",
        ),
        (
            '[gateway.applications.web]\nkey = "{0}"\n',
            "gateway.applications.web.key_env: Field req",
        ),
        ('[gateway.applications]\nweb = "{0}"\n', "gateway.applications.web: Input should be"),
        ('[gateway]\nkeys = ["{0}"]\n', "gateway.keys: no such key: expected one of host, port"),
        ('[task.sup]\nkey = "{0}"\n', "task: no such key: expected one of tasks, teachers, prices"),
        ('[tasks.sup]\nlabls = ["{0}"]\n', "tasks.sup.labls: no such key: expected one of instr"),
        ('[teachers]\na = ["{0}"]\n', "teachers.a: Input should be"),
        ('[teachers.a]\nparameters = ["{0}"]\n', "teachers.a.parameters: Input should be"),
    ],
)
def test_what_may_be_a_secret_is_not_told(content: str, told: str, tmp_path: Path) -> None:
    message = refusal(write(tmp_path, content.format("sk-proj-SECRET123")))
    assert told in message
    assert "SECRET" not in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[prices.gpt-4.1]\ninput = 1\noutput = 2\n", '[prices."gpt-4.1"]'),
        ("[tasks.v1.2]\nlabels = ['a', 'b']\n", '[tasks."v1.2"]'),
        ("[gateway.upstreams.my.own]\nurl = 'http://h'\n", '[gateway.upstreams."my.own"]'),
    ],
)
def test_a_name_that_its_dot_divides_is_told_with_its_quotes(
    content: str, told: str, tmp_path: Path
) -> None:
    assert refusal(write(tmp_path, content)).endswith(f"; quote a name that holds a dot: {told}")


def test_a_table_that_no_name_divides_is_told_without_quotes(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "[gateway.limit]\ncalls = 5\n"))
    assert message.endswith(
        "no such key: expected one of " + ", ".join(GatewaySettings.model_fields)
    )


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "9" * 5000], ids=["deep", "long"])
def test_a_value_without_end_is_no_toml(value: str, tmp_path: Path) -> None:
    assert "is not valid TOML" in refusal(write(tmp_path, f"x = {value}\n"))


def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = write(tmp_path, '[tasks.topics]\nlabels = ["a", "b"]\n')
    assert load_task(str(path), "topics") == load_task(path, "topics")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "locum.toml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_an_undeclared_task_is_refused_with_those_that_are_declared(tmp_path: Path) -> None:
    content = '[tasks.b]\nlabels = ["x", "y"]\n[tasks.a]\nlabels = ["yes", "no"]\n'
    message = refusal(write(tmp_path, content), "topics")
    assert "'topics'" in message
    assert "(declared: b, a)" in message


def test_labels_that_break_the_rules_of_a_task_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '[tasks.topics]\nlabels = ["a", "A"]\n')
    with pytest.raises(UsageError, match="'topics' has the labels 'a' and 'A'"):
        load_task(path, "topics")


def test_teachers_and_prices(tmp_path: Path) -> None:
    content = """
        [teachers.cheap]
        url = "https://api.example.com/v1"
        model = "small-1"
        votes = [3, 8]
        parameters = { reasoning_effort = "low", max_tokens = "none" }
        requests_per_minute = 500
        [teachers.both]
        panel = ["cheap", "other"]
        [teachers.other]
        local = "some/model"
        [prices."small-1"]
        input = 0.5
        output = 2
        [prices.free]
        input = 0
        output = 0
        cached_input = 0
    """
    settings = load_settings(write(tmp_path, content))
    assert settings.teachers["cheap"] == TeacherSettings(
        url="https://api.example.com/v1",
        model="small-1",
        votes=[3, 8],
        parameters={"reasoning_effort": "low", "max_tokens": "none"},
        requests_per_minute=500,
    )
    assert settings.teachers["both"].panel == ["cheap", "other"]
    assert settings.teachers["other"].local == "some/model"
    assert settings.prices == {
        "small-1": OwnPrice(0.5, 2.0),
        "free": OwnPrice(0.0, 0.0, 0.0),
    }


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("urll = 'x'", "teachers.t.urll:"),
        ("votes = [3]", "teachers.t.votes:"),
        ("votes = [0, 8]", "teachers.t.votes.0:"),
        ("api = 'cohere'", "teachers.t.api:"),
        ("top_logprobs = 21", "teachers.t.top_logprobs:"),
        ("temperature = -0.5", "teachers.t.temperature:"),
        ("concurrency = 0", "teachers.t.concurrency:"),
        ("requests_per_minute = 0", "teachers.t.requests_per_minute:"),
        ("timeout_seconds = inf", "teachers.t.timeout_seconds:"),
        ("batch = 'yes'", "teachers.t.batch:"),
    ],
)
def test_a_wrong_line_of_a_teacher_is_named(tmp_path: Path, line: str, place: str) -> None:
    assert place in refusal(write(tmp_path, f"[teachers.t]\n{line}\n"))


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("input = 1", "prices.m.output:"),
        ("input = -1\noutput = 1", "prices.m.input:"),
        ("input = 1\noutput = inf", "prices.m.output:"),
        ("input = 1\noutput = 1\ncached = 1", "prices.m.cached:"),
    ],
)
def test_a_wrong_price_is_named(tmp_path: Path, lines: str, place: str) -> None:
    assert place in refusal(write(tmp_path, f"[prices.m]\n{lines}\n"))


def test_the_demo_declares_six_labels() -> None:
    task = load_task(ROOT / "demo" / "locum.toml", "questions")
    assert sorted(task.labels) == [
        "abbreviation",
        "description",
        "entity",
        "human",
        "location",
        "number",
    ]
    assert set(task.descriptions) == set(task.labels)
    assert set(task.examples.values()) == set(task.labels)


def test_what_students_are_made_from(tmp_path: Path) -> None:
    path = write(tmp_path, '[students]\nencoder = "models/small"\nembeddings = "models/static"\n')
    assert load_settings(path).students == StudentSettings(
        encoder="models/small", embeddings="models/static"
    )
    assert load_settings(write(tmp_path, "")).students == StudentSettings()
    with pytest.raises(UsageError, match=r"students\.encoder"):
        load_settings(write(tmp_path, "[students]\nencoder = 5\n"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data/calls.sqlite", "{folder}/data/calls.sqlite"),
        ("/var/calls.sqlite", "/var/calls.sqlite"),
        ("postgresql://db/locum", "postgresql://db/locum"),
    ],
)
def test_a_stores_file_is_looked_for_from_the_folder_of_the_settings(
    url: str, expected: str, tmp_path: Path
) -> None:
    settings = load_settings(write(tmp_path, f'[store]\nurl = "{url}"\n'))
    assert settings.store.url == expected.format(folder=tmp_path)
