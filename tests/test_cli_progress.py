"""Progress on standard error: what ends a run, and what is said of it then."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from locum.cli.progress import TerminalProgress
from locum.teachers import LabellingProgress

WAITING = """
import signal, sys, time
signal.signal(signal.SIGINT, getattr(signal, sys.argv[1]))
from locum.cli.progress import TerminalProgress
with TerminalProgress(quiet=False) as progress:
    progress.stage("waiting")
    time.sleep(60)
"""


@pytest.mark.parametrize("before", ["default_int_handler", "SIG_IGN"])
def test_a_run_is_ended_by_a_service_manager_also_where_it_was_put_behind(before: str) -> None:
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, before], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()
    assert process.returncode != 0
    assert "stopped; what the teacher has answered is kept" in told
    assert time.monotonic() - started < 50


def test_lines_come_ever_more_seldom_while_nothing_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("locum.cli.progress.time", SimpleNamespace(monotonic=lambda: now))
    progress = TerminalProgress(quiet=False)
    while now < 86_400:
        now += 6
        progress.spend(LabellingProgress(0, 0, 21_000, 0.0))
    assert 10 < len(capsys.readouterr().err.splitlines()) < 20, "of a day in a queue"
    for done in range(1, 61):
        now += 6
        progress.spend(LabellingProgress(done, 0, 21_000, 0.01))
    assert len(capsys.readouterr().err.splitlines()) == 60, "where something comes, all"


def test_the_rate_is_that_of_the_calls_which_are_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("locum.cli.progress.time", SimpleNamespace(monotonic=lambda: now))
    progress = TerminalProgress(quiet=False)
    now = 50.0
    progress.stage("read 100,000 inputs")
    for made, known in [(0, 20), (10, 20), (40, 90_020), (80, 90_020)]:
        progress.spend(LabellingProgress(made + known, known, 100_000, 0.25))
        now += 10
    [_, *lines] = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[-1] for line in lines] == [
        "30 of 100,000, 1 a second, $0.2500 spent",
        "90,060 of 100,000, 2 a second, $0.2500 spent",
        "90,100 of 100,000, 3 a second, $0.2500 spent",
    ]
