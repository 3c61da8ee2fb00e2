"""What is read of a request through names, wrappers, templates, classes and imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from locum.scan.languages import language_of, read_module
from locum.scan.output import to_object
from locum.scan.project import Project
from locum.scan.sites import model_calls
from tests.scanning import found, only_site, scan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from openai import OpenAI\nclient = OpenAI()\n"


def call(prompt: str, rest: str = "") -> str:
    return (
        "client.chat.completions.create(model='gpt-4o', "
        f"messages=[{{'role': 'user', 'content': {prompt}}}]{rest})"
    )


def site_of(folder: Path, body: str) -> str | None:
    return only_site(folder, HEAD + body).instruction


def test_constants_are_followed_through_assignments(tmp_path: Path) -> None:
    body = (
        f"A = 'Name the city in '\nB = A + 'this text: '\ndef f(t):\n    p = B + t\n    {call('p')}"
    )
    assert site_of(tmp_path, body) == "Name the city in this text: {}"


def test_the_last_assignment_before_the_call_counts(tmp_path: Path) -> None:
    body = (
        "def f(t):\n    p = 'Name the first city: ' + t\n    p = 'Name the second city: ' + t\n"
        f"    {call('p')}\n    p = 'Name the third city: ' + t"
    )
    assert site_of(tmp_path, body) == "Name the second city: {}"


def test_a_long_sum_keeps_its_beginning(tmp_path: Path) -> None:
    rules = " +\n".join(["'Name the city in this text. '"] + ["'Be brief. '"] * 200)
    body = f"P = ({rules})\ndef f(t):\n    {call('P + t')}"
    assert site_of(tmp_path, body) == "Name the city in this text. " + "Be brief. " * 200 + "{}"


@pytest.mark.parametrize(
    "expression",
    [
        "f'Name the city in {t}'",
        "'Name the city in {}'.format(t)",
        "'Name the city in {text}'.format(text=t)",
        "'Name the city in %s' % t",
        "'Name the city in ' + t[:100]",
        "' '.join(['Name', 'the city in', t])",
        "'Name the city in TEXT'.replace('TEXT', t)",
        "textwrap.dedent(f'Name the city in {t}')",
        "Template('Name the $what in $text').substitute(text=t, what='city')",
        "string.Template('Name the city in ${text}').safe_substitute({'text': t})",
    ],
)
def test_texts_are_put_together(tmp_path: Path, expression: str) -> None:
    body = f"import string\ndef f(t):\n    {call(expression)}"
    assert site_of(tmp_path, body) == "Name the city in {}"


def test_functions_that_return_a_template_are_followed(tmp_path: Path) -> None:
    body = f"def p(x):\n    return f'Name the city in {{x}}'\ndef f(t):\n    {call('p(t)')}"
    assert site_of(tmp_path, body) == "Name the city in {}"


def test_attributes_are_followed(tmp_path: Path) -> None:
    body = (
        "class C:\n    P = 'Name the city in '\n"
        "    def __init__(self):\n        self.m = 'gpt-4.1'\n"
        "    def f(self, t):\n        client.responses.create(model=self.m, input=self.P + t)"
    )
    site = only_site(tmp_path, HEAD + body)
    assert (site.model, site.instruction) == ("gpt-4.1", "Name the city in {}")


def test_a_list_that_is_appended_to_is_read(tmp_path: Path) -> None:
    body = (
        "def f(t):\n    m = [{'role': 'system', 'content': 'Name the city of the text.'}]\n"
        "    m.append({'role': 'user', 'content': t})\n"
        "    client.chat.completions.create(model='gpt-4o', messages=m)"
    )
    assert site_of(tmp_path, body) == "Name the city of the text.\n{}"


def test_a_list_that_grows_is_a_conversation(tmp_path: Path) -> None:
    body = (
        "m = [{'role': 'system', 'content': 'Answer yes or no only.'}]\ndef f(t):\n"
        "    m.append({'role': 'user', 'content': t})\n"
        "    return client.chat.completions.create(model='gpt-4o', messages=m)"
    )
    assert scan(tmp_path, HEAD + body).findings == []


def test_callers_of_a_wrapper_are_the_sites(tmp_path: Path) -> None:
    body = (
        f"def ask(p, n=500):\n    return {call('p', ', max_tokens=n')}.choices[0].message.content\n"
        "def title(t):\n    return ask('Give a title to this text: ' + t, n=20)\n"
        "def is_spam(t):\n    return ask('Does this look like spam? ' + t) == 'yes'\n"
        "def essay(t):\n    return ask('Write an essay about this: ' + t)\n"
    )
    report = scan(tmp_path, HEAD + body)
    assert found(report) == {("code.py", 6, "narrow-prompt"), ("code.py", 8, "closed-answer")}
    assert [(one.line, one.site.most_tokens) for one in report.sites] == [
        (6, 20),
        (8, 500),
        (10, 500),
    ]


def test_a_caller_that_passes_an_example_makes_no_constant(tmp_path: Path) -> None:
    body = (
        f"def title(t):\n    return {call('f{chr(39)}Give a title to this text: {{t}}{chr(39)}')}\n"
        "title('an example')"
    )
    assert scan(tmp_path, HEAD + body).findings == []


def test_constants_and_classes_are_imported_from_other_files(tmp_path: Path) -> None:
    package = tmp_path / "app"
    package.mkdir()
    (package / "prompts.py").write_text(
        "BASE = 'Sort the mail'\nSYSTEM = BASE + ' by its topic.'\n"
    )
    (package / "shapes.py").write_text(
        "from enum import Enum\nfrom pydantic import BaseModel\nclass Topic(str, Enum):\n"
        "    A = 'a'\n    B = 'b'\nclass Out(BaseModel):\n    topic: Topic\n    urgent: bool\n"
    )
    code = HEAD + (
        "from app.prompts import SYSTEM\nfrom .shapes import Out\ndef f(t):\n"
        "    client.responses.parse("
        "model='gpt-4o', instructions=SYSTEM, input=t, text_format=Out)\n"
    )
    report = scan(tmp_path, code, "app/use.py")
    (finding,) = report.findings
    assert finding.rule == "closed-answer"
    assert finding.site.instruction == "Sort the mail by its topic.\n{}"
    assert finding.site.answers == ("a", "b", "true", "false")


def test_constants_are_imported_in_typescript(tmp_path: Path) -> None:
    (tmp_path / "prompts.ts").write_text("export const SYSTEM = 'Give the mail a short title.';\n")
    code = (
        "import OpenAI from 'openai';\nimport { SYSTEM } from './prompts';\n"
        "const c = new OpenAI();\nexport const f = (t: string) =>\n"
        "  c.responses.create({ model: 'gpt-4o', instructions: SYSTEM, input: t });\n"
    )
    assert only_site(tmp_path, code, "use.ts").instruction == "Give the mail a short title.\n{}"


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("'gpt-4o'", "frontier"),
        ("'gpt-4o-mini'", "small"),
        ("'claude-opus-4-1'", "frontier"),
        ("os.environ['MODEL']", "unknown"),
        ("'gpt-4o' if x else 'gpt-4o-mini'", "unknown"),
        ("'no-such-model'", "unknown"),
        ("'ollama/llama3'", "local"),
    ],
)
def test_the_tier_is_the_price(tmp_path: Path, model: str, tier: str) -> None:
    body = f"def f(t, x):\n    client.responses.create(model={model}, input='Name a city in ' + t)"
    assert only_site(tmp_path, HEAD + body).tier == tier


def test_a_model_on_a_machine_of_ones_own_is_no_finding(tmp_path: Path) -> None:
    code = (
        "from openai import OpenAI\nclient = OpenAI(base_url='http://localhost:8000/v1')\n"
        f"def f(t):\n    return {call(repr('Answer yes or no: ') + ' + t')}"
    )
    report = scan(tmp_path, code)
    assert (report.findings, [one.site.tier for one in report.sites]) == ([], ["local"])


def test_a_constant_is_found_through_a_package_that_passes_it_on(tmp_path: Path) -> None:
    package = tmp_path / "app" / "prompts"
    package.mkdir(parents=True)
    (package / "mail.py").write_text("SYSTEM = 'Give the mail a short title.'\n")
    (package / "__init__.py").write_text("from .mail import SYSTEM\n")
    code = HEAD + (
        "from app.prompts import SYSTEM\ndef f(t):\n"
        "    client.responses.create(model='gpt-4o', instructions=SYSTEM, input=t)\n"
    )
    assert only_site(tmp_path, code, "use.py").instruction == "Give the mail a short title.\n{}"


def test_that_a_model_is_an_assistant_is_no_instruction(tmp_path: Path) -> None:
    body = (
        "def f(items):\n    for t in items:\n        client.responses.create(model='gpt-4o', "
        "instructions='You are a helpful assistant.', input=t)\n"
    )
    report = scan(tmp_path, HEAD + body)
    assert (report.findings, [one.site.instruction for one in report.sites]) == ([], [None])


def test_classes_that_refer_to_each_other_end(tmp_path: Path) -> None:
    methods = "".join(
        f"    def m{number}(self, x):\n        self.a = self.m{(number + 7) % 60}(self.a)\n"
        f"        return self.m{(number + 1) % 60}(self.a) or self.m{(number + 3) % 60}(x)\n"
        for number in range(60)
    )
    body = (
        f"class C:\n{methods}    def f(self, t):\n        r = {call('t')}\n        return r == 'a'"
    )
    assert len(scan(tmp_path, HEAD + body).sites) == 1


@pytest.mark.parametrize("bound", ["18446744073709551616", "1e999", "-1e999"])
def test_a_number_that_no_report_can_hold_is_unknown(tmp_path: Path, bound: str) -> None:
    rest = f", max_tokens={bound}, temperature={bound}"
    body = f"def f(t):\n    {call('t', rest)}"
    site = only_site(tmp_path, HEAD + body)
    assert (site.most_tokens, site.temperature) == (None, None)
    assert orjson.dumps(to_object(scan(tmp_path, HEAD + body), []))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("os.environ['MODEL']", None),
        ("os.getenv('MODEL')", None),
        ("os.environ.get('CLAUDE_MODEL')", None),
        ("os.getenv('MODEL', 'gpt-4o')", "gpt-4o"),
        ("env('MODEL', default='gpt-4o')", "gpt-4o"),
        ("os.getenv('MODEL') or 'gpt-4o'", "gpt-4o"),
        ("config('services.model')", None),
        ("ChatModel('gpt-4o')", "gpt-4o"),
    ],
)
def test_a_model_that_is_looked_up_is_the_default(
    tmp_path: Path, model: str, name: str | None
) -> None:
    code = f"{HEAD}def f(t):\n    client.responses.create(model={model}, input='Name it: ' + t)"
    assert only_site(tmp_path, code).model == name


def test_what_is_added_to_a_history_is_part_of_a_conversation(tmp_path: Path) -> None:
    body = (
        "def f(node, t):\n    m = node.message_history.copy()\n"
        "    m.append({'role': 'system', 'content': 'Name the city in the text.'})\n"
        "    m.append({'role': 'user', 'content': t})\n    m = trim_history(m)\n"
        "    client.chat.completions.create(model='gpt-4o', messages=m, max_tokens=9)\n"
    )
    language = language_of("a.py")
    assert language is not None
    module = read_module(language, HEAD + body, "a.py")
    (asked,) = model_calls(Project(tmp_path).add(module, tmp_path / "a.py"))
    assert asked.request.words.is_conversation


def test_a_constant_is_known_whichever_call_is_read_first(tmp_path: Path) -> None:
    chain = "P0 = 'Name the city. '\n" + "".join(f"P{n} = P{n - 1} + 'x'\n" for n in range(1, 60))
    calls = [f"def {name}(t):\n    {call(f'{name} + t')}\n" for name in ("P35", "P20")]
    for order in (calls, calls[::-1]):
        report = scan(tmp_path, HEAD + chain + "".join(order).replace("def P", "def f"))
        known = {one.site.instruction for one in report.sites}
        assert f"Name the city. {'x' * 20}{{}}" in known


def test_an_empty_list_stands_for_a_history_that_is_missing(tmp_path: Path) -> None:
    body = (
        "def f(t, history=None):\n    m = history or []\n"
        "    m = [{'role': 'system', 'content': 'Name the city in the text.'}] + m\n"
        "    m.append({'role': 'user', 'content': t})\n"
        "    client.chat.completions.create(model='gpt-4o', messages=m, max_tokens=9)\n"
    )
    assert scan(tmp_path, HEAD + body).findings == []


def test_a_history_that_is_emptied_elsewhere_is_one(tmp_path: Path) -> None:
    body = (
        "class A:\n    def __init__(self, history):\n        self.history = history\n"
        "    def reset(self):\n        self.history = []\n    def f(self, t):\n"
        "        m = [{'role': 'system', 'content': 'Name the city in the text.'}] + self.history\n"
        "        m.append({'role': 'user', 'content': t})\n"
        "        client.chat.completions.create(model='gpt-4o', messages=m, max_tokens=9)\n"
    )
    assert scan(tmp_path, HEAD + body).findings == []
