"""``locum label`` as processes, on a task of two labels and a server that charges."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson

from locum.config import load_task
from locum.store import LabelStore, Ledger, open_database
from locum.teachers import ChatTeacher
from tests.charging_server import LABELS, MODEL, PRICE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.schema import Task, TeacherAnswer
    from locum.store import Balance
    from tests.charging_server import ChargingServer

__all__ = ["LabelProject", "texts_of"]

_MOST_SECONDS = 120.0
_SETTINGS = """
[tasks.topics]
labels = [{labels}]
instruction = "Say what it is about."

[prices.{model}]
input = {price.input}
output = {price.output}

[teachers.patient]
url = "{url}"
model = "{model}"
concurrency = {concurrency}
attempts = {attempts}
timeout_seconds = {timeout}
"""


def texts_of(count: int) -> list[str]:
    """Texts of both labels."""
    return [f"question {number}{'!' * (number % 3)}" for number in range(count)]


class LabelProject:
    """A folder with a ``locum.toml`` and inputs."""

    def __init__(
        self,
        folder: Path,
        server: ChargingServer,
        texts: Sequence[str],
        *,
        concurrency: int = 64,
        attempts: int = 5,
        timeout: float = 60.0,
    ) -> None:
        self.folder = folder
        self.server = server
        self.texts = texts
        self.write_inputs(texts)
        settings = _SETTINGS.format(
            labels=", ".join(f'"{label}"' for label in LABELS),
            model=MODEL,
            price=PRICE,
            url=server.url,
            concurrency=concurrency,
            attempts=attempts,
            timeout=timeout,
        )
        (folder / "locum.toml").write_text(settings, "utf-8")

    def write_inputs(self, texts: Sequence[str], name: str = "inputs.jsonl") -> None:
        """Write a file of inputs."""
        rows = [orjson.dumps({"text": text}) for text in texts]
        (self.folder / name).write_bytes(b"\n".join(rows))

    @property
    def task(self) -> Task:
        """The task."""
        return load_task(self.folder / "locum.toml", "topics")

    def start(
        self, *options: str, budget: float | None = 1.0, inputs: str = "inputs.jsonl"
    ) -> subprocess.Popen[bytes]:
        """Start a run that prints one JSON object."""
        command = [sys.executable, "-m", "locum", "label", "topics", "--inputs", inputs]
        command += ["--teacher", "patient", "--json", *options]
        command += [] if budget is None else ["--budget", repr(budget)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | {"NO_COLOR": "1", "LOCUM_HOME": str(self.folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finish(self, process: subprocess.Popen[bytes], code: int = 0) -> dict[str, Any]:
        """Wait for a run, check how it ended, and return what it printed."""
        with process:
            try:
                output, errors = process.communicate(timeout=_MOST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == code, errors.decode()
        assert b"Traceback" not in errors
        self.said = errors.decode()
        printed: dict[str, Any] = orjson.loads(output) if output else {}
        return printed

    def run(self, *options: str, budget: float | None = 1.0, code: int = 0) -> dict[str, Any]:
        """Run to the end."""
        return self.finish(self.start(*options, budget=budget), code)

    def texts_in_flight(self) -> set[str]:
        """Texts whose calls are in flight by the ledger: of runs that live, or died."""
        with open_database(self.folder / "home" / "locum.sqlite") as database:
            keys = {key for (key,) in database.execute("SELECT key FROM in_flight")}
        return {text for text, key in self._keys().items() if key in keys}

    def stored(self) -> dict[str, TeacherAnswer]:
        """Answers in the store, by text."""
        keys = self._keys()
        with LabelStore(self.folder / "home" / "locum.sqlite") as store:
            found = store.find(list(keys.values()))
        return {text: found[key] for text, key in keys.items() if key in found}

    def balance(self) -> Balance:
        """Where the task's money stands."""
        with open_database(self.folder / "home" / "locum.sqlite") as database:
            return Ledger(database, "topics").balance()

    def let_leases_end(self) -> None:
        """Let all runs count as dead now, as they would some seconds later."""
        with open_database(self.folder / "home" / "locum.sqlite") as database:
            database.execute("UPDATE runs SET expires = 0")

    def _keys(self) -> dict[str, str]:
        teacher, task = ChatTeacher(self.server.url, MODEL), self.task
        return {text: teacher.identify(task, text) for text in self.texts}
