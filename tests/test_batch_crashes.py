"""Processes that label through batches and are killed, anywhere: nothing is bought twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locum.store import open_database
from tests.batch_labels import balance, label, open_batches, texts
from tests.batch_provider import ENDPOINT, Provider
from tests.batch_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.batch_provider import Action

ROOT = Path(__file__).parent.parent
COUNT = 12
# A run of three batches takes about so many statements and calls, before and after each.
EVENTS = 340
NEWER_BATCHES = 250


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Provider()) as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "labels.sqlite"


def start(server: Server, store: Path, *event: int) -> subprocess.Popen[bytes]:
    """Start a process that labels the texts."""
    command = [sys.executable, "-m", "tests.batch_labels", server.url, store, COUNT, *event]
    return subprocess.Popen([str(part) for part in command], cwd=ROOT, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process that must not fail by itself."""
    _, complaint = process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGKILL}, complaint.decode()
    return process.returncode


def assert_whole(server: Server, store: Path) -> None:
    """Let another run finish, and look whether all is answered and nothing was bought twice.

    It asks for one text more: a run that has all answers asks nobody, and takes up no batch.
    """
    run = label(server.url, store, texts(COUNT + 1), requests_a_batch=5)
    said = [answer.text for answer in run.answers if answer is not None]
    assert said == ["card" if number % 2 else "cash" for number in range(COUNT + 1)]
    assert sorted(server.provider.charged.values()) == [1] * (COUNT + 1)
    now = balance(store)
    assert (now.spent, now.assumed, now.reserved) == (server.provider.charged_nanodollars, 0, 0)
    assert open_batches(server.url, store) == []
    with open_database(store) as database:
        assert database.execute("SELECT * FROM in_flight") == []
        assert database.execute("SELECT * FROM runs WHERE expires IS NULL") == []


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/files", "hold"),
        ("POST", "/files", "hold after"),
        ("POST", "/batches", "hold"),
        ("POST", "/batches", "hold after"),
        ("GET", "/batches/.*", "hold"),
        ("GET", "/files/.*", "hold"),
        ("DELETE", "/files/.*", "hold"),
    ],
)
def test_a_process_that_is_killed_in_a_call_loses_and_doubles_nothing(
    server: Server, store: Path, method: str, path: str, action: Action
) -> None:
    server.provider.fail(method, path, action)
    process = start(server, store)
    assert server.provider.reached.wait(60)
    process.kill()
    assert end(process) == -signal.SIGKILL
    assert_whole(server, store)


def test_a_batch_whose_making_was_not_noted_is_found_behind_many(
    server: Server, store: Path
) -> None:
    provider = server.provider
    provider.fail("POST", "/batches", "hold after")
    process = start(server, store)
    assert provider.reached.wait(60)
    process.kill()
    end(process)
    asked = {"input_file_id": "", "endpoint": ENDPOINT, "completion_window": "24h"}
    for _ in range(NEWER_BATCHES):
        provider.make(asked)["status"] = "completed"
    assert_whole(server, store)
    assert len(provider.batches) == NEWER_BATCHES + 3


@pytest.mark.parametrize("event", range(20, EVENTS, 40))
def test_a_process_that_is_killed_between_calls_loses_and_doubles_nothing(
    server: Server, store: Path, event: int
) -> None:
    end(start(server, store, event))
    assert_whole(server, store)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_processes_that_are_killed_over_and_over(server: Server, store: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be the same every time
    server.provider.expires = [chance.randrange(5) for _ in range(3)]
    for _ in range(4):
        end(start(server, store, chance.randrange(1, EVENTS)))
    assert_whole(server, store)
