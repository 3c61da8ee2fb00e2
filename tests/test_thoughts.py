"""Thoughts that answers begin with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.dataset import read_examples
from locum.promotion import AnswerText, prepare_plan, read_plan, write_plan
from locum.store import Promotion
from locum.traffic import answer_text, has_thought, split_thought, thought_frame
from locum.traffic.json_requests import object_text
from tests.json_traffic import make_short_mails
from tests.promoted import (
    chat_request,
    fenced,
    label_student,
    mail_request,
    object_student,
    record,
)
from tests.traffic import make_examples

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import JsonObject

TAGS = "<think>\n\n</think>"


def answer(content: object, **more: Any) -> JsonObject:  # noqa: ANN401 - JSON
    return {"choices": [{"message": {"role": "assistant", "content": content, **more}}]}


@pytest.mark.parametrize(
    ("content", "frame", "text"),
    [
        ("Billing.", "", "Billing."),
        ("<think>Paid twice.</think>\n\nBilling.", f"{TAGS}\n\n", "Billing."),
        ("\n<think>\na < b\n</think>Billing.\n", TAGS, "Billing.\n"),
        (f"{TAGS}\n\nBilling.", f"{TAGS}\n\n", "Billing."),
        ("Paid twice.\n</think>\n\nBilling.", "\n\n</think>\n\n", "Billing."),
        ("<think>Paid twice, so", "", ""),
        ("<think>Paid twice.</think>", TAGS, ""),
        ("Write <think> and </think>.", "", "Write <think> and </think>."),
        ("A <think> alone.", "", "A <think> alone."),
        ("", "", ""),
    ],
)
def test_an_answer_is_what_stands_behind_its_thoughts(content: str, frame: str, text: str) -> None:
    assert split_thought(content) == (frame, text)
    assert answer_text(answer(content)) == (text or None)
    assert thought_frame(answer([{"type": "text", "text": content}])) == frame


@given(st.text(), st.text().map(str.lstrip), st.text(" \n"))
def test_any_thought_is_taken_off_and_nothing_else(thought: str, text: str, spaces: str) -> None:
    if "<think>" in thought or "</think>" in thought + text:
        return
    found = split_thought(f"<think>{thought}</think>{spaces}{text}")
    assert found == (f"{TAGS}{spaces}", text)
    assert split_thought(found.frame + text) == found


def test_tokens_of_thoughts_are_none_of_the_answer_s() -> None:
    spent = {"usage": {"completion_tokens_details": {"reasoning_tokens": 64}}}
    assert has_thought(answer("Billing.") | spent)
    assert has_thought(answer("Billing.", reasoning_content="Paid twice."))
    assert has_thought(answer("<think>Paid twice.</think>Billing."))
    unspent = {"usage": {"completion_tokens_details": {"reasoning_tokens": 0}}}
    assert not has_thought(answer("Billing.", reasoning_content="") | unspent)
    assert not has_thought({})


def test_a_student_of_labels_answers_with_the_tags_alone() -> None:
    calls = [
        record(
            chat_request(example.text),
            f"<think>\nIs it {example.answer}? Yes.\n</think>\n\n{str(example.answer).title()}.",
            number,
        )
        for number, example in enumerate(make_examples(60, noise=0.0))
    ]
    plan = prepare_plan(label_student(), calls).plan
    [fingerprint] = plan.labels
    assert plan.word(fingerprint, "billing") == AnswerText(f"{TAGS}\n\nBilling.", 7)
    kept = Promotion("support", 1, "active", "aa", 100.0, 0.02, write_plan(plan), 0.0, "")
    assert read_plan(kept) == plan


def test_objects_are_read_behind_thoughts_and_written_behind_the_tags() -> None:
    calls = [
        record(
            mail_request(mail.text),
            f'<think>As {{"a": {number}}}?</think>\n{fenced(mail.answer)}',
            number,
            task="mail",
        )
        for number, mail in enumerate(make_short_mails(40))
    ]
    assert object_text(calls[0].request, calls[0].response or {}) == fenced(
        make_short_mails(40)[0].answer
    )
    plan = prepare_plan(object_student(), calls).plan
    [fingerprint] = plan.objects
    found = plan.word(fingerprint, '{"a":1}')
    assert found is not None
    assert found.text == f'{TAGS}\n```json\n{{"a":1}}\n```'


def test_answers_of_a_file_are_read_behind_their_thoughts(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    rows = [
        {"text": "paid twice", "answer": "<think>Money.</think>\n\nbilling"},
        {"text": "no parcel", "answer": "shipping", "human": "<think>"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = read_examples(file).examples
    assert [one.answer for one in found] == ["billing", "shipping"]
    assert found[1].human == "<think>"


def test_a_few_thoughts_among_plain_answers_change_nothing() -> None:
    examples = make_examples(60, noise=0.0)
    calls = [
        record(chat_request(example.text), f"{'<think></think>' * (n % 5 == 0)}{example.answer}", n)
        for n, example in enumerate(examples)
    ]
    assert prepare_plan(label_student(), calls).plan.thoughts == {}
