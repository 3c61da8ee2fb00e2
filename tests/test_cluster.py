"""Labelling on a local Ray cluster of two workers: one store, one ledger, and a kill between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest

from locum.config import TeacherSettings
from locum.errors import UsageError
from locum.labelling.cluster import Cluster, label_on_cluster
from locum.schema import Example, Task
from locum.store import CallFilter, CallStore, LabelStore, open_database
from locum.teachers import Budget, LocalTeacher, read_labels
from tests.commands import run
from tests.tiny_model import TASK, TEXTS, byte_level_tokenizer, new_model, save_model

if TYPE_CHECKING:
    from pathlib import Path

RULE = """
import os, time, pathlib
LOG = pathlib.Path(__file__).parent / "asked"

def length(texts):
    for text in texts:
        with open(LOG / str(os.getpid()), "a", encoding="utf-8") as file:
            file.write(text + "\\n")
        time.sleep(0.02)
    return ["long" if len(text) > 8 else "short" for text in texts]
"""
ALL = CallFilter()
LENGTH = Task("length", ("short", "long"))


def command(folder: Path, *more: str) -> list[str]:
    (folder / "asked").mkdir(exist_ok=True)
    (folder / "rules.py").write_text(RULE, "utf-8")
    texts = [f"text {number}{' and more' * (number % 2)}" for number in range(640)]
    (folder / "inputs.txt").write_text("\n".join(texts), "utf-8")
    options = ["--inputs", "inputs.txt", "--labels", "short,long", "--workers", "2", *more]
    teacher = ["--teacher", "function:rules:length"]
    return [sys.executable, "-m", "locum", "label", "length", *teacher, *options]


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "RAY_DISABLE_MEMORY_MONITOR": "1"}


def asked(folder: Path) -> Counter[str]:
    return Counter(
        line for log in (folder / "asked").iterdir() for line in log.read_text("utf-8").splitlines()
    )


def stored(folder: Path) -> int:
    with open_database(folder / ".locum" / "locum.sqlite") as database:
        return int(database.execute("SELECT count(*) FROM answers")[0][0])


def wait_for_answers(folder: Path, least: int) -> None:
    for _ in range(1200):
        if (folder / ".locum" / "locum.sqlite").exists() and stored(folder) >= least:
            return
        time.sleep(0.1)
    raise AssertionError("no worker stored an answer in two minutes")


def wait_until_quiet(folder: Path) -> None:
    """Ray's workers end some seconds after the process that started them."""
    last = -1
    while (now := stored(folder)) != last:
        last = now
        time.sleep(5)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_with_what_is_stored(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path), cwd=tmp_path, env=environment(tmp_path), start_new_session=True
    ) as run:
        wait_for_answers(tmp_path, 64)
        os.killpg(run.pid, signal.SIGKILL)
    wait_until_quiet(tmp_path)
    before, logged = stored(tmp_path), asked(tmp_path)
    done = subprocess.run(
        command(tmp_path, "--json", "--quiet"),
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        check=True,
    )
    result = orjson.loads(done.stdout)
    assert (result["cached"], result["answered"]) == (before, 640 - before)
    assert len(list((tmp_path / "asked").iterdir())) >= 4, "two workers in each run"
    repeated = [text for text, times in asked(tmp_path).items() if times > 1]
    assert len(repeated) <= logged.total() - before
    assert stored(tmp_path) == 640


@pytest.mark.slow
def test_each_worker_has_its_local_model_and_calls_get_its_labels(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    save_model(new_model("qwen2", len(tokenizer)), tokenizer, tmp_path / "model")
    rows = "".join(f"{text},card\n" for text in TEXTS)
    (tmp_path / "calls.csv").write_text(f"text,answer\n{rows}", "utf-8")
    run("import", "calls.csv", "--task", "money", folder=tmp_path)
    labels = ["--labels", ",".join(TASK.labels), "--instruction", TASK.instruction]
    teacher = ["--teacher", "local:model", "--workers", "2"]
    done = run("label", "money", *labels, *teacher, "--json", "--quiet", folder=tmp_path)
    assert orjson.loads(done.stdout)["answered"] == len(TEXTS)
    with open_database(tmp_path / ".locum" / "locum.sqlite") as database:
        ids = {call.facts.preview: call.facts.id for call in CallStore(database).iterate(ALL)}
        store = LabelStore(database)
        answers = read_labels(TASK, LocalTeacher(tmp_path / "model"), TEXTS, store).answers
        calls = store.soft_labels_of(TASK.labels, list(ids.values())).answers
    assert [calls[ids[text]] for text in TEXTS] == answers
    assert all(answer is not None and answer.distribution for answer in answers)


def test_ray_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'locum\[ray\]'"):
        label_on_cluster(
            LENGTH,
            (TeacherSettings(function="builtins:len"), {}),
            [Example("a text")],
            tmp_path / "locum.sqlite",
            Budget(),
            Cluster(2),
            lambda *_: None,
        )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TeacherSettings(function="builtins:len"), r"pip install 'locum\[ray\]'"),
        (TeacherSettings(panel=["rule", "later"]), "need no workers"),
        (TeacherSettings(panel=["rule", "rule"]), r"pip install 'locum\[ray\]'"),
    ],
)
def test_a_declared_teacher_of_batches_is_refused_where_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: TeacherSettings, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    declared = {
        "rule": TeacherSettings(function="builtins:len"),
        "later": TeacherSettings(url="https://api.openai.com/v1", model="gpt-4.1", batch=True),
    }
    inputs, place = [Example("a text")], tmp_path / "locum.sqlite"
    with pytest.raises(UsageError, match=said):
        label_on_cluster(
            LENGTH, (settings, declared), inputs, place, Budget(), Cluster(2), lambda *_: None
        )
