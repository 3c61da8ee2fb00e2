"""Functions around a call of a model: which calls are theirs, and how many are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scanning import found, scan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from openai import OpenAI\nclient = OpenAI()\n"
CREATE = (
    "client.chat.completions.create(model='gpt-4o', max_tokens=20, messages="
    "[{'role': 'system', 'content': p}, {'role': 'user', 'content': t}])"
)
LLM = (
    "class Asker:\n    def ask(self, p, t):\n        ...\n"
    f"class Llm(Asker):\n    def ask(self, p, t):\n        return {CREATE}\n"
)
METHOD = "    def f(self, t):\n        return "
OTHER = "class B{}:\n    def ask(self, p, t):\n        return p + t\n"
ASK = 'ask("Which team is meant? Answer with one of: billing, shipping", t)'
TYPESCRIPT = """import OpenAI from "openai";
const client = new OpenAI();
class Llm {
  async ask(p: string, t: string) {
    return client.chat.completions.create({ model: "gpt-4o", max_tokens: 20,
      messages: [{ role: "system", content: p }, { role: "user", content: t }] });
  }
}
"""


def lines_found(folder: Path, code: str, name: str = "code.py") -> list[int]:
    return sorted(line for _, line, rule in found(scan(folder, code, name)) if "closed" in rule)


@pytest.mark.parametrize(
    "body",
    [
        f"def f(db, t):\n    return db.{ASK}\n",
        f"import subprocess\ndef f(t):\n    return subprocess.{ASK}\n",
        f"{OTHER.format('')}def f(t):\n    return B().{ASK}\n",
        f"{OTHER.format('(Llm)')}def f(t):\n    return B().{ASK}\n",
        f"def f(t):\n    return {ASK}\n",
        f"def f(rows):\n    for t in rows:\n        t.{ASK}\n",
    ],
)
def test_another_objects_method_of_that_name_is_no_wrapper(tmp_path: Path, body: str) -> None:
    assert lines_found(tmp_path, HEAD + LLM + body) == []


@pytest.mark.parametrize(
    "body",
    [
        f"def f(t):\n    return Llm().{ASK}\n",
        f"LLM = Llm()\n\ndef f(t):\n    return LLM.{ASK}\n",
        f"def f(l: Llm, t):\n    return l.{ASK}\n\n",
        f"def f(llm_client, t):\n    return llm_client.{ASK}\n\n",
        f"class B(Llm):\n{METHOD}self.{ASK}\n",
        f"def f(t, asker: Asker):\n    return asker.{ASK}\n",
        f"class B:\n    def __init__(self, l: Llm):\n        self.l = l\n{METHOD}self.l.{ASK}\n",
    ],
)
def test_a_method_is_known_by_what_it_is_called_on(tmp_path: Path, body: str) -> None:
    code = HEAD + LLM + body
    line = 1 + code[: code.index(ASK)].count("\n")
    assert lines_found(tmp_path, code) == [line]


def test_a_base_class_may_stand_in_another_file(tmp_path: Path) -> None:
    asker, llm = LLM.split("class Llm")
    body = (
        f"from base import Asker\nclass Llm{llm}def f(t, asker: Asker):\n    return asker.{ASK}\n"
    )
    for base in ("", asker):
        (tmp_path / "base.py").write_text(base, "utf-8")
        assert lines_found(tmp_path, HEAD + body) == [8]


def test_a_method_that_another_file_overrides_is_none_of_the_base(tmp_path: Path) -> None:
    shout = "from code import Llm\nclass Shout(Llm):\n    {}\n"
    body = f"from shout import Shout\n{LLM}def f(t, llm: Shout):\n    return llm.{ASK}\n"
    for inside, lines in (("pass", [11]), ("def ask(self, p, t):\n        ...", [])):
        (tmp_path / "shout.py").write_text(shout.format(inside), "utf-8")
        assert lines_found(tmp_path, HEAD + body) == lines


@pytest.mark.parametrize(
    ("name", "kind", "lines"), [("db", "Pool", []), ("llm", "Llm", [9]), ("other", "Llm", [9])]
)
def test_typescript_goes_by_the_type(
    tmp_path: Path, name: str, kind: str, lines: list[int]
) -> None:
    code = TYPESCRIPT + f"export const f = ({name}: {kind}, t: string) => {name}.{ASK};\n"
    assert lines_found(tmp_path, code, "code.ts") == lines


def test_a_function_without_a_class_is_called_by_its_name(tmp_path: Path) -> None:
    body = (
        f"def ask(p, t):\n    return {CREATE}\n"
        f"def f(t):\n    return {ASK}\ndef g(db, t):\n    return db.{ASK}\n"
    )
    assert lines_found(tmp_path, HEAD + body) == [6]


def test_all_callers_are_looked_at(tmp_path: Path) -> None:
    asks = "".join(f"def f{n}(t):\n    return {ASK}\n" for n in range(30))
    code = HEAD + f"def ask(p, t):\n    return {CREATE}\n" + asks
    assert lines_found(tmp_path, code) == list(range(6, 66, 2))


def test_a_loop_around_another_objects_method_is_none_around_the_call(tmp_path: Path) -> None:
    body = (
        "class Triage:\n    def run(self, t):\n"
        f"        p = 'Answer with one of: billing, shipping'\n        return {CREATE}\n"
        "def f(jobs):\n    for j in jobs:\n        j.run(1)\n"
    )
    assert scan(tmp_path, HEAD + body).sites[0].site.contexts == ()
    body = body.replace("j.run(1)", "Triage().run(j)")
    assert scan(tmp_path, HEAD + body).sites[0].site.contexts == ("loop",)


def test_callers_of_many_calls_do_not_multiply_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.scan.sites._MOST_CALLERS", 50)
    many = "".join(f"    {CREATE}\n" for _ in range(20))
    asks = "".join(f"def f{n}(t):\n    return {ASK}\n" for n in range(20))
    report = scan(tmp_path, f"{HEAD}def ask(p, t):\n{many}{asks}")
    # Two calls have all their callers looked at, one some; the rest are told themselves.
    assert len(report.sites) == 20 + 17


MESSAGES = (
    "[{'role': 'system', 'content': 'Is this spam? Answer yes or no.'}, "
    "{'role': 'user', 'content': t}]"
)


@pytest.mark.parametrize(
    ("wrapper", "call"),
    [
        ("def ask(**rest):\n    return create(**rest)", "ask(model='m', messages={})"),
        ("def ask(**rest):\n    return create(model='m', **rest)", "ask(messages={})"),
        (
            "def ask(**rest):\n    all = {**rest, 'n': 1}\n    return create(**all)",
            "ask(messages={})",
        ),
        ("def ask(request):\n    return create(**request)", "ask({{'messages': {}}})"),
        (
            (
                "def one(**rest):\n    return create(**rest)\n"
                "def ask(n, **rest):\n    return one(**rest)"
            ),
            "ask(1, messages={})",
        ),
    ],
)
def test_a_function_that_passes_all_on_is_followed_to_its_callers(
    tmp_path: Path, wrapper: str, call: str
) -> None:
    made = wrapper.replace("create(", "client.chat.completions.create(")
    code = f"{HEAD}{made}\ndef f(t):\n    return {call.format(MESSAGES)}\n"
    assert lines_found(tmp_path, code) == [code.count("\n")]


@pytest.mark.parametrize("given", ["options", "{ ...options, n: 1 }"])
def test_an_object_that_is_passed_on_is_followed_to_its_callers(tmp_path: Path, given: str) -> None:
    code = (
        'import OpenAI from "openai";\nconst client = new OpenAI();\n'
        f"function ask(options) {{ return client.chat.completions.create({given}); }}\n"
        f"export const f = (t) => ask({{ model: 'm', messages: {MESSAGES} }});\n"
    )
    assert lines_found(tmp_path, code, "code.ts") == [4]
