"""Whether a student and its teacher said the same."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locum.errors import ArtefactError
from locum.promotion import Judge, load_judge
from locum.shapes import ExtractionTask
from tests.promoted import label_student, object_student

if TYPE_CHECKING:
    from pathlib import Path

SAID: dict[str, Any] = {"intent": "refund", "urgent": False, "number": "RX-12345"}
ODD = st.text() | st.sampled_from(
    [
        *("", "\ud800", '{"intent": "\ud800"}', "[" * 100_000, '{"intent":' * 10_000),
        *(
            '{"number": 1e999}',
            '{"number": ' + "9" * 5_000 + "}",
            "null",
            "NaN",
            "{}",
            "x" * 20_000,
        ),
    ]
)


@pytest.fixture(scope="module")
def of_labels(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return load_judge(label_student().save(tmp_path_factory.mktemp("judge") / "student"))


@pytest.fixture(scope="module")
def of_objects(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return load_judge(object_student().save(tmp_path_factory.mktemp("judge") / "student"))


@pytest.mark.parametrize(
    "answer", ["billing", "Billing.", "**BILLING**", '{"team": "billing"}', "```\nbilling\n```"]
)
def test_a_label_is_the_same_however_the_teacher_writes_it(of_labels: Judge, answer: str) -> None:
    assert of_labels("billing", answer)
    assert not of_labels("shipping", answer)


@pytest.mark.parametrize("answer", ["", "sales", "I cannot say.", "billing or shipping", "1"])
def test_an_answer_outside_the_labels_agrees_with_none(of_labels: Judge, answer: str) -> None:
    assert not any(of_labels(label, answer) for label in label_student().classes_)
    assert not of_labels("no label", answer)


def test_objects_are_the_same_by_what_they_mean(of_objects: Judge) -> None:
    said = json.dumps(SAID)
    for answer in (
        SAID,
        dict(reversed(SAID.items())),
        SAID | {"summary": "Someone wants money."},
        SAID | {"urgent": "false"},
    ):
        written = orjson.dumps(answer).decode()
        assert of_objects(said, written)
        assert of_objects(said, f"Here it is:\n```json\n{written}\n```")


@pytest.mark.parametrize(
    "answer",
    [
        SAID | {"number": None},
        SAID | {"urgent": True},
        SAID | {"intent": "invoice"},
        SAID | {"intent": "complaint"},
        {"intent": "refund"},
        {},
        [],
        None,
    ],
)
def test_another_object_or_none_disagrees(of_objects: Judge, answer: object) -> None:
    assert not of_objects(json.dumps(SAID), json.dumps(answer))


def test_a_student_that_read_nothing_agrees_with_nothing(of_objects: Judge) -> None:
    assert not of_objects("", json.dumps(SAID))
    assert not of_objects("", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODD)
def test_no_answer_makes_a_judge_stumble(of_labels: Judge, of_objects: Judge, answer: str) -> None:
    assert of_labels("billing", answer) in {True, False}
    assert not of_objects(json.dumps(SAID), answer)


def test_whole_numbers_of_any_size_are_compared_to_the_digit() -> None:
    schema = {"type": "object", "properties": {"parcel": {"type": "integer"}}}
    task = ExtractionTask("parcels", schema)
    of_numbers = Judge.of(dataclasses.replace(object_student(), task=task))
    said = '{"parcel": 9400111202555842332669}'
    assert of_numbers(said, said)
    assert not of_numbers(said, said.replace("2669", "2670"))


def test_without_its_student_there_is_no_judge(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError):
        load_judge(tmp_path / "gone")
    folder = label_student().save(tmp_path / "student")
    (folder / "student.json").write_bytes(b"{}")
    with pytest.raises(ArtefactError):
        load_judge(folder)
