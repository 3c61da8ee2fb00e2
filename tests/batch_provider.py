"""A provider that answers batches, counts its charges, and does not do all that it is asked."""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Literal

import orjson

from locum.schema import JsonObject, OwnPrice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web

__all__ = ["ENDPOINT", "MODEL", "PRICE", "Action", "Fault", "Provider"]

PRICE = OwnPrice(1.0, 4.0)
MODEL = "gpt-4o-mini"
ENDPOINT = "/v1/chat/completions"
_NEXT = {
    "validating": "in_progress",
    "in_progress": "finalizing",
    "finalizing": "completed",
    "cancelling": "cancelled",
}
Action = Literal[
    "200",
    "302",
    "400",
    "401",
    "404",
    "429",
    "500",
    "no money",
    "cut",
    "cut after",
    "half",
    "hold",
    "hold after",
]


@dataclass
class Fault:
    """What goes wrong with the next requests of a kind.

    Args:
        method: Their method.
        path: Pattern of their path, without ``/v1``.
        action: An HTTP status; or ``cut``, where nothing is done and the connection is cut;
            ``cut after``, once it is done; ``half`` in the middle of the answer; ``hold`` and
            ``hold after``, where the answer does not come.
        times: How often.
    """

    method: str
    path: str
    action: Action
    times: int = 1

    def meets(self, request: web.Request) -> bool:
        """Whether it befalls a request."""
        path = request.path.removeprefix("/v1")
        return bool(self.times and self.method == request.method and re.fullmatch(self.path, path))


