"""A model on loopback that answers in JSON, behind OpenAI's and Anthropic's paths."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JsonModel", "serving"]


class JsonModel:
    """Answers each text as a function says, and keeps what it was asked.

    Args:
        answer: The answer to a text; ``None`` declines.
        longest: Characters of an answer at the most; a longer one breaks off.
    """

    def __init__(self, answer: Callable[[str], str | None], longest: int | None = None) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self._answer = answer
        self._longest = longest

    def respond(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the body of an answer."""
        self.requests.append(request)
        whole = self._answer(request["messages"][-1]["content"])
        said = None if whole is None else whole[: self._longest]
        end = ("stop", "end_turn") if said == whole else ("length", "max_tokens")
        if path.endswith("/messages"):
            return {
                "model": "json-1",
                "content": [{"type": "text", "text": said or ""}],
                "stop_reason": end[1] if said is not None else "refusal",
                "usage": {"input_tokens": 50, "output_tokens": 20},
            }
        message = {"role": "assistant", "content": said}
        if said is None:
            message["refusal"] = "I would rather not."
        return {
            "model": "json-1",
            "choices": [{"index": 0, "message": message, "finish_reason": end[0]}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 20},
        }


@contextmanager
def serving(model: JsonModel) -> Iterator[JsonModel]:
    """Serve a model, and set its ``url``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps(model.respond(self.path, json.loads(content))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
