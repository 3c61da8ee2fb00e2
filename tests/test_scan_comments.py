"""Comments between the parts of a prompt, which change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scanning import only_site

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = "Is this spam?", " Answer yes or no."
PYTHON = """from openai import OpenAI
client = OpenAI()
PROMPT = {prompt}
def f(t):
    return client.responses.create(model="gpt-4o", instructions=PROMPT, input=t)
"""
TYPESCRIPT = """import OpenAI from "openai";
const client = new OpenAI();
const NO = "no";
const PROMPT = {prompt};
export const f = (t: string) =>
  client.responses.create({{ model: "gpt-4o", instructions: PROMPT, input: t }});
"""
JAVA = """import com.openai.client.OpenAIClient;
import com.openai.models.chat.completions.*;
public class A {{
  static final String PROMPT = {prompt};
  public Object f(OpenAIClient client, String t) {{
    return client.chat().completions().create(ChatCompletionCreateParams.builder()
      .model("gpt-4o").addSystemMessage(PROMPT).addUserMessage(t).build());
  }}
}}
"""
CSHARP = """using OpenAI.Chat;
class A {{
  const string Prompt = {prompt};
  object F(ChatClient client, string t) =>
    client.CompleteChat(new SystemChatMessage(Prompt), new UserChatMessage(t));
}}
"""
PHP = """<?php
use OpenAI\\Client;
class A {{
  const PROMPT = {prompt};
  function f(Client $client, string $t) {{
    return $client->chat()->create(["model" => "gpt-4o", "messages" => [
      ["role" => "system", "content" => self::PROMPT], ["role" => "user", "content" => $t]]]);
  }}
}}
"""
RUBY = """require "openai"
PROMPT = {prompt}
def f(t)
  OpenAI::Client.new.chat(parameters: {{ model: "gpt-4o", messages: [
    {{ role: "system", content: PROMPT }}, {{ role: "user", content: t }}] }})
end
"""
GO = """package main
import "github.com/openai/openai-go"
const prompt = {prompt}
func f(client openai.Client, t string) {{
  client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{{ Model: "gpt-4o",
    Messages: []openai.ChatCompletionMessageParamUnion{{
      openai.SystemMessage(prompt), openai.UserMessage(t) }} }})
}}
"""


@pytest.mark.parametrize(
    ("name", "code", "prompt"),
    [
        ("a.py", PYTHON, f'(\n    "{ONE}{TWO}"  # the prompt\n)'),
        ("a.py", PYTHON, f'(\n    "{ONE}"  # a task\n    "{TWO}"  # its labels\n)'),
        ("a.ts", TYPESCRIPT, f'(\n  "{ONE}{TWO}" // the prompt\n)'),
        ("a.ts", TYPESCRIPT, f"`{ONE} Answer yes or ${{/* the other */ NO}}.`"),
        ("a.ts", TYPESCRIPT, f'[/* two parts */ "{ONE}", "{TWO}"].join("")'),
        ("A.java", JAVA, f'( "{ONE}{TWO}" /* the prompt */ )'),
        ("A.cs", CSHARP, f'( "{ONE}{TWO}" /* the prompt */ )'),
        ("a.php", PHP, f'( "{ONE}{TWO}" // the prompt\n )'),
        ("a.rb", RUBY, f'(\n  "{ONE}{TWO}" # the prompt\n)'),
        ("a.go", GO, f'( /* the prompt */ "{ONE}{TWO}" /* in one line */ )'),
    ],
)
def test_a_comment_in_a_prompt_hides_nothing(
    tmp_path: Path, name: str, code: str, prompt: str
) -> None:
    site = only_site(tmp_path, code.format(prompt=prompt), name)
    assert site.answers == ("yes", "no")
    assert site.instruction is not None
    assert site.instruction.startswith(f"{ONE}{TWO}")
