"""What repeats a call, and how that bears on a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scanning import found, only_site, scan

if TYPE_CHECKING:
    from pathlib import Path

CALL = (
    "client.chat.completions.create(model='gpt-4o', messages=[{'role': 'system', 'content': "
    "'Is the text about sports? Answer yes or no.'}, {'role': 'user', 'content': t}])"
)
HEAD = "from openai import OpenAI\nclient = OpenAI()\n"
FUNCTION = f"{HEAD}def f(t):\n    return {CALL}\n"
PYTHON = {
    "none": FUNCTION,
    "web handler": f"{HEAD}@app.post('/x')\nasync def f(t):\n    {CALL}\n",
    "web handler by type": (
        f"{HEAD}def f(request: HttpRequest):\n    t = request.body\n    {CALL}\n"
    ),
    "none by type of a model's request": (
        f"{HEAD}def f(request: LLMRequest):\n    t = request.text\n    {CALL}\n"
    ),
    "web handler by caller": f"{FUNCTION}@router.get('/x')\ndef g(x):\n    return f(x)\n",
    "loop": f"{HEAD}def f(items):\n    for t in items:\n        {CALL}\n",
    "loop by caller": f"{FUNCTION}def g(items):\n    return [f(one) for one in items]\n",
    "loop by map": f"{FUNCTION}def g(pool, items):\n    return pool.map(f, items)\n",
    "queue worker": f"{HEAD}@shared_task\ndef f(t):\n    {CALL}\n",
    "cron": f"{FUNCTION}import schedule\nschedule.every().day.do(f)\n",
    "command line": f"{HEAD}@click.command()\ndef f(t):\n    {CALL}\n",
    "command line by main": (
        f"{FUNCTION}import sys\nif __name__ == '__main__':\n    f(sys.argv[1])\n"
    ),
}


@pytest.mark.parametrize("kind", PYTHON)
def test_contexts_in_python(tmp_path: Path, kind: str) -> None:
    expected = kind.partition(" by ")[0]
    contexts = only_site(tmp_path, PYTHON[kind]).contexts
    assert contexts == (() if expected == "none" else (expected,))


OTHERS = {
    "a.ts": (
        (
            "import OpenAI from 'openai';\nconst client = new OpenAI();\n"
            "app.post('/x', async (req, res) => { await client.responses.create("
            "{ model: 'gpt-4o', input: `Name the city in ${req.body}` }); });"
        ),
        "web handler",
    ),
    "route.ts": (
        (
            "import OpenAI from 'openai';\nconst client = new OpenAI();\n"
            "export async function POST(request: Request) { return client.responses.create("
            "{ model: 'gpt-4o', input: `Name the city in ${await request.text()}` }); }"
        ),
        "web handler",
    ),
    "b.ts": (
        (
            "import OpenAI from 'openai';\nimport cron from 'node-cron';\n"
            "const client = new OpenAI();\n"
            "cron.schedule('0 3 * * *', async () => { const t = await next(); await "
            "client.responses.create({ model: 'gpt-4o', input: `Name the city in ${t}` }); });"
        ),
        "cron",
    ),
    "J.java": (
        (
            "import com.openai.client.OpenAIClient;\n"
            "@RestController\nclass J { OpenAIClient client;\n"
            '@PostMapping("/x") String f(@RequestBody String t) { return client.responses().create('
            'ResponseCreateParams.builder().model("gpt-4o")'
            '.input("Name the city in " + t).build()); } }'
        ),
        "web handler",
    ),
    "K.php": (
        (
            "<?php\nuse OpenAI\\Laravel\\Facades\\OpenAI;\nclass K implements ShouldQueue {\n"
            "function handle() { OpenAI::responses()->create(['model' => 'gpt-4o', "
            "'input' => 'Name the city in ' . $this->text]); } }"
        ),
        "queue worker",
    ),
    "main.go": (
        (
            'package main\nimport "github.com/openai/openai-go"\nfunc main() {\n'
            "client := openai.NewClient()\nclient.Chat.Completions.New(ctx, "
            'openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.X{'
            'openai.UserMessage("Name the city in " + text)}})\n}'
        ),
        "command line",
    ),
    "c.rb": (
        (
            "class C < ApplicationController\n  def f\n    OpenAI::Client.new.responses.create("
            'model: "gpt-4o", input: "Name the city in #{params[:t]}")\n  end\nend'
        ),
        "web handler",
    ),
    "D.cs": (
        (
            "using OpenAI.Chat;\n[ApiController]\nclass D(ChatClient chat) : ControllerBase {\n"
            "[HttpPost] public async Task F(string t) { await chat.CompleteChatAsync("
            '$"Name the city in {t}"); } }'
        ),
        "web handler",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_contexts_in_other_languages(tmp_path: Path, name: str) -> None:
    code, expected = OTHERS[name]
    assert only_site(tmp_path, code, name).contexts == (expected,)


def test_a_loop_of_attempts_is_none(tmp_path: Path) -> None:
    code = (
        f"{HEAD}def f(t):\n    for attempt in range(3):\n        try:\n            return {CALL}\n"
        "        except Exception:\n            pass\n"
    )
    assert only_site(tmp_path, code).contexts == ()


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("none", "warning"), ("web handler", "error"), ("loop", "error"), ("command line", "warning")],
)
def test_what_repeats_an_expensive_call_makes_it_an_error(
    tmp_path: Path, kind: str, severity: str
) -> None:
    findings = scan(tmp_path, PYTHON[kind]).findings
    assert [one.severity for one in findings if one.rule == "closed-answer"] == [severity]


def test_a_cheap_model_stays_a_warning(tmp_path: Path) -> None:
    (finding,) = scan(tmp_path, PYTHON["web handler"].replace("gpt-4o", "gpt-4o-mini")).findings
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("kind", "is_offline"),
    [("loop", True), ("queue worker", True), ("web handler", False), ("none", False)],
)
def test_only_what_nobody_waits_for_is_offline(
    tmp_path: Path, kind: str, *, is_offline: bool
) -> None:
    rules = {rule for _, _, rule in found(scan(tmp_path, PYTHON[kind]))}
    assert ("offline-loop" in rules) == is_offline
