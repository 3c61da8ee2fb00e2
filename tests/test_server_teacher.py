"""A teacher behind a server: a real model on loopback that answers in the shape of vLLM."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import torch

from locum.errors import TeacherError, UsageError
from locum.language import ModelTeacher, Origin, distill_language_model, pack, passage
from locum.language.server_teacher import ServerTeacher
from locum.losses import SparseTargets, forward_kl
from tests.tiny_model import TEXTS, byte_level_tokenizer, new_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = Callable[[dict[str, Any]], tuple[int, Any]]

TOKENIZER = byte_level_tokenizer()
SIZE = len(TOKENIZER)
MODEL = new_model("llama", SIZE, spread=0.1)
PACKED = pack([passage(text, TOKENIZER) for text in TEXTS[:6]], 24, 1)


def vllm(request: dict[str, Any]) -> tuple[int, Any]:
    """The likeliest tokens after each of a prompt, and the one that stands there."""
    ids = request["prompt"]
    with torch.no_grad():
        said = MODEL(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
    places: list[Any] = [None]
    for place, token in enumerate(ids[1:]):
        shown = {token, *said[place].topk(request["prompt_logprobs"]).indices.tolist()}
        places.append(
            {
                str(one): {
                    "logprob": float(said[place, one]),
                    "decoded_token": TOKENIZER.decode([one]),
                }
                for one in shown
            }
        )
    return 200, {"choices": [{"text": "", "prompt_logprobs": places}]}


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/completions"
            content = self.rfile.read(int(self.headers["content-length"]))
            status, value = answer(json.loads(content))
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # of a request that nobody waits for any more
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def everything(signal: Callable[[slice], Any]) -> SparseTargets:
    said = signal(slice(None))
    assert isinstance(said, SparseTargets)
    return said


@pytest.mark.parametrize("count", [1, 5, SIZE])
def test_it_says_of_each_row_what_the_model_itself_does(count: int) -> None:
    with serving(vllm) as url:
        said = everything(ServerTeacher(url, "tiny", TOKENIZER, count=count).ask(PACKED))
    whole = ModelTeacher(MODEL, SIZE, precision="float32").ask(PACKED)(slice(None))
    assert isinstance(whole, torch.Tensor)
    expected = whole.log_softmax(dim=-1).gather(1, said.ids_NK)
    torch.testing.assert_close(said.log_probabilities_NK, expected, rtol=1e-3, atol=1e-4)
    assert said.ids_NK.shape == (PACKED.rows, count)
    assert torch.equal(said.ids_NK.sort(dim=1).values, whole.topk(count).indices.sort(dim=1).values)
    student = torch.randn(PACKED.rows, SIZE, generator=torch.Generator().manual_seed(0))
    listed, dense = forward_kl(student, said), forward_kl(student, whole)
    assert float(listed) <= float(dense) + 1e-4
    if count == SIZE:
        assert float(listed) == pytest.approx(float(dense), rel=1e-4)


def test_it_is_asked_from_a_running_event_loop() -> None:
    """As in a notebook."""

    async def notebook(url: str) -> SparseTargets:
        return everything(ServerTeacher(url, "tiny", TOKENIZER, count=5).ask(PACKED))

    with serving(vllm) as url:
        said = asyncio.run(notebook(url))
    assert said.ids_NK.shape == (PACKED.rows, 5)


def test_tokens_that_the_student_has_not_are_passed_over() -> None:
    """A model's head may have rows that stand for no token."""

    def padded(request: dict[str, Any]) -> tuple[int, Any]:
        status, said = vllm(request)
        for place in said["choices"][0]["prompt_logprobs"][1:]:
            place[str(SIZE + 2)] = {"logprob": -0.01, "decoded_token": ""}
        return status, said

    found = []
    for answer in (vllm, padded):
        with serving(answer) as url:
            found.append(everything(ServerTeacher(url, "tiny", TOKENIZER, count=5).ask(PACKED)))
    assert torch.equal(found[0].ids_NK, found[1].ids_NK)
    assert torch.equal(found[0].log_probabilities_NK, found[1].log_probabilities_NK)


def test_a_password_in_its_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    url = "http://me:hidden@127.0.0.1:9/v1"
    origin = Origin(str(tmp_path / "model"))
    for make in (
        lambda: ServerTeacher(url, "tiny", TOKENIZER),
        lambda: distill_language_model(
            [tmp_path], tmp_path / "student", teacher=url, served_as="tiny", origin=origin
        ),
        lambda: distill_language_model([tmp_path], tmp_path / "student", teacher=url),
    ):
        with pytest.raises(UsageError, match="teacher's URL holds a user or a password") as caught:
            make()
        assert "hidden" not in str(caught.value)


def test_failures_that_pass_are_tried_again() -> None:
    asked: list[int] = []

    def shaky(request: dict[str, Any]) -> tuple[int, Any]:
        asked.append(1)
        return (503, {}) if len(asked) == 1 else vllm(request)

    with serving(shaky) as url:
        ServerTeacher(url, "tiny", TOKENIZER, count=3, concurrency=1).ask(PACKED)
    assert len(asked) == 7


def test_a_server_of_other_tokens_is_refused() -> None:
    def other(request: dict[str, Any]) -> tuple[int, Any]:
        status, value = vllm(request)
        for place in value["choices"][0]["prompt_logprobs"][1:]:
            for one in place.values():
                one |= {"decoded_token": "other"}
        return status, value

    with serving(other) as url, pytest.raises(UsageError, match="student of the teacher's family"):
        ServerTeacher(url, "tiny", TOKENIZER, count=3).ask(PACKED)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"choices": [{"text": ""}]}, "without prompt_logprobs"),
        ({"choices": []}, "without prompt_logprobs"),
        ({"choices": [{"prompt_logprobs": [None]}]}, "answered of 1 tokens"),
    ],
)
def test_a_server_that_gives_none_is_told(value: dict[str, Any], message: str) -> None:
    with serving(lambda _: (200, value)) as url, pytest.raises(TeacherError, match=message):
        ServerTeacher(url, "tiny", TOKENIZER).ask(PACKED)


def test_a_server_with_a_lower_bound_is_told() -> None:
    def few(request: dict[str, Any]) -> tuple[int, Any]:
        return vllm(request | {"prompt_logprobs": 2})

    with serving(few) as url, pytest.raises(TeacherError, match="--max-logprobs"):
        ServerTeacher(url, "tiny", TOKENIZER, count=9).ask(PACKED)


def test_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="starts with http"):
        ServerTeacher("127.0.0.1:8000", "tiny", TOKENIZER)
    with pytest.raises(TeacherError, match="cannot be reached"):
        ServerTeacher("http://127.0.0.1:9/v1", "tiny", TOKENIZER).ask(PACKED)
