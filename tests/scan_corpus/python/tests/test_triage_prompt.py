"""Checks the prompt against the real model; run by hand."""

import pytest
from openai import OpenAI

CASES = [("My parcel is late", "shipping"), ("I was charged twice", "billing")]


@pytest.mark.live
@pytest.mark.parametrize(("text", "expected"), CASES)
def test_prompt(text: str, expected: str) -> None:
    completion = OpenAI().chat.completions.create(
        model="gpt-4o",
        max_tokens=3,
        messages=[
            {"role": "system", "content": "Answer with one word: billing, shipping or other."},
            {"role": "user", "content": text},
        ],
    )
    assert completion.choices[0].message.content == expected
