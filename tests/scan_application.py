"""A small application that calls language models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TRIAGE", "write_application"]

TRIAGE = """from flask import Flask, request
from openai import OpenAI

app = Flask(__name__)
client = OpenAI()
TEAMS = "billing, shipping, returns"


@app.post("/triage")
def triage() -> str:
    answer = client.chat.completions.create(
        model="gpt-4o",
        temperature=0,
        max_tokens=5,
        messages=[
            {"role": "system", "content": f"Which team should answer? One of: {TEAMS}."},
            {"role": "user", "content": request.json["text"]},
        ],
    )
    team = answer.choices[0].message.content
    if team == "billing":
        return "invoices@example.com"
    if team == "shipping":
        return "parcels@example.com"
    return "help@example.com"
"""

_CHAT = """import OpenAI from "openai";

const client = new OpenAI();

export async function reply(messages: OpenAI.ChatCompletionMessageParam[]) {
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages });
  return answer.choices[0].message;
}
"""

_ORDER = """import OpenAI from "openai";

const client = new OpenAI();

export async function order(text: string) {
  const answer = await client.chat.completions.create({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: `Return JSON with the keys product and count: ${text}` }],
  });
  return answer.choices[0].message.content;
}
"""


def write_application(folder: Path) -> Path:
    """Write an application with three call sites, two of which break a rule.

    They are ``src/triage.py`` (closed-answer) and ``src/order.ts`` (fixed-schema).
    """
    source = folder / "src"
    source.mkdir()
    (source / "triage.py").write_text(TRIAGE)
    (source / "chat.ts").write_text(_CHAT)
    (source / "order.ts").write_text(_ORDER)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_triage.py").write_text(TRIAGE)
    return folder
