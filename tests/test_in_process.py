"""A student in its user's process: batches from a queue, and conversations as at the gateway."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

import orjson
import pytest

from locum.errors import UsageError
from tests.json_traffic import make_short_mails
from tests.promoted import SURE, UNSURE, chat_request, label_student, object_student

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Prediction


def conversation(text: str) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = chat_request(text)["messages"]
    return messages


def test_batches_say_what_predict_says() -> None:
    texts = [*SURE.values(), UNSURE] * 5
    student = label_student()
    assert list(student.predict_batch(texts, 3)) == student.predict(texts)


def test_a_queue_without_end_is_read_a_batch_at_a_time() -> None:
    taken = count()
    endless = (f"{SURE['billing']} {next(taken)}" for _ in count())
    found = list(islice(label_student().predict_batch(endless, 4), 6))
    assert [one.label for one in found] == ["billing"] * 6
    assert next(taken) == 8


def test_what_a_queue_gave_before_it_broke_is_predicted() -> None:
    """It would not give those texts again."""

    def broken() -> Iterator[str]:
        yield from SURE.values()
        raise ConnectionError("the queue is gone")

    texts = [*SURE.values()]
    found: list[Prediction] = []
    with pytest.raises(ConnectionError, match="is gone"):
        found.extend(label_student().predict_batch(broken(), len(texts) + 1))
    assert found == label_student().predict(texts)


def test_one_string_and_empty_batches_are_refused() -> None:
    with pytest.raises(UsageError, match=r"wrap the one text in \[ \]"):
        label_student().predict_batch("a text")
    with pytest.raises(UsageError, match="expected one text a batch"):
        object_student().predict_batch([], 0)


def test_a_text_and_a_request_are_no_conversation() -> None:
    for given in (SURE["billing"], {"messages": conversation(SURE["billing"])}):
        with pytest.raises(UsageError, match=r'\[\{"role": "user", "content": text\}\], or'):
            label_student().answer(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", SURE)
def test_a_conversation_is_answered_as_at_the_gateway(label: str) -> None:
    assert label_student().answer(conversation(SURE[label])) == label


@pytest.mark.parametrize(
    "messages",
    [
        conversation(UNSURE),
        [],
        [{"role": "assistant", "content": SURE["billing"]}],
        [*conversation(SURE["billing"]), {"role": "assistant", "content": "{"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
    ],
    ids=range(5),
)
def test_what_a_gateway_would_send_to_the_teacher_has_no_answer(
    messages: list[dict[str, object]],
) -> None:
    assert label_student().answer(messages) is None


def test_objects_are_answered_as_json() -> None:
    student = object_student()
    mails = make_short_mails(40, seed=9)
    answers = [student.answer(conversation(mail.text)) for mail in mails]
    read = [None if answer is None else orjson.loads(answer) for answer in answers]
    assert read == [student.answer_text(mail.text) for mail in mails]
    assert any(read)
