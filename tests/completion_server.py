"""A real model behind the wire formats of vLLM and of llama.cpp, on loopback or on a file's socket.

Run as a program it is called as llama.cpp's server is, and loads a GGUF file.
"""

from __future__ import annotations

import json
import shlex
import socketserver
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from locum.writers import InProcess, load_pretrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.export import CertifiedWriter

__all__ = [
    "WRITER_NAME",
    "CompletionServer",
    "running_programs",
    "save_llama_program",
    "serving_completions",
    "serving_writer",
]

WRITER_NAME = "notes-0123456789ab"
"""By which a server knows a student's weights."""

_MODULE = "tests.completion_server"

Answered = tuple[int, Any]


class CompletionServer:
    """What is asked of a server, and what it answers.

    Args:
        name: Of its model.
        backend: The model.
    """

    def __init__(self, name: str, backend: InProcess | None = None) -> None:
        self.names = [name]
        self.backend = backend
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.change: Callable[[Answered], Answered] = lambda answered: answered
        self.change_list: Callable[[Answered], Answered] = self.change
        self.url = ""
        self._one = threading.Lock()

    def answer(self, path: str, request: dict[str, Any] | None) -> Answered:
        """Answer a call; ``change`` and ``change_list`` may make something else of it."""
        if path == "/v1/models":
            return self.change_list((200, {"data": [{"id": name} for name in self.names]}))
        if path == "/health":
            return 200, {"status": "ok"}
        if path != "/v1/completions" or request is None or self.backend is None:
            return 404, {"error": path}
        self.requests.append(request)
        if request["model"] not in self.names:
            return 404, {"error": f"The model `{request['model']}` does not exist."}
        assert (request["temperature"], request["logprobs"]) == (0, 1)
        with self._one:
            [written] = self.backend.go_on([request["prompt"]], request["max_tokens"])
        chances = written.log_probabilities.tolist()
        told: dict[str, Any] = {"token_logprobs": chances}
        if "n_probs" in request:  # which llama.cpp alone knows
            told = {"content": [{"id": 0, "logprob": chance} for chance in chances]}
        reason = "stop" if written.ended else "length"
        choice = {"text": written.text, "finish_reason": reason, "logprobs": told}
        return self.change((200, {"choices": [choice]}))


def _handler(server: CompletionServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(*server.answer(self.path, None))

        def do_POST(self) -> None:
            server.keys.append(self.headers["authorization"])
            content = self.rfile.read(int(self.headers["content-length"]))
            self._say(*server.answer(self.path, json.loads(content)))

        def _say(self, status: int, value: Any) -> None:  # noqa: ANN401 - JSON
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            with suppress(BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def address_string(self) -> str:
            return "a client"

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving_writer(student: CertifiedWriter, port: int = 0) -> Iterator[CompletionServer]:
    """Let a server compute what a student of this process would."""
    backend = student.model.backend
    assert isinstance(backend, InProcess)
    with serving_completions(CompletionServer(WRITER_NAME, backend), port) as running:
        yield running


@contextmanager
def serving_completions(server: CompletionServer, port: int = 0) -> Iterator[CompletionServer]:
    """Let a server answer at its URL."""
    http = ThreadingHTTPServer(("127.0.0.1", port), _handler(server))
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def save_llama_program(folder: Path) -> Path:
    """Write a program that is called, and answers, as llama.cpp's server does."""
    program = folder / "llama-server"
    paths = ":".join(path for path in sys.path if path)
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(paths)} exec {shlex.quote(sys.executable)} "
        f'-m {_MODULE} "$@"\n'
    )
    program.chmod(0o755)
    return program


def running_programs(folder: Path) -> list[int]:
    """Return the processes of that program that compute a folder's weights."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder / "model.gguf").encode() in words and _MODULE.encode() in words:
            found.append(int(process.name))
    return found


def main() -> None:
    """Serve as ``llama-server`` does."""
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    assert Path(options["--host"]).parent.stat().st_mode & 0o077 == 0
    if int(options["--ctx-size"]) < int(options["--parallel"]):
        sys.exit("no room")
    with TemporaryDirectory() as scratch:
        # The file alone is read, and nothing that lies beside it.
        alone = Path(scratch) / "model.gguf"
        alone.symlink_to(options["--model"])
        server = CompletionServer("", InProcess(*load_pretrained(alone)))
    with socketserver.ThreadingUnixStreamServer(options["--host"], _handler(server)) as http:
        http.serve_forever()


if __name__ == "__main__":
    main()
