"""What a name stands for where a condition decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scanning import only_site, scan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from openai import OpenAI\nclient = OpenAI()\n"
ASK = "client.responses.create(model='gpt-4o', instructions=p, input=t)"
NAME = "'Name the city in the text.'"
TELL = "'Tell a long story about it.'"
ATTRIBUTE = (
    "class A:\n  def __init__(self, k):\n    if k:\n      self.m = '{}'\n    else:\n"
    "      self.m = '{}'\n  def f(self, t):\n    m = self.m\n    "
)
PYTHON = [
    (f"if k:\n p = {NAME}\nelse:\n p = {TELL}", None),
    (f"if k:\n p = {TELL}\nelse:\n p = {NAME}", None),
    (f"if k:\n p = {NAME}\nelif t:\n p = {TELL}\nelse:\n p = {TELL}", None),
    (f"p = {TELL}\nif k:\n p = {NAME}", None),
    (f"p = {NAME} if k else {TELL}", None),
    (f"match k:\n case 1:\n  p = {NAME}\n case _:\n  p = {TELL}", None),
    (f"p = {TELL}\nmatch k:\n case 1:\n  p = {NAME}", None),
    (f"p = {TELL}\nmatch k:\n case 1:\n  p = {NAME}\n case _ if t:\n  p = {NAME}", None),
    (f"p = {TELL}\nmatch k:\n case 1:\n  p = {NAME}\n case _:\n  p = {NAME}",
     "Name the city in the text."),
    (f"default_prompt = {TELL}\nif k: default_prompt = {NAME}\np = default_prompt", None),
    (f"p = {TELL}\nif k:\n default = 1\n p = {NAME}", None),
    (f"try:\n p = {NAME}\nexcept KeyError:\n p = {TELL}", None),
    (f"p = {NAME}\nif k:\n p = {TELL}\np += ' Be brief.'", None),
    (f"if k:\n p = {NAME}\nelse:\n p = {NAME}", "Name the city in the text."),
    (f"p = {TELL}\nif k:\n p = {NAME}\nelse:\n p = {NAME}", "Name the city in the text."),
    (f"p = {TELL}\nif k:\n p = {NAME}\nelse:\n return", "Name the city in the text."),
    (f"p = {NAME}\nif k:\n p = {TELL}\n return", "Name the city in the text."),
    (f"p = {NAME}\np = p.strip()", "Name the city in the text."),
    (f"p = {NAME}\nif k:\n p = p + ' Be brief.'", None),
    (f"p = None\nif k:\n p = {NAME}", "Name the city in the text."),
    (f"if k is None:\n k = {NAME}\np = k", "Name the city in the text."),
    (f"if k:\n p = {NAME}\nelse:\n p = {TELL}\np = {NAME}", "Name the city in the text."),
    (f"if k:\n p = {NAME}\n p += ' '\nelse:\n p = {NAME}\n p += ' '\np += 'Be brief.'",
     "Name the city in the text. Be brief."),
]  # fmt: skip
LANGUAGES = {
    "code.ts": (
        'import OpenAI from "openai";\nconst client = new OpenAI();\n'
        "export async function f(t: string, k: number) {{\n let p;\n"
        " if (k > 1) {{ p = {0}; }}\n else if (k) {{ p = {1}; }}\n else {{ p = {1}; }}\n"
        ' return client.responses.create({{ model: "gpt-4o", instructions: p, input: t }});\n}}\n'
    ),
    "other.ts": (
        'import OpenAI from "openai";\nconst client = new OpenAI();\n'
        "export async function f(t: string, k: number) {{\n let p;\n"
        " switch (k) {{\n case 1: p = {0}; break;\n default: p = {1}; }}\n"
        ' return client.responses.create({{ model: "gpt-4o", instructions: p, input: t }});\n}}\n'
    ),
    "third.ts": (
        'import OpenAI from "openai";\nconst client = new OpenAI();\n'
        "export async function f(t: string, k: number) {{\n let defaultPrompt = {0};\n"
        " if (k) defaultPrompt = {1};\n"
        " return client.responses.create("
        '{{ model: "gpt-4o", instructions: defaultPrompt, input: t }});\n}}\n'
    ),
    "code.go": (
        'package a\nimport "github.com/openai/openai-go"\nfunc f(t string, k bool) {{\n'
        ' client := openai.NewClient()\n p := ""\n'
        " if k {{\n  p = {0}\n }} else {{\n  p = {1}\n }}\n"
        " client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{{"
        "Model: openai.ChatModelGPT4o, Messages: "
        "[]openai.ChatCompletionMessageParamUnion{{"
        "openai.SystemMessage(p), openai.UserMessage(t)}}}})\n}}\n"
    ),
    "Code.java": (
        "import com.openai.client.OpenAIClient;\nimport com.openai.models.*;\nclass Code {{\n"
        " OpenAIClient client;\n void f(String t, boolean k) {{\n  String p;\n"
        "  if (k) {{\n   p = {0};\n  }} else {{\n   p = {1};\n  }}\n"
        "  client.chat().completions().create(ChatCompletionCreateParams.builder()"
        ".model(ChatModel.GPT_4O).addSystemMessage(p).addUserMessage(t).build());\n }}\n}}\n"
    ),
    "Other.java": (
        "import com.openai.client.OpenAIClient;\nimport com.openai.models.*;\nclass Other {{\n"
        " OpenAIClient client;\n void f(String t, int k) {{\n  String p;\n"
        "  switch (k) {{\n   case 1: p = {0}; break;\n   default: p = {1};\n  }}\n"
        "  client.chat().completions().create(ChatCompletionCreateParams.builder()"
        ".model(ChatModel.GPT_4O).addSystemMessage(p).addUserMessage(t).build());\n }}\n}}\n"
    ),
    "code.cs": (
        "using OpenAI.Chat;\nclass Code {{\n void F(string t, bool k) {{\n  string p;\n"
        "  if (k) {{\n   p = {0};\n  }} else {{\n   p = {1};\n  }}\n"
        '  var client = new ChatClient("gpt-4o", "k");\n'
        "  client.CompleteChat(new SystemChatMessage(p), new UserChatMessage(t));\n }}\n}}\n"
    ),
    "code.php": (
        "<?php\nuse OpenAI;\nfunction f($t, $k) {{\n if ($k) {{\n  $p = {0};\n }} else {{\n"
        '  $p = {1};\n }}\n $client = OpenAI::client("k");\n'
        ' return $client->chat()->create(["model" => "gpt-4o", "messages" => ['
        '["role" => "system", "content" => $p], ["role" => "user", "content" => $t]]]);\n}}\n'
    ),
    "other.php": (
        "<?php\nuse OpenAI;\nfunction f($t, $k) {{\n $p = {0};\n"
        " if ($k == 1) {{\n  $p = {1};\n }} elseif ($k == 2) {{\n  $p = {1};\n }}\n"
        ' $client = OpenAI::client("k");\n'
        ' return $client->chat()->create(["model" => "gpt-4o", "messages" => ['
        '["role" => "system", "content" => $p], ["role" => "user", "content" => $t]]]);\n}}\n'
    ),
    "code.rb": (
        'require "openai"\ndef f(t, k)\n if k\n  p = {0}\n else\n  p = {1}\n end\n'
        ' OpenAI::Client.new.chat(parameters: {{model: "gpt-4o", messages: ['
        '{{role: "system", content: p}}, {{role: "user", content: t}}]}})\nend\n'
    ),
}


@pytest.mark.parametrize(("body", "instruction"), PYTHON)
def test_words_that_a_condition_chooses_vary(
    tmp_path: Path, body: str, instruction: str | None
) -> None:
    inside = f"{body}\nreturn {ASK}".replace("\n", "\n    ")
    site = only_site(tmp_path, f"{HEAD}def f(t, k=None):\n    {inside}\n")
    assert site.instruction == (instruction and f"{instruction}\n{{}}")


def test_each_arm_sees_its_own_words(tmp_path: Path) -> None:
    body = (
        f"def f(t, k):\n    if k:\n        p = {NAME}\n        {ASK}\n"
        f"    else:\n        p = {TELL}\n        {ASK}\n"
    )
    sites = scan(tmp_path, HEAD + body).sites
    assert [one.site.instruction for one in sites] == [
        "Name the city in the text.\n{}",
        "Tell a long story about it.\n{}",
    ]


@pytest.mark.parametrize("name", LANGUAGES)
def test_arms_are_known_in_all_languages(tmp_path: Path, name: str) -> None:
    first, second = NAME.replace("'", '"'), TELL.replace("'", '"')
    for one, other in ((first, second), (second, first)):
        code = LANGUAGES[name].format(one, other)
        assert only_site(tmp_path, code, name).instruction is None
    code = LANGUAGES[name].format(first, first)
    assert only_site(tmp_path, code, name).instruction == "Name the city in the text.\n{}"


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [("gpt-4o", "gpt-4o-mini", None), ("gpt-4o", "gpt-4o", "gpt-4o")],
)
@pytest.mark.parametrize(
    "body",
    [
        "def f(t, k):\n    if k:\n        m = '{}'\n    else:\n        m = '{}'\n    ",
        "def f(t, k):\n    m = '{}' if k else '{}'\n    ",
        "import os\ndef f(t, k):\n  m = os.getenv('A', '{}') if k else os.getenv('B', '{}')\n  ",
        ATTRIBUTE,
        "def g(k):\n  if k:\n    return '{}'\n  return '{}'\ndef f(t, k):\n  m = g(k)\n  ",
    ],
)
def test_a_model_that_a_condition_chooses_is_unknown(
    tmp_path: Path, body: str, first: str, second: str, known: str | None
) -> None:
    ask = f"client.responses.create(model=m, instructions={NAME}, input=t)"
    for names in ((first, second), (second, first)):
        assert only_site(tmp_path, HEAD + body.format(*names) + ask).model == known


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        ("ChatOpenAI(model='gpt-4o')", "ChatOpenAI(model='gpt-4o-mini')", None),
        ("ChatOpenAI(model='gpt-4o')", "ChatOpenAI(model='gpt-4o', timeout=9)", "gpt-4o"),
        ("ChatOpenAI(model='gpt-4o')", "ChatAnthropic(model='claude-sonnet-4-5')", None),
        ("ChatOpenAI(model='gpt-4o')", "ChatOpenAI()", None),
        ("ChatOpenAI(model='gpt-4o').bind(stop=k)", "ChatOpenAI(model='gpt-4o-mini')", None),
    ],
)
@pytest.mark.parametrize("body", ["llm = {} if k else {}\n", "llm = {}\n    if k: llm = {}\n"])
def test_a_client_that_a_condition_chooses_has_what_all_have_in_common(
    tmp_path: Path, body: str, first: str, second: str, known: str | None
) -> None:
    for clients in ((first, second), (second, first)):
        site = only_site(
            tmp_path,
            "from langchain_openai import ChatOpenAI\n"
            "from langchain_anthropic import ChatAnthropic\n"
            f"def f(t, k):\n    {body.format(*clients)}"
            f"    return llm.invoke([('system', {NAME}), ('user', t)])\n",
        )
        assert site.model == known
        assert site.instruction == "Name the city in the text.\n{}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("message('system', {})", "message('system', {})"),
        ("SystemMessage(content={})", "HumanMessage(content={})"),
    ],
)
def test_words_of_a_call_vary_where_those_of_another_one_differ(
    tmp_path: Path, first: str, second: str
) -> None:
    for one, other, known in ((NAME, TELL, None), (NAME, NAME, "Name the city in the text.\n{}")):
        message = f"{first.format(one)} if k else {second.format(other)}"
        site = only_site(
            tmp_path,
            f"{HEAD}def f(t, k):\n    client.chat.completions.create(model='gpt-4o', "
            f"messages=[{message}, {{'role': 'user', 'content': t}}])\n",
        )
        assert site.instruction == known


def test_messages_that_a_condition_chooses_vary_where_they_differ(tmp_path: Path) -> None:
    def messages(prompt: str) -> str:
        return f"[{{'role': 'system', 'content': {prompt}}}, {{'role': 'user', 'content': t}}]"

    body = (
        "def f(t, k):\n    if k:\n        m = {}\n    else:\n        m = {}\n"
        "    client.chat.completions.create(model='gpt-4o', messages=m)\n"
    )
    for one, other in ((NAME, TELL), (TELL, NAME)):
        code = HEAD + body.format(messages(one), messages(other))
        assert only_site(tmp_path, code).instruction is None
    code = HEAD + body.format(messages(NAME), messages(NAME))
    assert only_site(tmp_path, code).instruction == "Name the city in the text.\n{}"
