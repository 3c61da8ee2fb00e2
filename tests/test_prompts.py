"""The prompts that ask for one label, and for one object."""

from __future__ import annotations

from locum.schema import Task
from locum.shapes import ExtractionTask
from locum.teachers import build_messages
from locum.teachers.prompts import build_object_messages

TASK = Task(
    "topics",
    ("cash", "card", "fee"),
    instruction="Say what the message is about.",
    descriptions={"cash": "coins and notes", "fee": ""},
    examples={"I lost a note": "cash", "Where is my card?": "card"},
)


def test_the_instruction_and_the_labels_stand_first() -> None:
    messages = build_messages(Task("topics", ("b", "a"), instruction="Choose."), "a text")
    assert messages == [
        {"role": "system", "content": "Choose.\n\nLabels:\nb\na\n\nAnswer with the label alone."},
        {"role": "user", "content": "a text"},
    ]


def test_labels_stand_with_their_descriptions() -> None:
    system = build_messages(TASK, "a text")[0]["content"]
    assert "Labels:\ncash: coins and notes\ncard\nfee\n" in system


def test_examples_are_earlier_turns() -> None:
    assert build_messages(TASK, "a text")[1:] == [
        {"role": "user", "content": "I lost a note"},
        {"role": "assistant", "content": "cash"},
        {"role": "user", "content": "Where is my card?"},
        {"role": "assistant", "content": "card"},
        {"role": "user", "content": "a text"},
    ]


def test_only_the_last_message_differs_between_two_texts() -> None:
    first, second = (build_messages(TASK, text) for text in ("one", "two\n{system}"))
    assert first[:-1] == second[:-1]
    assert [first[-1]["content"], second[-1]["content"]] == ["one", "two\n{system}"]


def test_an_object_is_outlined_after_its_schema_in_the_schemas_order() -> None:
    fields = {"why": {"type": "string"}, 'a "b"': {"type": ["integer", "null"]}}
    schema = {"type": "object", "properties": fields, "required": ["why"]}
    task = ExtractionTask("orders", schema, "Read the mail.", leave_out=["why"])
    system, user = build_object_messages(task, TASK, "a text")
    assert user == {"role": "user", "content": "a text"}
    assert system["role"] == "system"
    assert system["content"].startswith("Read the mail.\n\nJSON Schema of the answer:\n{")
    assert '"properties":{"why":{"type":"string"},' in system["content"]
    assert system["content"].endswith('nothing else: {"why": ..., "a \\"b\\"": ...}')
