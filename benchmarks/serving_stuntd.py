"""stuntd's server with a head that it has learned from recorded calls.

A request must ask for an object with a label, so each carries a schema; the head is linear, on the
sentence encoder that is given. stuntd's cache of answers is off, as traffic does not repeat itself,
and so is its zero-shot model, by an address for it that is never asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.serving_load import Unavailable, post

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.serving_task import ServedTask

__all__ = ["SITE_HEADER", "Stuntd", "live_bodies"]

SITE = "banking77"
SITE_HEADER = {"x-stuntd-site": SITE}
LEARNED = 3_000
PROBED = 200
SETTINGS = """
[training]
encoder = "{encoder}"
target_agreement = 0.95
device = "cpu"
[serving]
check_share = {shadow}
cache_size = 0
[jev]
upstream = "http://127.0.0.1:9"
"""


class Stuntd(NamedTuple):
    """stuntd, as it is installed and set up.

    Args:
        python: A Python that has it.
        encoder: Folder of a sentence encoder.
        home: Folder of its data.
        shadow: Share of answers that are compared with the teacher's.
    """

    python: str
    encoder: Path
    home: Path
    shadow: float

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {"STUNTD_DATA_DIR": str(self.home), "HF_HUB_OFFLINE": "1"}

    def serve(self, port: int, upstream: str) -> list[str]:
        """Return the command that serves."""
        words = ["serve", "--port", str(port), "--upstream", upstream]
        return [self.python, "-m", "stuntd", *words, "--config", str(self.settings)]

    @property
    def settings(self) -> Path:
        """Its settings, which are there once it has learned."""
        return self.home / "stuntd.toml"

    def learn(self, task: ServedTask, pairs: Path) -> None:
        """Train a head on recorded calls, and let it answer; one that is there is taken.

        Raises:
            Unavailable: It does not let itself be trained.
        """
        if self.settings.is_file():
            return
        self.home.mkdir(parents=True, exist_ok=True)
        draft = self.home / "draft.toml"
        text = SETTINGS.format(encoder=self.encoder, shadow=self.shadow)
        draft.write_text(text, encoding="utf-8")
        rows = self.home / "rows.jsonl"
        write_rows(pairs, rows)
        self._run(draft, "import", SITE, str(rows), "--labels", ",".join(label_set(task)))
        self._run(draft, "train", SITE)
        self._run(draft, "enable", SITE)
        draft.rename(self.settings)

    def _run(self, settings: Path, *words: str) -> None:
        done = subprocess.run(
            [self.python, "-m", "stuntd", *words, "--config", str(settings)],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"stuntd {words[0]}: {(done.stdout + done.stderr).strip()[-200:]}")


def write_rows(pairs: Path, rows: Path) -> None:
    """Write some of the recorded calls as stuntd imports them."""
    lines = pairs.read_text(encoding="utf-8").splitlines()
    with rows.open("w", encoding="utf-8") as file:
        for line in lines[:: max(1, len(lines) // LEARNED)]:
            pair = json.loads(line)
            text = "user: " + pair["request"]["messages"][-1]["content"]
            answer = pair["response"]["choices"][0]["message"]["content"]
            file.write(json.dumps({"text": text, "answer": answer}) + "\n")


def live_bodies(task: ServedTask, url: str) -> list[dict[str, Any]]:
    """Return calls that a running server answers itself.

    Raises:
        Unavailable: There are none among those that are tried.
    """
    schema = {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": label_set(task)}},
        "required": ["intent"],
        "additionalProperties": False,
    }
    shape = {"name": "answer", "strict": True, "schema": schema}
    asked = {"response_format": {"type": "json_schema", "json_schema": shape}}
    bodies = [{**call.body, **asked} for call in task.answered[:PROBED]]
    routes = [post(url, body, SITE_HEADER).get("x-stuntd", "") for body in bodies]
    live = [body for body, route in zip(bodies, routes, strict=True) if route.startswith("live")]
    if not live:
        raise Unavailable(f"its head answers none of the texts that were tried: {routes[0]}")
    return live


def label_set(task: ServedTask) -> list[str]:
    """Return the labels of a task."""
    return sorted({call.teacher for call in task.calls})
