"""Which answers an instruction allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.scan.instructions import listed_answers, listed_fields
from tests.scanning import scan

if TYPE_CHECKING:
    from pathlib import Path

CODE = """from openai import OpenAI
client = OpenAI()
def f(t):
    response = client.responses.create(model="gpt-4o", instructions="{prompt}", input=t)
    answer = response.output_text
    if answer == "{first}" or answer == "{second}":
        return None
    return answer
"""


@pytest.mark.parametrize(
    ("instruction", "answers"),
    [
        ("Is this spam? Answer in yes or no.", ("yes", "no")),
        ("Choose from billing, shipping or returns.", ("billing", "shipping", "returns")),
        ("Answer yes or no and nothing else.", ("yes", "no")),
        ("Answer yes or no, with no explanation.", ("yes", "no")),
        ("Answer yes or no. Do not explain.", ("yes", "no")),
        ("Which language is it? Answer French or German.", ("French", "German")),
        ("Rate the review. Labels: good/bad/neutral.", ("good", "bad", "neutral")),
        (
            "Summarise the mail, then classify it as one of: spam, ham, other.",
            ("spam", "ham", "other"),
        ),
        ("Pick a team (billing or shipping or returns).", ("billing", "shipping", "returns")),
        ("Topics: sports, politics or culture. Say which.", ("sports", "politics", "culture")),
        ("What is asked? Options: write a report, send mail.", ("write a report", "send mail")),
    ],
)
def test_answers_of_a_choice_are_listed(instruction: str, answers: tuple[str, ...]) -> None:
    assert listed_answers(instruction) == answers


@pytest.mark.parametrize(
    "instruction",
    [
        "Translate the message. Write in French or German.",
        "Answer the customer's question. Reply in English or Spanish.",
        "Write a long article. Topics: sports, politics, culture.",
        "Answer the customer. Return a reply that is friendly, short or funny.",
        "Answer yes or no, then explain in two paragraphs why.",
        "Is the claim true? Answer true or false. Explain your reasoning.",
        "Answer yes or no and give a short reason.",
        "Write SQL for the question. Select only from users or orders.",
    ],
)
def test_what_a_text_is_to_be_like_is_no_list_of_answers(instruction: str) -> None:
    assert listed_answers(instruction) == ()


@pytest.mark.parametrize(
    "instruction",
    [
        "Comment on the output. If the output is routine/expected, return an empty string.",
        "Sum the mail up. When the answer is short or dull, add a joke.",
        "Identify which parts should become parameters (like names, versions, paths).",
    ],
)
def test_conditions_and_examples_are_no_list_of_answers(instruction: str) -> None:
    assert listed_answers(instruction) == ()


@pytest.mark.parametrize(
    ("instruction", "fields"),
    [
        ('Return a JSON with "symptoms", "tags".', ("symptoms", "tags")),
        ('A JSON object with "names" (a list) and "commands".', ("names", "commands")),
        ('Return JSON containing "label" and "reason".', ("label", "reason")),
    ],
)
def test_fields_are_named_behind_json(instruction: str, fields: tuple[str, ...]) -> None:
    shape = listed_fields(instruction)
    assert shape is not None
    assert shape.fields == fields


@pytest.mark.parametrize(
    "instruction", ['Answer in JSON with "yes" or "no".', "Turn JSON with comments into text."]
)
def test_words_behind_json_are_not_always_fields(instruction: str) -> None:
    assert listed_fields(instruction) is None


@pytest.mark.parametrize(
    ("first", "second", "rules"), [("SKIP", "N/A", []), ("spam", "ham", ["closed-answer"])]
)
def test_words_for_no_answer_make_no_closed_set(
    tmp_path: Path, first: str, second: str, rules: list[str]
) -> None:
    code = CODE.format(prompt="Say what the customer wants.", first=first, second=second)
    assert [finding.rule for finding in scan(tmp_path, code).findings] == rules
