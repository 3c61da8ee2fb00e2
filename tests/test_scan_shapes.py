"""Fields of answers by classes and schemas that are built on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.scan import scan_paths
from tests.scanning import only_site, scan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "from typing import Literal, TypedDict\nfrom openai import OpenAI\n"
    "from pydantic import BaseModel, PrivateAttr\nclient = OpenAI()\n"
)
ASK = (
    "client.chat.completions.parse(model='gpt-4o', response_format={}, messages="
    "[{{'role': 'system', 'content': 'Read the mail.'}}, {{'role': 'user', 'content': t}}])"
)
CLOSED = ("true", "false", "a", "b")
TEAM = "    team: Literal['a', 'b']\n"
LOCAL = "def f(t):\n    class Out(BaseModel):\n        {}\n    return " + ASK + "\n"
SCRIPT = (
    'import OpenAI from "openai";\nimport {{ z }} from "zod";\n'
    'import {{ zodResponseFormat }} from "openai/helpers/zod";\nconst client = new OpenAI();\n'
    'const Team = z.object({{ team: z.enum(["a", "b"]) }});\n'
    "const Why = z.object({{ reason: z.string(), sure: z.boolean() }});\nconst Out = {};\n"
    "export const f = (t: string) => client.chat.completions.parse({{\n"
    '  model: "gpt-4o", response_format: zodResponseFormat(Out, "out"),\n'
    '  messages: [{{ role: "system", content: "Read the mail." }},\n'
    '    {{ role: "user", content: t }}] }});\n'
)


@pytest.mark.parametrize(
    ("base", "fields", "answers"),
    [
        ("class Base(BaseModel):\n    why: str\n", ("why", "team"), ()),
        ("class Base(BaseModel):\n    sure: bool\n", ("sure", "team"), CLOSED),
        ("class Base(Elsewhere):\n    sure: bool\n", ("sure", "team"), ()),
        ("class Base(TypedDict, total=False):\n    sure: bool\n", ("sure", "team"), CLOSED),
        ("class A(BaseModel):\n    why: str\nclass Base(A):\n    pass\n", ("why", "team"), ()),
    ],
)
@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_fields_are_inherited(
    tmp_path: Path, place: str, base: str, fields: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    models = f"from typing import TypedDict\nfrom pydantic import BaseModel\n{base}"
    (tmp_path / "models.py").write_text(models, "utf-8")
    given = base if place == "here" else "from models import Base\n"
    out = f"class Out(Base):\n{TEAM}def f(t):\n    return {ASK.format('Out')}\n"
    site = only_site(tmp_path, HEAD + given + out)
    assert (site.schema, site.answers) == (fields, answers)


@pytest.mark.parametrize(
    ("around", "out"),
    [("def f{}(t):", "Out"), ("class C{}:", "C{}.Out"), ("class C{}:", "self.Out")],
)
def test_a_base_is_the_class_that_stands_beside(tmp_path: Path, around: str, out: str) -> None:
    code = HEAD
    for number, field in enumerate(("why: str", "sure: bool")):
        ask = f"return {ASK.format(out.format(number))}\n"
        code += (
            f"{around.format(number)}\n    class Base(BaseModel):\n        {field}\n"
            f"    class Out(Base):\n    {TEAM}"
            + (f"    {ask}" if out == "Out" else f"    def f(self, t):\n        {ask}")
        )
    sites = scan(tmp_path, code).sites
    assert [one.site.schema for one in sites] == [("why", "team"), ("sure", "team")]


def test_a_local_class_has_the_attributes_of_its_own_base(tmp_path: Path) -> None:
    ask = "client.responses.create(model='gpt-4o', instructions=self.P, input=t)"
    code = HEAD + "".join(
        f"def f{number}():\n    class Base:\n        P = 'Name the {what} in it.'\n"
        f"    class Namer(Base):\n        def f(self, t):\n            return {ask}\n"
        for number, what in enumerate(("city", "town"))
    )
    asked = [one.site.instruction for one in scan(tmp_path, code).sites]
    assert asked == ["Name the city in it.\n{}", "Name the town in it.\n{}"]


@pytest.mark.parametrize(
    ("base", "rule"),
    [
        ("Unseen", "fixed-schema"),
        ("pkg.Unseen", "fixed-schema"),
        ("BaseModel, ABC", "closed-answer"),
        ("pydantic.BaseModel", "closed-answer"),
    ],
)
def test_a_base_that_is_not_found_may_have_open_fields(
    tmp_path: Path, base: str, rule: str
) -> None:
    code = f"{HEAD}class Out({base}):\n{TEAM}def f(t):\n    return {ASK.format('Out')}\n"
    assert [finding.rule for finding in scan(tmp_path, code).findings] == [rule]


def test_classes_of_one_name_in_two_functions_are_two(tmp_path: Path) -> None:
    local = [LOCAL.format(field, "Out") for field in ("team: Literal['a', 'b']", "why: str")]
    code = HEAD + "".join(local)
    sites = [one.site for one in scan(tmp_path, code).sites]
    assert [(site.schema, site.answers) for site in sites] == [
        (("team",), ("a", "b")),
        (("why",), ()),
    ]


def test_classes_of_one_name_in_two_classes_are_two(tmp_path: Path) -> None:
    body = "".join(
        f"class {name}(BaseModel):\n    class Team(BaseModel):\n        name: {kind}\n"
        f"    team: Team\ndef f{name}(t):\n    return {ASK.format(name)}\n"
        for name, kind in (("A", "Literal['a', 'b']"), ("B", "str"))
    )
    sites = [one.site for one in scan(tmp_path, HEAD + body).sites]
    assert [site.answers for site in sites] == [("a", "b"), ()]


def test_types_of_one_name_in_two_functions_are_two(tmp_path: Path) -> None:
    ask = (
        'client.chat.completions.parse{}({{ model: "gpt-4o", {} messages: [{{ role: "system", '
        'content: "Read the mail." }}, {{ role: "user", content: t }}] }});\n}}\n'
    )
    written = "response_format: zodResponseFormat(z.object({ team: z.nativeEnum(Team) }), 'out'),"
    code = 'import OpenAI from "openai";\nimport { z } from "zod";\nconst client = new OpenAI();\n'
    for number, (one, other) in enumerate((("a", "b"), ("c", "d"))):
        code += (
            f'function e{number}(t: string) {{\n enum Team {{ A = "{one}", B = "{other}" }}\n '
            f"return {ask.format('', written)}"
            f'function i{number}(t: string) {{\n type Kind = "{one}" | "{other}";\n '
            f"interface Out{number} {{ team: Kind }}\n return {ask.format(f'<Out{number}>', '')}"
        )
    sites = [one.site for one in scan(tmp_path, code, "code.ts").sites]
    assert [site.answers for site in sites] == [("a", "b")] * 2 + [("c", "d")] * 2


def test_a_type_at_the_top_is_meant_before_one_of_a_function(tmp_path: Path) -> None:
    code = (
        'import OpenAI from "openai";\nfunction f() {\n type Team = string;\n}\n'
        'type Team = "a" | "b";\nexport const g = (t: string) => new OpenAI().chat.completions.'
        'parse<Team>({ model: "gpt-4o", messages: [{ role: "system", content: "Read it." },\n'
        ' { role: "user", content: t }] });\n'
    )
    assert only_site(tmp_path, code, "code.ts").answers == ("a", "b")


def test_a_type_hides_no_schema_of_its_name(tmp_path: Path) -> None:
    local = "const Own = Team; type Own = z.infer<typeof Own>;"
    code = SCRIPT.format("Team").replace("=> client", f"=> {{\n {local}\n return client")
    code = code.replace("Format(Out", "Format(Own") + "}\n"
    assert only_site(tmp_path, code, "code.ts").answers == ("a", "b")


def test_enums_of_one_name_in_two_classes_are_two(tmp_path: Path) -> None:
    code = "using Microsoft.Extensions.AI;\n" + "".join(
        f"class C{number} {{\n enum Team {{ {labels} }}\n record Out{number}(Team Team);\n"
        f" Task F(IChatClient client, string t) => client.GetResponseAsync<Out{number}>(\n"
        '  [new(ChatRole.System, "Read the mail."), new(ChatRole.User, t)]);\n}\n'
        for number, labels in enumerate(("A, B", "C, D"))
    )
    sites = [one.site for one in scan(tmp_path, code, "code.cs").sites]
    assert [site.answers for site in sites] == [("A", "B"), ("C", "D")]


def test_what_pydantic_keeps_to_itself_is_no_field(tmp_path: Path) -> None:
    code = f"{HEAD}class Out(BaseModel):\n{TEAM}    _kept: str = PrivateAttr()\n"
    site = only_site(tmp_path, f"{code}def f(t):\n    return {ASK.format('Out')}\n")
    assert (site.schema, site.answers) == (("team",), ("a", "b"))


@pytest.mark.parametrize(
    ("schema", "fields", "answers"),
    [
        ("Team.extend({ reason: z.string() })", ("team", "reason"), ""),
        ("Team.extend({ sure: z.boolean() })", ("team", "sure"), "a/b/true/false"),
        ("Team.merge(Why)", ("team", "reason", "sure"), ""),
        ("Team.extend(Why.shape)", ("team", "reason", "sure"), ""),
        ("Team.merge(Why.omit({ reason: true }))", ("team", "sure"), "a/b/true/false"),
        ("Team.and(Why)", ("team", "reason", "sure"), ""),
        ("z.intersection(Team, Why)", ("team", "reason", "sure"), ""),
        ("Why.pick({ sure: true })", ("sure",), "true/false"),
        ("Team.merge(Unseen)", ("team",), ""),
        ("Team.passthrough()", ("team",), ""),
        ("Team.strict().describe('The team')", ("team",), "a/b"),
        ("z.object({ team: z.enum(['a', 'b']).optional() })", ("team",), "a/b"),
        ("z.object({ team: z.enum(['a', 'b']).or(z.string()) })", ("team",), ""),
        ("z.object({ ...Why.shape, team: z.enum(['a', 'b']) })", ("team",), ""),
    ],
)
def test_steps_of_zod_add_and_leave_fields(
    tmp_path: Path, schema: str, fields: tuple[str, ...], answers: str
) -> None:
    site = only_site(tmp_path, SCRIPT.format(schema), "code.ts")
    assert (site.schema, "/".join(site.answers)) == (fields, answers)


@pytest.mark.parametrize(
    ("label", "answers"),
    [
        ("z.literal('a')", "a"),
        ("z.literal(['a', 'b'])", "a/b"),
        ("z.literal(process.env.LABEL)", ""),
        ("z.nativeEnum({ A: 'a', B: 'b' })", "a/b"),
        ("z.nativeEnum({ A: 'a', B: process.env.LABEL })", ""),
        ("z.nativeEnum({ ...others, A: 'a' })", ""),
    ],
)
def test_labels_of_zod_are_those_that_are_written(tmp_path: Path, label: str, answers: str) -> None:
    code = SCRIPT.format(f"z.object({{ team: {label} }})")
    assert "/".join(only_site(tmp_path, code, "code.ts").answers) == answers


def test_attributes_are_inherited_from_classes_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("class Base:\n    P = 'Name the city.'\n", "utf-8")
    code = (
        "from openai import OpenAI\nfrom base import Base\nclass A(Base):\n    def f(self, t):\n"
        "        OpenAI().responses.create(model='gpt-4o', instructions=self.P, input=t)\n"
    )
    (tmp_path / "code.py").write_text(code, "utf-8")
    (located,) = scan_paths([tmp_path], processes=1).sites
    assert located.site.instruction == "Name the city.\n{}"
