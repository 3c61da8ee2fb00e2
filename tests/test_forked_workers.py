"""A student that is loaded before workers are forked is theirs all alike."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import locum
from tests.promoted import SURE, UNSURE, label_student, object_student

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [*SURE.values(), UNSURE, "Grüße", ""] * 5
FORKING = """
import gc, json, os, sys
import locum

student = locum.load(sys.argv[1])
student.predict(["a text"])
gc.freeze()
texts = json.load(sys.stdin)
for _ in range(3):
    sys.stdout.flush()
    worker = os.fork()
    if not worker:
        print(json.dumps([repr(one) for text in texts for one in student.predict([text])]))
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(worker, 0)[1] == 0
"""
FORKING_WHILE_ASKED = """
import itertools, os, signal, sys, threading
import locum

student = locum.load(sys.argv[1])
student.predict(["a text"])
words = map("w{:x}q".format, itertools.count())

def ask():
    while True:
        student.predict([" ".join(itertools.islice(words, 200))])

threading.Thread(target=ask, daemon=True).start()
for place in range(60):
    worker = os.fork()
    if not worker:
        signal.alarm(20)
        student.predict([f"another{place} word{place}"])
        os._exit(0)
    assert os.waitpid(worker, 0)[1] == 0, "a worker waited for a lock"
"""


@pytest.mark.parametrize("make", [label_student, object_student])
def test_forked_workers_answer_as_the_student_does(tmp_path: Path, make: object) -> None:
    assert callable(make)
    folder = make().save(tmp_path / "student")
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(folder)],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    student = locum.load(folder)
    expected = [repr(one) for text in TEXTS for one in student.predict([text])]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [expected] * 3


@pytest.mark.parametrize("make", [label_student, object_student])
def test_workers_can_be_forked_while_a_thread_asks(tmp_path: Path, make: object) -> None:
    assert callable(make)
    folder = make().save(tmp_path / "student")
    subprocess.run(
        [sys.executable, "-c", FORKING_WHILE_ASKED, str(folder)], timeout=120, check=True
    )
