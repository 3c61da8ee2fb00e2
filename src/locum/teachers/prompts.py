"""The prompt that asks a chat model for one label."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.schema import Task

__all__ = ["Message", "build_messages"]

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
