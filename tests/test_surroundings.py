"""Inputs that come in a long prompt, which is the same in nearly all calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import locum
from locum.dataset import NO_SURROUNDINGS, Surroundings, find_surroundings
from locum.extraction import distill_extraction
from tests.json_traffic import make_answers, make_short_mails, make_short_task
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import Example

BEFORE = (
    "You sort the messages that customers send to a shop. Read the whole message, think of what "
    'its writer wants, and choose the team that can help best. Message: """'
)
AFTER = '"""\nAnswer with the name of one team and nothing else.'
AROUND = Surroundings(BEFORE, AFTER)


def framed(text: str) -> str:
    return f"{BEFORE}{text}{AFTER}"


def in_prompt(examples: list[Example]) -> list[Example]:
    return [replace(example, text=framed(example.text)) for example in examples]


def test_what_nearly_all_begin_and_end_with_is_found() -> None:
    texts = [framed(f"{letter} message") for letter in "abcdefgh" * 10]
    assert find_surroundings(texts) == AROUND._replace(after=f" message{AFTER}")
    exceptional = [*texts[:79], "another"]
    assert find_surroundings(exceptional).before == BEFORE
    assert find_surroundings([*exceptional, "one more"]) == NO_SURROUNDINGS


def test_words_are_kept_whole() -> None:
    texts = [f"The question is: when {when}" for when in ("does it open", "did it close")]
    assert find_surroundings(texts).before == "The question is: when "
    texts = [f"{what} is in the long drawer" for what in ("wool", "tool", "cool")]
    assert find_surroundings(texts).after == " is in the long drawer"


def test_words_are_kept_whole_with_the_marks_that_belong_to_them() -> None:
    texts = [f"इस संदेश का विषय क्या है: {word}" for word in ("किताब", "किरण")]
    assert find_surroundings(texts).before == "इस संदेश का विषय क्या है: "
    texts = [f"{word} इस संदेश का विषय है" for word in ("पानी", "रानी")]
    assert find_surroundings(texts).after == " इस संदेश का विषय है"
    texts = [f"{word} इस संदेश का विषय है" for word in ("पी", "सी")]
    assert find_surroundings(texts).after == " इस संदेश का विषय है"


@pytest.mark.parametrize(
    "texts",
    [
        ["I want this", "I want that"],
        ["the same text in both of them"] * 2,
        [],
        ["one"],
        ["", "a"],
    ],
)
def test_short_or_equal_texts_have_none(texts: list[str]) -> None:
    assert find_surroundings(texts) == NO_SURROUNDINGS


def test_placeholders_of_redaction_stay_with_the_input() -> None:
    texts = [f"Please read what [NAME_{number}] wrote to us: {number}" for number in range(5)]
    assert find_surroundings(texts) == Surroundings("Please read what ", "")


@given(st.text(), st.text(), st.text())
def test_what_is_taken_off_can_be_put_back(before: str, text: str, after: str) -> None:
    around = Surroundings(before, after)
    assert around.surround(f"{before}{text}{after}")
    assert around.inner(f"{before}{text}{after}") == text
    assert around.inner(text) == text or text == f"{before}{around.inner(text)}{after}"


def test_a_student_reads_what_is_between(tmp_path: Path) -> None:
    examples = make_examples(900)
    result = locum.distill(make_task(), in_prompt(examples), family="linear")
    assert result.student is not None
    assert result.student.surroundings == AROUND
    assert any("begin with the same" in warning for warning in result.data.warnings)
    given = {(example.text, example.answer) for example in in_prompt(examples)}
    assert set(result.certified_on) <= given
    assert len(result.certified_on) == result.data.splits["certify"]
    fresh = [example.text for example in make_examples(200, seed=1)]
    saved = locum.load(result.student.save(tmp_path / "student"))
    assert isinstance(saved, locum.CertifiedStudent)
    assert saved.surroundings == AROUND
    wanted = result.student.predict([framed(text) for text in fresh])
    assert (
        wanted == result.student.predict(fresh) == saved.predict([framed(text) for text in fresh])
    )
    right = [example.answer for example in make_examples(200, seed=1)]
    agreed = sum(found.label == answer for found, answer in zip(wanted, right, strict=True))
    assert agreed > 0.9 * len(fresh)
    assert sum(found.answered for found in wanted) > 0.5 * len(fresh)
    assert not saved.predict([framed(" ")])[0].answered
    assert (
        saved.predict_proba([framed(fresh[0])]).tolist() == saved.predict_proba([fresh[0]]).tolist()
    )


def test_inputs_without_a_prompt_are_read_whole() -> None:
    result = locum.distill(make_task(), make_examples(900), family="linear")
    assert result.student is not None
    assert result.student.surroundings == NO_SURROUNDINGS


def test_an_extractor_reads_what_is_between(tmp_path: Path) -> None:
    answers = make_answers(make_short_mails(200))
    result = distill_extraction(make_short_task(), in_prompt(answers), target=0.85, family="linear")
    plain = distill_extraction(make_short_task(), answers, target=0.85, family="linear")
    assert result.student is not None
    assert plain.student is not None
    assert {text for text, _ in result.certified_on} <= {e.text for e in in_prompt(answers)}
    assert len(result.certified_on) == result.data.splits["certify"]
    assert plain.student.surroundings == NO_SURROUNDINGS
    saved = locum.load(result.student.save(tmp_path / "student"))
    fresh = [mail.text for mail in make_short_mails(60, seed=1)]
    found = saved.predict([framed(text) for text in fresh])
    assert found == saved.predict(fresh)
    assert sum(one.answered for one in found) > 0.5 * len(fresh)
    assert not saved.predict([framed("\n")])[0].answered
