"""The prompts that ask a chat model for one label, for one JSON object, or for a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from locum.schema import GenerationTask, Task
    from locum.shapes import ExtractionTask

__all__ = ["Message", "build_messages", "build_object_messages", "build_text_messages"]

Message = dict[str, str]


def build_messages(task: Task, text: str) -> list[Message]:
    """Return the chat messages that ask for the label of ``text``.

    Everything but the last message depends on the task alone, so that a provider's
    prompt cache pays for the instruction and the examples once.
    """
    described = [
        f"{label}: {' '.join(task.descriptions[label].splitlines())}"
        if task.descriptions.get(label)
        else label
        for label in task.labels
    ]
    system = "\n\n".join(
        [task.instruction, "Labels:\n" + "\n".join(described), "Answer with the label alone."]
    )
    messages = [{"role": "system", "content": system}]
    for example, label in task.examples.items():
        messages.append({"role": "user", "content": example})
        messages.append({"role": "assistant", "content": label})
    messages.append({"role": "user", "content": text})
    return messages


def build_object_messages(task: ExtractionTask, _: Task, text: str) -> list[Message]:
    """Return the chat messages that ask for the JSON object of ``text``.

    The schema stands in them for servers that know no ``response_format``, and after it the outline
    of an object: small models shown a schema alone write one instead.
    """
    names = task.schema.get("properties") or task.shape.fields
    outline = ", ".join(f"{write_json(name).decode()}: ..." for name in names)
    asked = (
        f"JSON Schema of the answer:\n{write_json(task.schema).decode()}\n\n"
        "Answer with one JSON object that satisfies the schema, and with nothing else: "
        f"{{{outline}}}"
    )
    system = f"{task.instruction}\n\n{asked}"
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]


def build_text_messages(task: GenerationTask, _: Task, text: str) -> list[Message]:
    """Return the chat messages that ask for the answer to ``text``."""
    system = [{"role": "system", "content": task.instruction}] if task.instruction else []
    return [*system, {"role": "user", "content": text}]