@dataclass
class Provider:
    """Files, batches and charges.

    Args:
        price: Of the tokens; a batch costs half of it.
        most_queued: Requests of unfinished batches at most.
        refused: Whether a text is declined.
        garbled: Whether the answer to a text is none.
        left_out: Whether the provider says nothing of a text.
        expires: How many of the next batches expire, with how many requests answered.
        held: Whether batches stay in progress.
        spoiled: Which of the next uploads gets lost on its way, from 1.
        faults: What goes wrong.
    """

    price: OwnPrice = PRICE
    most_queued: int = 10**9
    refused: Callable[[str], bool] = lambda _: False
    garbled: Callable[[str], bool] = lambda _: False
    left_out: Callable[[str], bool] = lambda _: False
    expires: list[int] = field(default_factory=list)
    held: bool = False
    spoiled: int = 0
    faults: list[Fault] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, JsonObject] = field(default_factory=dict)
    charged: Counter[str] = field(default_factory=Counter)
    charged_nanodollars: int = 0
    authorizations: set[str | None] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    uploads: list[tuple[str | None, str]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=count)
    shuffle: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311

    def fail(self, method: str, path: str, action: Action, times: int = 1) -> None:
        """Let the next requests of a kind go wrong."""
        self.reached.clear()
        self.faults.append(Fault(method, path, action, times))

    def keep(self, content: bytes) -> str:
        """Keep a file and return its id."""
        name = f"file-{next(self.numbers)}"
        self.files[name] = content
        return name

    def take(self, content: bytes) -> str:
        """Keep a file that was uploaded, or half of it."""
        self.spoiled -= 1
        return self.keep(content[: len(content) // 2] if self.spoiled == 0 else content)

    def make(self, asked: JsonObject) -> JsonObject:
        """Make a batch."""
        number = next(self.numbers)
        batch: JsonObject = {
            "id": f"batch_{number}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "errors": None,
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(time.time()),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }
        self.batches[batch["id"]] = batch
        return batch

    def tick(self) -> None:
        """Bring every batch to its next status."""
        for batch in self.batches.values():
            status = batch["status"]
            if status not in _NEXT or (self.held and status == "in_progress"):
                continue
            if status == "validating":
                self._validate(batch)
            elif status == "in_progress":
                self._answer(batch)
            else:
                batch["status"] = batch.pop("then", _NEXT[status])

    def lines(self, batch: JsonObject) -> list[JsonObject]:
        """The requests of a batch."""
        return [orjson.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def _validate(self, batch: JsonObject) -> None:
        problem = self._problem(batch)
        if problem is not None:
            batch |= {"status": "failed", "errors": {"object": "list", "data": [problem]}}
            return
        batch["status"] = "in_progress"
        batch["request_counts"]["total"] = len(self.lines(batch))

    def _problem(self, batch: JsonObject) -> JsonObject | None:
        """What is wrong with a batch as a whole."""
        try:
            lines = self.lines(batch)
        except orjson.JSONDecodeError:
            return _problem("invalid_json_line", "This line is not parseable as valid JSON.", 1)
        queued = sum(
            other["request_counts"]["total"]
            for other in self.batches.values()
            if other["status"] in {"in_progress", "finalizing"}
        )
        keys = {line["custom_id"] for line in lines}
        checks = (
            (not lines, "empty_file"),
            (len(lines) > 50_000, "too_many_tasks"),
            (len(keys) < len(lines), "duplicate_custom_id"),
            (any(line["url"] != ENDPOINT for line in lines), "url_mismatch"),
            ({line["body"]["model"] for line in lines} != {MODEL}, "model_not_found"),
            (queued + len(lines) > self.most_queued, "token_limit_exceeded"),
        )
        codes = [code for wrong, code in checks if wrong]
        return _problem(codes[0], f"{codes[0]}: see the documentation.") if codes else None

    def _answer(self, batch: JsonObject) -> None:
        """Answer requests in no order; what the batch's time does not do for is left."""
        lines = self.lines(batch)
        self.shuffle.shuffle(lines)
        most = self.expires.pop(0) if self.expires else len(lines)
        results = [self._result(line) for line in lines[:most]]
        results += [_left(line, "batch_expired") for line in lines[most:]]
        self.shuffle.shuffle(results)
        kept = [one for one in results if one is not None]
        good, bad = list[JsonObject](), list[JsonObject]()
        for one in kept:
            answered = one["response"] is not None and one["response"]["status_code"] == 200
            (good if answered else bad).append(one)
        batch["status"] = "finalizing"
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        batch["output_file_id"] = self.keep(_to_lines(good)) if good else None
        batch["error_file_id"] = self.keep(_to_lines(bad)) if bad else None
        if most < len(lines):
            batch["then"] = "expired"

    def cancel(self, batch: JsonObject) -> None:
        """Let none of its requests be answered any more."""
        if batch["status"] == "in_progress":
            batch["error_file_id"] = self.keep(
                _to_lines([_left(line, "batch_cancelled") for line in self.lines(batch)])
            )
        if batch["status"] in {"validating", "in_progress"}:
            batch["status"] = "cancelling"

    def _result(self, line: JsonObject) -> JsonObject | None:
        text = line["body"]["messages"][-1]["content"]
        if self.refused(text):
            said = {"error": {"message": f"declined: {text}", "code": "invalid_prompt"}}
            return _line(line, 400, said)
        body = completion(line["body"])
        self.charged[line["custom_id"]] += 1
        usage = body["usage"]
        cost = (
            usage["prompt_tokens"] * self.price.input
            + usage["completion_tokens"] * self.price.output
        )
        self.charged_nanodollars += math.ceil(cost * 1000 / 2)
        if self.left_out(text):
            return None
        return _line(line, 200, {"choices": "none"} if self.garbled(text) else body)


def completion(asked: JsonObject) -> JsonObject:
    """Answer ``card`` where a text mentions a card, and ``cash`` otherwise."""
    text = asked["messages"][-1]["content"]
    label, other = ("card", "cash") if "card" in text else ("cash", "card")
    alternatives = [
        {"token": label, "logprob": math.log(0.75)},
        {"token": other, "logprob": math.log(0.25)},
    ]
    logprobs = {"content": [alternatives[0] | {"top_logprobs": alternatives}]}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": f"{asked['model']}-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": label},
                "logprobs": logprobs if asked.get("logprobs") else None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 30 + len(text) // 4, "completion_tokens": 2},
    }


def _problem(code: str, message: str, line: int | None = None) -> JsonObject:
    return {"code": code, "message": message, "line": line, "param": None}


def _line(asked: JsonObject, status: int, body: JsonObject) -> JsonObject:
    response = {"status_code": status, "request_id": "r-1", "body": body}
    return {
        "id": "batch_req_1",
        "custom_id": asked["custom_id"],
        "response": response,
        "error": None,
    }


def _left(asked: JsonObject, code: str) -> JsonObject:
    error = {"code": code, "message": "This request could not be executed."}
    return {
        "id": "batch_req_1",
        "custom_id": asked["custom_id"],
        "response": None,
        "error": error,
    }


def _to_lines(lines: list[JsonObject]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
