"""A file of answers as a teacher."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from locum.dataset import read_examples
from locum.errors import InputError, UsageError
from locum.schema import Example, Task, TeacherAnswer, TokenPosition
from locum.store import LabelStore
from locum.teachers import Failure, Question, label_texts
from locum.teachers.file import AnswerFile
from locum.teachers.given import given_answers
from tests.test_function_teacher import NoTill

if TYPE_CHECKING:
    from pathlib import Path

TASK = Task("length", ("short", "long"))
JSON_LINES = """\
{"text": "tiny", "answer": "short"}
{"text": "quite long", "answer": "Long.", "soft_label": {"long": 0.75, "short": 0.25}}
{"text": "small", "soft_label": {"Short": 0.5, "neither": 0.375, "long": 0.125}}
{"text": "nothing known"}
{"text": "tiny", "answer": "long"}
{"text": "tiny", "answer": ""}
{"text": "odd", "answer": "neither"}
{"text": "bad", "answer": ["long"]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of answers."""
    file = tmp_path / "answers.jsonl"
    file.write_text(JSON_LINES, "utf-8")
    return file


def ask(teacher: AnswerFile, *wanted: tuple[str, int]) -> list[TeacherAnswer | Failure]:
    questions = [Question(f"{text} {draw}", text, draw) for text, draw in wanted]

    async def collect() -> list[TeacherAnswer | Failure]:
        answered = [pair async for pair in teacher.answer(TASK, questions, NoTill())]
        assert [question for question, _ in answered] == questions
        return [result for _, result in answered]

    return asyncio.run(collect())


def test_texts_get_the_answers_of_their_rows(path: Path) -> None:
    found = ask(AnswerFile(path), ("small", 0), ("tiny", 0), ("odd", 0), ("quite long", 0))
    assert found == [
        TeacherAnswer("short", (0.5, 0.125)),
        TeacherAnswer("short"),
        TeacherAnswer("neither"),
        TeacherAnswer("Long.", (0.25, 0.75)),
    ]


def test_texts_without_an_answer_fail(path: Path) -> None:
    for text in ("never seen", "nothing known", "bad", " tiny"):
        (found,) = ask(AnswerFile(path), (text, 0))
        assert found == Failure("missing", f"{path} has no answer to this text")


def test_the_rows_of_one_text_are_its_draws(path: Path) -> None:
    found = ask(AnswerFile(path), ("tiny", 1), ("tiny", 0), ("tiny", 2), ("odd", 1))
    assert found[:2] == [TeacherAnswer("long"), TeacherAnswer("short")]
    assert (
        found[2:]
        == [
            Failure("missing", f"{path} has no further answer to this text"),
        ]
        * 2
    )


def test_columns_and_encodings_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("text,body,said\nx,gr\u00fcn,short\n", "latin-1")
    teacher = AnswerFile(file, {"text": "body", "answer": "said"}, "latin-1", "mine")
    assert ask(teacher, ("gr\u00fcn", 0)) == [TeacherAnswer("short")]
    assert teacher.name == "mine"
    assert teacher.columns == {"text": "body", "answer": "said"}


def test_it_says_what_it_is_and_what_it_skipped(path: Path) -> None:
    teacher = AnswerFile(str(path))
    assert teacher.name == "answers.jsonl"
    assert repr(teacher) == f"AnswerFile({str(path)!r})"
    assert teacher.free
    assert teacher.worst_case(TASK, "tiny") == (0, 0, 0, 0)
    assert teacher.skipped.total == 1


def test_the_identity_is_that_of_the_content(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_text(JSON_LINES, "utf-8")
    key = AnswerFile(path).identify(TASK, "tiny")
    assert AnswerFile(copy, name="another").identify(TASK, "tiny") == key
    longer = tmp_path / "longer.jsonl"
    longer.write_text(JSON_LINES + '{"text": "more", "answer": "long"}\n', "utf-8")
    keys = [
        key,
        AnswerFile(path).identify(TASK, "tiny", 1),
        AnswerFile(path).identify(TASK, "small"),
        AnswerFile(path).identify(TASK, "\ud800"),
        AnswerFile(path).identify(Task("length", ("long", "short")), "tiny"),
        AnswerFile(path, {"human": "answer"}).identify(TASK, "tiny"),
        AnswerFile(longer).identify(TASK, "tiny"),
    ]
    assert len(set(keys)) == len(keys)


def test_files_that_cannot_be_used(tmp_path: Path, path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        AnswerFile(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="'label' is no kind of column"):
        AnswerFile(path, {"label": "answer"})


def test_answers_are_labelled_from_a_file(path: Path, tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = label_texts(TASK, AnswerFile(path), ["small", "new", "tiny", "tiny"], store)
    given = [answer and answer.text for answer in run.answers]
    assert given == ["short", None, "short", "short"]
    assert run.tally.failed == {"missing": 1}


def test_answers_that_came_with_examples(path: Path) -> None:
    examples = read_examples(path).examples
    found = {e.text: a for e, a in zip(examples, given_answers(examples, TASK), strict=True)}
    assert found["nothing known"] is None
    assert found["quite long"] == TeacherAnswer("Long.", (0.25, 0.75))


def test_recorded_positions_count_before_a_distribution() -> None:
    position = TokenPosition("long", {"long": 0.0})
    example = Example("x", "long", {"short": 1.0}, (position,))
    without_answer = Example("x", None, {"short": 1.0}, (position,))
    assert given_answers([example, without_answer], TASK) == [
        TeacherAnswer("long", (0.0, 1.0)),
        TeacherAnswer("short", (1.0, 0.0)),
    ]
