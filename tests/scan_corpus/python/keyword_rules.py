"""Sorts mails by keywords.

This replaced a model. The old code was:

    client = OpenAI()
    completion = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": f"Answer 'bill' or 'other': {mail}"}],
        max_tokens=1,
    )
    return completion.choices[0].message.content == "bill"
"""

import re

from openai import OpenAI  # noqa: F401

BILL = re.compile(r"\b(invoice|payment due|amount payable)\b", re.IGNORECASE)


def classify(mail: str) -> str:
    # answer = client.responses.create(model="gpt-4o", input="bill or other? " + mail)
    # if answer.output_text == "bill": ...
    return "bill" if BILL.search(mail) else "other"
