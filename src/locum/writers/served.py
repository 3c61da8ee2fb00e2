"""Writers that a server computes: llama.cpp's, which is started here, or one that runs already."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from locum.errors import WriterError
from locum.teachers.urls import check_url
from locum.writers.backend import LOAD_SECONDS
from locum.writers.completions import Completions, Place
from locum.writers.keys import key_for, why_no_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.writers.backend import Written

__all__ = ["LlamaServer", "RunningServer", "read_served"]

_WEIGHTS = "model.gguf"
_PROGRAM = "llama-server"
_PROGRAM_VARIABLE = "LOCUM_LLAMA_SERVER"
_KEEPER = Path(__file__).with_name("keeper.py")
_SLOTS, _AT_ONCE = 4, 32
_LOOK_SECONDS, _LEAVE_SECONDS = 0.1, 5.0
_IS_WELL = b"HTTP/1.1 200"
# What llama.cpp alone knows: no numbers that hang on what was asked before, and no penalties.
_PLAIN = {"n_probs": 1, "cache_prompt": False, "repeat_penalty": 1.0}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _LlamaFacts(_Strict):
    kind: Literal["llama.cpp"] = "llama.cpp"
    numbers: str
    context: Annotated[int, Field(ge=1)]


class _ServerFacts(_Strict):
    kind: Literal["server"] = "server"
    url: Annotated[str, Field(pattern=r"^https?://")]
    model: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


_ANY: TypeAdapter[_LlamaFacts | _ServerFacts] = TypeAdapter(
    Annotated[_LlamaFacts | _ServerFacts, Field(discriminator="kind")]
)


def read_served(directory: Path, facts: object) -> LlamaServer | RunningServer:
    """Return the server by which a saved writer was certified.

    Args:
        directory: The writer's folder.
        facts: What its `facts` were.

    Raises:
        ValueError: They are damaged.
    """
    found = _ANY.validate_python(facts)
    if isinstance(found, _LlamaFacts):
        return LlamaServer(directory / _WEIGHTS, found.numbers, found.context)
    return RunningServer(found.url, found.model, found.sha256)


class LlamaServer:
    """llama.cpp's server. It is started when it is first asked, and ends with this object.

    It listens in a folder that no other user may look into.

    Args:
        weights: The model as a GGUF file.
        numbers: How its numbers are rounded, by llama.cpp's name for that.
        context: Tokens of a prompt and its answer, together, at the most.
        attempts: How often it is asked about a prompt before that is given up.
    """

    def __init__(self, weights: Path, numbers: str, context: int, attempts: int = 1) -> None:
        self._weights = weights
        self._numbers = numbers
        self._context = context
        self._attempts = attempts
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = ""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"llama.cpp with {self._numbers} numbers"

    @property
    def facts(self) -> dict[str, Any]:
        """What it is loaded by."""
        return _LlamaFacts(numbers=self._numbers, context=self._context).model_dump()

    def go_on(self, prompts: Sequence[list[int]], most: int) -> list[Written]:
        """Return what is written after each prompt; see `locum.writers.Backend`."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            place = self._place()
        return Completions(place).go_on(prompts, most)

    def save(self, directory: Path) -> None:
        """Write the file of the weights."""
        shutil.copyfile(self._weights, directory / _WEIGHTS)

    def _place(self) -> Place:
        url = "http://localhost/v1"
        return Place(self.name, url, "", _SLOTS, _PLAIN, self._socket, attempts=self._attempts)

    def _start(self) -> None:
        program = os.environ.get(_PROGRAM_VARIABLE) or shutil.which(_PROGRAM)
        if program is None:
            raise WriterError(
                f"this student is written by llama.cpp, and there is no program {_PROGRAM}: "
                f"install llama.cpp, or say in {_PROGRAM_VARIABLE} where its server lies",
                gone=True,
            )
        folder = tempfile.mkdtemp(prefix="locum-")
        self._socket = str(Path(folder) / "llama.sock")
        options = {
            "--model": self._weights,
            "--host": self._socket,
            "--parallel": _SLOTS,
            "--ctx-size": _SLOTS * self._context,
        }
        words = [str(word) for option in options.items() for word in option]
        process = subprocess.Popen(
            [sys.executable, "-I", str(_KEEPER), folder, program, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
        )
        weakref.finalize(self, _end, process)
        self._process = process
        _wait_until_loaded(process, self._socket, program)


def _environment() -> dict[str, str]:
    """What llama.cpp is told besides: its own variables may say how many threads it takes, or so.

    It keeps nothing of prompts, as each is read from its beginning; and it needs no key.
    """
    kept = {name: value for name, value in os.environ.items() if name != "LLAMA_API_KEY"}
    return kept | {"LLAMA_ARG_CACHE_RAM": "0"}


def _wait_until_loaded(process: subprocess.Popen[bytes], place: str, program: str) -> None:
    until = time.monotonic() + LOAD_SECONDS
    while not _has_loaded(place):
        if process.poll() is not None and process.stdout is not None:
            said = process.stdout.read().decode("utf-8", "replace").strip()
            raise WriterError(
                f"{program} ended with status {process.returncode} before it had loaded the "
                f"student: {said}",
                gone=True,
            )
        if time.monotonic() > until:
            raise WriterError(
                f"{program} has not loaded the student within {LOAD_SECONDS:g} s", gone=True
            )
        time.sleep(_LOOK_SECONDS)


def _has_loaded(place: str) -> bool:
    """Ask a server whether it has loaded its model, by the file on which it listens."""
    with socket.socket(socket.AF_UNIX) as end, suppress(OSError):
        end.settimeout(_LOOK_SECONDS)
        # No exception is raised where nobody listens yet: it would keep the owner for a while.
        if end.connect_ex(place) != 0:
            return False
        end.settimeout(_LEAVE_SECONDS)
        end.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return end.recv(len(_IS_WELL)) == _IS_WELL
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server, which its keeper does where nobody holds its input open."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


class RunningServer:
    """A server that somebody else has started, such as vLLM.

    Args:
        url: Base of its API, such as ``http://127.0.0.1:8000/v1``.
        model: The name of the weights there; under it the server must have no others.
        sha256: Of the weights.
        attempts: How often it is asked about a prompt before that is given up.

    Raises:
        UsageError: The URL holds a password, or the servers that may have the key are no URLs.
    """

    def __init__(self, url: str, model: str, sha256: str, attempts: int = 1) -> None:
        check_url(url, "server")
        self._facts = _ServerFacts(url=url, model=model, sha256=sha256)
        key = key_for(url)
        unknown = "" if key else why_no_key(url)
        self._completions = Completions(
            Place(
                self.name,
                url.rstrip("/"),
                model,
                _AT_ONCE,
                key=key,
                unknown=unknown,
                attempts=attempts,
            )
        )

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self._facts.model} at {self._facts.url}"

    @property
    def facts(self) -> dict[str, Any]:
        """What it is loaded by."""
        return self._facts.model_dump()

    def go_on(self, prompts: Sequence[list[int]], most: int) -> list[Written]:
        """Return what is written after each prompt; see `locum.writers.Backend`."""
        # Some servers answer by what they have, whatever model is asked for.
        self.look()
        return self._completions.go_on(prompts, most)

    def look(self) -> None:
        """See that the server has the weights.

        Raises:
            WriterError: It has not, or cannot be reached.
        """
        found = self._completions.models()
        if self._facts.model not in found:
            raise WriterError(
                f"the server at {self._facts.url} has {', '.join(found) or 'no model'}: this "
                f"student is written by {self._facts.model}",
                gone=True,
            )

    def save(self, directory: Path) -> None:
        """Write nothing: the server has the weights."""
