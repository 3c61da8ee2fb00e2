"""Recorded banking queries as calls of OpenAI's API, and a teacher's answers to them.

The queries and answers are those of ``benchmarks/data/banking77_deepseek.csv``. Its data set names
two splits: what is called ``train`` there is recorded and learned from, the rest is traffic that
comes later.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "MODEL",
    "TASK",
    "BankingCall",
    "answer_body",
    "instruction",
    "labels_of",
    "read_calls",
    "request_body",
    "write_pairs",
]

TASK = "banking77"
MODEL = "deepseek-v4.1-flash"
CALLS = Path(__file__).parent / "data" / "banking77_deepseek.csv"
# nginx looks answers up by the text as it stands in the body, so it must stand there as it is.
PLAIN = re.compile(r"[A-Za-z0-9 ,.'?!-]+")


class BankingCall(NamedTuple):
    """A query, what DeepSeek answered, and what that took.

    Args:
        split: The data set's own: ``train`` or ``test``.
        text: The query.
        answer: The teacher's label.
        latency_ms: From the request to the answer.
        cost_usd: Its price.
    """

    split: str
    text: str
    answer: str
    latency_ms: float
    cost_usd: float

    @property
    def is_plain(self) -> bool:
        """Whether JSON writes the text as it is."""
        return PLAIN.fullmatch(self.text) is not None


def read_calls() -> list[BankingCall]:
    """Read what was recorded."""
    with CALLS.open(encoding="utf-8", newline="") as file:
        return [
            BankingCall(
                row["split"],
                row["text"],
                row["teacher"],
                float(row["latency_ms"]),
                float(row["cost_usd"]),
            )
            for row in csv.DictReader(file)
        ]


def labels_of(calls: list[BankingCall]) -> list[str]:
    """Return the label set."""
    return sorted({call.answer for call in calls})


def instruction(labels: list[str]) -> str:
    """Word the prompt: 1.8 KB, as the recorded one, which names all intents."""
    listed = "\n".join(labels)
    return (
        "Classify the customer's online banking message into exactly one of these intents, and "
        f"answer with the intent alone:\n\n{listed}"
    )


def request_body(system: str, text: str) -> dict[str, Any]:
    """Return what an application sends."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return {"model": MODEL, "temperature": 0, "messages": messages}


def answer_body(number: str, answer: str, text: str, cost_usd: float = 0.0) -> dict[str, Any]:
    """Return what the teacher answers; tokens are about a fourth of the characters."""
    message = {"role": "assistant", "content": answer, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    prompt, completion = 430 + len(text) // 4, 1 + len(answer) // 4
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": cost_usd,
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1790427634,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }


def write_pairs(calls: list[BankingCall], system: str, path: Path) -> None:
    """Write calls as pairs of request and response, a line each, for ``locum import``."""
    with path.open("w", encoding="utf-8") as file:
        for number, call in enumerate(calls):
            pair = {
                "request": request_body(system, call.text),
                "response": answer_body(f"{number:024d}", call.answer, call.text),
                "latency_ms": call.latency_ms,
                "cost_usd": call.cost_usd,
            }
            file.write(json.dumps(pair) + "\n")
