"""Probes in several processes: the same results, a clear end, from any program."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from locum import processes
from locum.audit import Probe, ProbeSettings
from locum.audit.probe import Lessons
from locum.audit.workers import probe_all
from locum.errors import InputError
from locum.evaluation import Promise
from locum.schema import Example
from tests.audit_traffic import phrase

SETTINGS = ProbeSettings(Promise(0.9, 0.9))
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
WAITS = "import time; time.sleep(600)"
# No guard of the main module: a process that ran it again would print twice.
SCRIPT = """
import pickle, sys
from pathlib import Path
from locum import processes
from locum.audit.workers import probe_all

lessons, settings, command = pickle.loads(Path(sys.argv[1]).read_bytes())
processes._COMMAND = command
found = probe_all(lessons, settings, 2, lambda done: print("done", done, flush=True))
print("found", [type(one).__name__ for one in found], flush=True)
"""


def lessons(name: str, count: int) -> Lessons:
    generator = random.Random(name)  # noqa: S311 - no secret
    texts = [phrase(generator) for _ in range(count)]
    inputs = [Example(text, "long" if len(text) > 55 else "short") for text in texts]
    return Lessons(name, "closed set", inputs, 1.0, count, None)


@pytest.fixture(scope="module")
def three() -> list[Lessons]:
    return [lessons("one", 60), lessons("two", 50), lessons("few", 20)]


def timeless(found: list[Probe | str]) -> list[Probe | str]:
    return [one if isinstance(one, str) else one._replace(seconds=0.0) for one in found]


def test_a_task_is_probed_whatever_its_name() -> None:
    named = lessons("one", 60)._replace(name="support/tickets of today")
    assert timeless(probe_all([named], SETTINGS, 1)) == timeless(
        probe_all([lessons("one", 60)], SETTINGS, 1)
    )


def test_neither_the_number_of_processes_nor_the_order_changes_a_result(
    three: list[Lessons],
) -> None:
    here = timeless(probe_all(three, SETTINGS, 1))
    assert [type(one) for one in here] == [Probe, Probe, str]
    done: list[int] = []
    assert timeless(probe_all(three[::-1], SETTINGS, 2, done.append)) == here[::-1]
    assert done == [0, 1, 2, 3]


def test_a_process_that_is_killed_is_named_with_its_task(
    three: list[Lessons], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_COMMAND", DIES)
    with pytest.raises(InputError, match=r"probed '(one|two|few)' was ended by SIGKILL.*memory"):
        probe_all(three, SETTINGS, 2)


def test_a_process_that_fails_is_named_with_its_exit_code(
    three: list[Lessons], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_COMMAND", "raise SystemExit(7)")
    with pytest.raises(InputError, match="ended with exit code 7"):
        probe_all(three, SETTINGS, 2)


def start(tmp_path: Path, three: list[Lessons], command: str) -> subprocess.Popen[str]:
    import pickle

    (tmp_path / "script.py").write_text(SCRIPT)
    given = tmp_path / "lessons.pickle"
    given.write_bytes(pickle.dumps((three, SETTINGS, command)))
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_needs_no_guard(tmp_path: Path, three: list[Lessons]) -> None:
    few = three[-1:] * 3
    with start(tmp_path, few, processes._COMMAND) as script:  # noqa: SLF001 - as it is
        told, failed = script.communicate(timeout=240)
    assert script.returncode == 0, failed
    assert told.splitlines()[0] == "done 0"
    assert told.splitlines()[-1] == "found ['str', 'str', 'str']"
    assert told.count("found") == 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_an_interrupt_of_the_program_alone_ends_all(tmp_path: Path, three: list[Lessons]) -> None:
    with start(tmp_path, three, WAITS) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "done 0\n"
        children = Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text().split()
        assert len(children) == 2
        script.send_signal(signal.SIGINT)
        _, failed = script.communicate(timeout=60)
    assert "KeyboardInterrupt" in failed
    for child in map(int, children):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
