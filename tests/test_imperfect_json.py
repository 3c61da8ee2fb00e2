"""A small language model's real answers in JSON, with all that is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.restaurants import make_task
from locum.extraction import ExtractionDistillation, distill_extraction
from locum.schema import Example

RECORDED = Path("benchmarks/data/restaurants_qwen.jsonl")


@pytest.fixture(scope="module")
def result() -> ExtractionDistillation:
    """What was found out about them."""
    rows = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
    examples = [Example(row["text"], row["answer"]) for row in rows]
    return distill_extraction(make_task(), examples, family="linear", teacher_name="qwen")


def test_what_can_be_read_is_read(result: ExtractionDistillation) -> None:
    assert result.data.inputs == 600
    assert result.data.problems == []
    assert result.data.repairs == {"missing null": 5, "unexpected field": 5, "number as text": 2}


def test_a_teacher_that_makes_values_up_is_not_distilled(result: ExtractionDistillation) -> None:
    assert result.decision.verdict == "do_not_distil"
    assert result.student is None
    kinds = {unit.path[0]: unit.kind for unit in result.units}
    assert kinds == {
        "restaurant": "written",
        "city": "written",
        "cuisine": "written",
        "party_size": "closed",
        "when": "written",
    }
    for name in ("restaurant", "city", "cuisine", "when"):
        assert f"{name} is written by the teacher" in result.decision.reason
        assert f"--leave-out {name}" in result.decision.reason
