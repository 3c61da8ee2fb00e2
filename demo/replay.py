"""A loopback OpenAI-compatible server that answers from the recording.

It speaks HTTP like any other server, so that the demo's client path is the production one: it reads
the question out of the chat messages and answers with what the recorded model wrote, its tokens
and their log-probabilities. What the recorded model was not asked is answered with 404.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from demo.questions import input_id

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RECORDING", "Recording", "replay_server"]

RECORDING = Path(__file__).parent / "recording.jsonl.gz"
_END = "<|im_end|>"
_START_SECONDS = 10.0


class Recording:
    """The recorded model's answers by the id of the question.

    Args:
        path: A header line and one line a question, as ``demo.record`` writes them.
    """

    def __init__(self, path: Path = RECORDING) -> None:
        header, *rows = map(orjson.loads, gzip.decompress(path.read_bytes()).splitlines())
        self.model: str = header["model"]
        self.latency_ms: float = header["latency_ms"]
        self._rows: dict[str, dict[str, Any]] = {row["id"]: row for row in rows}

    def complete(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return a chat completion for a request; ``None`` for a question not recorded."""
        row = self._rows.get(input_id(request["messages"][-1]["content"]))
        if row is None:
            return None
        count = request.get("top_logprobs", 0) if request.get("logprobs") else None
        ended = row["tokens"][-1] == _END
        tokens = row["tokens"][:-1] if ended else row["tokens"]
        content = None if count is None else _logprobs(tokens, row["top"], count)
        return {
            "id": f"chatcmpl-{row['id']}",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(tokens)},
                    "logprobs": None if content is None else {"content": content},
                    "finish_reason": "stop" if ended else "length",
                }
            ],
            "usage": {
                "prompt_tokens": row["prompt_tokens"],
                "completion_tokens": len(row["tokens"]),
                "total_tokens": row["prompt_tokens"] + len(row["tokens"]),
            },
        }


def _logprobs(
    tokens: list[str], top: list[list[tuple[str, float]]], count: int
) -> list[dict[str, Any]]:
    return [
        {**_entry(token, dict(reversed(others))[token]), "top_logprobs": _top(others, count)}
        for token, others in zip(tokens, top, strict=False)
    ]


def _top(others: list[tuple[str, float]], count: int) -> list[dict[str, Any]]:
    return [_entry(token, logprob) for token, logprob in others[:count]]


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


@contextmanager
def replay_server(recording: Recording) -> Iterator[str]:
    """Serve a recording on a free loopback port; yields the API's base URL."""
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    ready = threading.Event()

    async def serve() -> None:
        runner = web.AppRunner(_make_app(recording), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop, runner.addresses[0][1]))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not ready.wait(_START_SECONDS):
        raise SystemExit("the replay server did not start")
    loop, stop, port = started[0]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _make_app(recording: Recording) -> web.Application:
    async def complete(request: web.Request) -> web.Response:
        completion = recording.complete(orjson.loads(await request.read()))
        if completion is None:
            error = {"message": "not recorded", "type": "invalid_request_error"}
            return _json({"error": error}, 404)
        return _json(completion)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    return app


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
