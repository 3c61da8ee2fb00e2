"""Made-up close calls: the recorded answer is one draw of what the teacher thinks."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from locum.losses import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["LABELS", "CloseCall", "SoftServer", "make_close_calls", "serve_soft_labels"]

LABELS = ("billing", "shipping", "returns")
_SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "ra", "su", "ti", "ve")
_WORDS = tuple(a + b + "x" for a in _SYLLABLES for b in _SYLLABLES[:4])
_TELLING = 5
_LEANING = (1.0, 0.0, -1.0)
_TOKENS = {"prompt_tokens": 40, "completion_tokens": 1, "total_tokens": 41}


class CloseCall(NamedTuple):
    """A text, the teacher's distribution over the labels, and an answer drawn from it."""

    text: str
    distribution: dict[str, float]
    answer: str


def make_close_calls(count: int, *, seed: int = 1) -> list[CloseCall]:
    """Texts of five words; the words' scores sum to the logits of the teacher's distribution."""
    scores = np.random.default_rng(0).normal(size=(len(_WORDS), len(LABELS)))
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(_WORDS), (count, _TELLING))
    soft = softmax(scores[chosen].sum(axis=1) + np.array(_LEANING))
    return [
        CloseCall(
            " ".join(_WORDS[index] for index in row),
            dict(zip(LABELS, probabilities.tolist(), strict=True)),
            str(generator.choice(LABELS, p=probabilities)),
        )
        for row, probabilities in zip(chosen.tolist(), soft, strict=True)
    ]


class SoftServer(NamedTuple):
    """A chat completions server with log-probabilities.

    Args:
        url: Its address.
        asked: The texts that it was asked about, in their order.
    """

    url: str
    asked: list[str]


@contextmanager
def serve_soft_labels(
    distributions: Mapping[str, Mapping[str, float]],
    failing: Callable[[str], bool] = lambda _: False,
) -> Iterator[SoftServer]:
    """Answer each text by its distribution; 400 where it is to fail, or is not known."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
            text = request["messages"][-1]["content"]
            asked.append(text)
            distribution = distributions.get(text)
            ok = distribution is not None and not failing(text)
            wanted = bool(request.get("logprobs"))
            self._send(200, _completion(distribution or {}, wanted)) if ok else self._send(400, {})

        def _send(self, status: int, body: Mapping[str, Any]) -> None:
            content = orjson.dumps(body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield SoftServer(f"http://127.0.0.1:{server.server_port}/v1", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _completion(distribution: Mapping[str, float], wanted: bool) -> dict[str, Any]:  # noqa: FBT001 - of one caller
    said = max(distribution, key=distribution.__getitem__)
    listed = [{"token": token, "logprob": math.log(p)} for token, p in distribution.items()]
    token = {"token": said, "logprob": math.log(distribution[said]), "top_logprobs": listed}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": said},
        "logprobs": {"content": [token]} if wanted else None,
        "finish_reason": "stop",
    }
    return {"id": "1", "model": "soft-teacher", "choices": [choice], "usage": _TOKENS}
