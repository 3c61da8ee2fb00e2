"""A student's objects look as the application got them from the teacher, or it is not promoted."""

from __future__ import annotations

import json

import pytest

from locum.errors import InputError
from locum.promotion.forms import check_form
from tests.json_traffic import make_short_task

TASK = make_short_task(leave_out=["summary"])
GIVEN = {"intent": "refund", "urgent": True, "number": "12", "summary": "He wants it back."}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"mail": GIVEN}, r'\(wrapped object\): such as {"mail":{.*, where .* says {"intent":"ref'),
        ({**GIVEN, "intent": "Refund"}, r'\(enum sp.*{"intent":"Refund"}, .* {"intent":"refund"}'),
        ({**GIVEN, "urgent": "yes"}, r'\(boolean as text\): such as {"urgent":"yes"}, .*:true}'),
        ({**GIVEN, "number": 12}, r'\(text as number\): such as {"number":12}, .* {"number":"12"}'),
        ({"intent": "refund", "urgent": True}, r'\(missing null\): such as .*"number":null}'),
        ({**GIVEN, "sender": "Anna"}, r'\(unexpected field\): such as .*"sender":"Anna"'),
    ],
)
def test_answers_that_were_put_right_for_the_schema_are_told_of(
    said: dict[str, object], told: str
) -> None:
    answers = [json.dumps(GIVEN)] * 18 + [json.dumps(said)] * 2
    with pytest.raises(InputError, match=f"2 of the 20 answers .*{told}") as found:
        check_form(TASK, answers)
    assert "distil the task by a schema of what the application gets" in str(found.value)
    check_form(TASK, [*answers[:18], *answers[:18], *answers[18:][:1]])


def test_what_stands_around_objects_and_what_json_allows_makes_no_difference() -> None:
    whole = json.dumps(GIVEN, indent=2)
    check_form(TASK, [f"```json\n{whole}\n```", f"[{whole}]", whole + whole, "none at all"])
    check_form(TASK, ['{"intent": "refund", "intent": "refund", "urgent": true, "number": null}'])
    check_form(TASK, [])
