"""Inputs that come in a long prompt, which is the same in nearly all calls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import locum
from locum.dataset import NO_SURROUNDINGS, Surroundings, find_surroundings
from locum.distillation import divide
from locum.distillation.summary import describe_surroundings
from locum.extraction import build_answer_pool, distill_extraction, without_values
from locum.extraction.surroundings import find_learned_surroundings
from locum.schema import Example
from locum.shapes import ExtractionTask
from tests.json_traffic import make_answers, make_short_mails, make_short_task
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from pathlib import Path

    from locum.shapes import JsonValue

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


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (("Dear sirs, ", ""), "begin with the same 11 characters: "),
        (("", " Regards"), "end with the same 8 characters: "),
        (("Dear sirs, ", " Regards"), "begin with the same 11 characters and end with the same 8 "),
    ],
)
def test_what_is_taken_off_is_said_alone(around: tuple[str, str], said: str) -> None:
    [sentence] = describe_surroundings(Surroundings(*around))
    assert f"nearly all inputs {said}" in sentence


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
    ("form", "before", "after"),
    [
        ("Invoice number: INV-2026-{}\nThank you", "Invoice number: ", "\nThank you"),
        ("Order date: 2026-11-{}, and more", "Order date: ", ", and more"),
        ("It was sent to anna.smith+{}@shop.example", "It was sent to ", ""),
        (
            "Please call us by {}-10-2026.\nGood bye to you",
            "Please call us by ",
            "\nGood bye to you",
        ),
        (
            "\u8bf7\u9605\u8bfb\u5e76\u5206\u7c7b\u4ee5\u4e0b\u7684\u6587\u672c\u3002\u65e5\u671f\uff1a11-{}",
            "\u8bf7\u9605\u8bfb\u5e76\u5206\u7c7b\u4ee5\u4e0b\u7684\u6587\u672c\u3002\u65e5\u671f\uff1a",
            "",
        ),
    ],
)
def test_no_reference_date_or_address_is_cut(form: str, before: str, after: str) -> None:
    found = find_surroundings([form.format(number) for number in range(10, 40)])
    assert found.before == before
    assert found.after == (after if len(after) >= 12 else "")


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


def orders(count: int) -> tuple[list[str], list[JsonValue]]:
    """Orders of one template, whose dates are in one month, and whose customers have one name."""
    days = [1 + number % 28 for number in range(count)]
    texts = [
        f"Extract it as JSON.\n\nOrder date: November {day}, 2026\nWe want {day + 3} mugs.\n"
        f"Yours sincerely,\n{'ABCDEFG'[number % 7]}. Smith and Sons"
        for number, day in enumerate(days)
    ]
    return texts, [
        {"date": f"2026-11-{day:02d}", "customer": text.rpartition("\n")[2]}
        for day, text in zip(days, texts, strict=True)
    ]


def test_no_value_of_an_answer_is_cut_in_two() -> None:
    texts, answers = orders(60)
    around = find_surroundings(texts)
    assert around.before.endswith("November ")
    assert around.after == " Smith and Sons"
    assert without_values(around, texts, answers) == Surroundings(
        "Extract it as JSON.\n\nOrder date: ", ""
    )
    others: list[JsonValue] = [{"total": 3, "paid": True, "of": [None, "Nov"]}] * 60
    assert without_values(around, texts, others) == around


@given(st.lists(st.tuples(st.text("ab ", max_size=6), st.text("ab ", max_size=6)), max_size=5))
def test_what_is_spared_cuts_no_value_that_stands_in_a_text(calls: list[tuple[str, str]]) -> None:
    around = Surroundings("a prompt of some a b", "b a and of some more")
    texts = [f"{around.before}{text}{around.after}" for text, _ in calls]
    left = without_values(around, texts, [{"value": value} for _, value in calls])
    assert around.before.startswith(left.before)
    assert around.after.endswith(left.after)
    for text, (_, value) in zip(texts, calls, strict=True):
        for edge in (len(left.before), len(text) - len(left.after)):
            places = range(max(edge - len(value) + 1, 0), edge)
            if edge not in {0, len(text)}:
                assert not any(text.startswith(value, place) for place in places)


def test_an_extractor_reads_values_whose_beginning_all_inputs_share() -> None:
    texts, answers = orders(60)
    fields = {name: {"type": "string"} for name in ("date", "customer")}
    schema = {"type": "object", "properties": fields}
    task = ExtractionTask("order", schema, leave_out=["customer"])
    said = [json.dumps(answer) for answer in answers]
    pool = build_answer_pool(task, [Example(text) for text in texts], said)
    divided = divide(pool.examples, np.zeros(60, np.int64), 0)
    found = find_learned_surroundings(pool, divided)
    assert found.before == "Extract it as JSON.\n\nOrder date: "
    assert found.after == divided.surroundings(pool.examples).after


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
