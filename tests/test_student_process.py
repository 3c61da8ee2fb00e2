"""What a student's process answers where the student itself fails on some texts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from locum.export import CertifiedExtractor
from locum.serving.student_answers import Said, answer_each, answers_of, read_said
from locum.students import Judgement
from locum.students.linear import LinearStudent
from tests.promoted import CERTIFICATE, SURE, UNSURE, label_student, object_student

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.export import CertifiedStudent
    from locum.extractors import Reading


class _Failing(LinearStudent):
    """Raises on some texts, and gives numbers that are none on others."""

    def judge(self, inputs: Sequence[str]) -> Judgement:
        if "raise" in inputs:
            raise RuntimeError(inputs)
        proba = np.tile(np.array([0.98, 0.01, 0.01], np.float32), (len(inputs), 1))
        for row, text in enumerate(inputs):
            if text in {"nan", "inf"}:
                proba[row, 1] = float(text)
            if text == "zeros":
                proba[row] = 0
        return Judgement(proba, np.zeros(len(inputs), np.float32))


@pytest.fixture
def failing() -> CertifiedStudent:
    student = label_student()
    certificate = CERTIFICATE._replace(threshold=0.0)
    return dataclasses.replace(student, model=_Failing(student.classes_), certificate=certificate)


def answers(
    student: CertifiedStudent | CertifiedExtractor, texts: Sequence[str], *, wanted: bool = False
) -> list[Any]:
    questions = [(number, text, wanted, wanted) for number, text in enumerate(texts)]
    found = orjson.loads(orjson.dumps(answer_each(answers_of(student), questions), default=tuple))
    assert [number for number, _ in found] == list(range(len(texts)))
    return [answer for _, answer in found]


def test_a_text_on_which_a_student_raises_takes_no_other_along(failing: CertifiedStudent) -> None:
    found = answers(failing, ["a", "raise", "b", "raise", "c"])
    assert [answer and answer[:2] for answer in found] == [
        *([True, "billing"], None, [True, "billing"], None, [True, "billing"])
    ]
    assert answers(failing, ["raise"]) == [None]
    assert answers(failing, []) == []


@pytest.mark.parametrize("wanted", [False, True])
def test_numbers_that_are_none_are_no_answer(failing: CertifiedStudent, wanted: bool) -> None:  # noqa: FBT001
    for texts in (["a", "nan", "inf", "zeros", ""], ["nan"], ["inf"], ["zeros"], [""]):
        for text, answer in zip(texts, answers(failing, texts, wanted=wanted), strict=True):
            assert answer[0] == (text == "a")
            assert 0 < answer[2] <= 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None])
def test_what_comes_with_a_number_that_is_none_is_nothing_said(number: float | None) -> None:
    assert read_said([False, "billing", number, [], 0.5]) is None
    assert read_said([True, "billing", 0.5, [("billing", 0.5), ("shipping", number)], 0.5]) is None
    assert read_said(None) is None
    whole = [True, "billing", 0.5, [("billing", 0.5)], None]
    assert read_said(whole) == Said(*whole)  # type: ignore[arg-type]


def test_an_object_that_could_not_be_read_is_no_answer() -> None:
    student = object_student()
    assert student.certificate is not None
    lenient = student.certificate._replace(threshold=0.0)
    parts = {field.name: getattr(student, field.name) for field in dataclasses.fields(student)}
    text = "Please send my money back."
    for kind, answered in ((CertifiedExtractor, True), (_Mute, False)):
        found = answers(kind(**parts | {"certificate": lenient}), [text])
        assert (found[0][0], bool(found[0][1])) == (answered, answered)


class _Mute(CertifiedExtractor):
    """Reads nothing in any text."""

    def _read(self, text: str) -> tuple[Reading, None]:
        reading, _ = super()._read(text)
        return reading, None


def test_chances_and_novelty_are_given_where_they_are_wanted() -> None:
    texts = [*SURE.values(), UNSURE]
    plain, whole = (answers(label_student(), texts, wanted=wanted) for wanted in (False, True))
    for less, more in zip(plain, whole, strict=True):
        assert less[:3] == more[:3]
        assert less[3:] == [[], None]
        assert more[3][0][0] == more[1]
        assert sum(chance for _, chance in more[3]) == pytest.approx(1)
    novelty = [answer[4] for answer in answers(label_student(), ["zzz qqq", UNSURE], wanted=True)]
    assert novelty[0] > novelty[1]
