"""The prompt that asks a model for new inputs, and the inputs in its answer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic import split_thought

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Task

__all__ = ["WritingOrder", "build_writing_prompt", "find_texts"]

_SHOWN_CHARACTERS = 2_000
_ARRAYS_TRIED = 20
_LONGEST_ANSWER = 200_000
_SEPARATORS = " \t\r\n,"
_NUMBERED = re.compile(r"^\s*(?:\d{1,4}[.):]|[-*\u2022])\s+(\S.*?)\s*$", re.MULTILINE)
_QUOTES = {'"': '"', "\u201c": "\u201d", "'": "'"}
_NAMES_OF_A_TEXT = ("text", "input")
_DECODER = json.JSONDecoder()


class WritingOrder(NamedTuple):
    """What one prompt asks for.

    Args:
        label: The label that the texts are to have.
        wanted: How many texts.
        shortest: About how many characters each has at least.
        longest: And at most.
        seeds: Real inputs, as samples.
        of_label: Whether the samples have the label; else they show the style alone.
        written: Texts that are there already.
    """

    label: str
    wanted: int
    shortest: int
    longest: int
    seeds: Sequence[str]
    of_label: bool
    written: Sequence[str]


def build_writing_prompt(task: Task, order: WritingOrder) -> str:
    """Return the prompt; its first half depends on the task alone, for the provider's cache."""
    described = [
        f"- {label}: {task.descriptions[label]}" if task.descriptions.get(label) else f"- {label}"
        for label in task.labels
    ]
    samples = (
        f"Real inputs with the label {order.label!r}, as samples of content, language and style:"
        if order.of_label
        else "Real inputs with other labels, as samples of language and style alone:"
    )
    purpose = (
        "You write inputs for a text classifier, as they come in production: as different from "
        "each other as real ones are, in content, wording, tone and form."
    )
    request = (
        f"Write {order.wanted} new inputs for which the label {order.label!r} is right, and none "
        f"of the others. Each has {order.shortest} to {order.longest} characters."
    )
    parts = [
        purpose,
        f"What the classifier is told: {task.instruction}",
        "Its labels:\n" + "\n".join(described),
        request,
        f"{samples}\n{_listed(order.seeds)}",
        "Copy or reword none of them.",
    ]
    if order.written:
        parts.append(f"These are written already; keep away from them:\n{_listed(order.written)}")
    parts.append(f"Answer with one JSON array of {order.wanted} strings, and nothing else.")
    return "\n\n".join(parts)


def _listed(texts: Sequence[str]) -> str:
    """Texts as a JSON array, one a line, so that none can be taken for an instruction's end."""
    shown = [text[:_SHOWN_CHARACTERS] for text in texts]
    return json.dumps(shown, ensure_ascii=False, indent=0)


def find_texts(answer: str) -> list[str]:
    """Return the texts in an answer, without spaces around them; none where it holds no list.

    Takes the JSON array with the most text in it, also one that breaks off; else a JSON string or
    object a line; else a numbered list. An object stands for its ``text`` or ``input``, or for its
    one string. What a model thinks before it answers is left out.
    """
    answer = split_thought(answer[:_LONGEST_ANSWER]).text
    for found in (_in_arrays(answer), _in_lines(answer), _in_list(answer)):
        texts = [text.strip() for text in found if text.strip()]
        if texts:
            return texts
    return []


def _in_arrays(answer: str) -> list[str]:
    """Of the array with the most text, since some explain first which labels there are."""
    longest: list[str] = []
    start = answer.find("[")
    for _ in range(_ARRAYS_TRIED):
        if start < 0:
            break
        texts, end = _elements(answer, start + 1)
        longest = max(longest, texts, key=lambda found: sum(map(len, found)))
        start = answer.find("[", end if texts else start + 1)
    return longest


def _elements(answer: str, place: int) -> tuple[list[str], int]:
    """Strings of an array from its first element on, as far as it is whole, and where that ends."""
    texts: list[str] = []
    while True:
        while place < len(answer) and answer[place] in _SEPARATORS:
            place += 1
        try:
            value, place = _DECODER.raw_decode(answer, place)
        except (ValueError, RecursionError):
            return texts, place
        texts += _strings(value)


def _in_lines(answer: str) -> list[str]:
    texts: list[str] = []
    for line in answer.splitlines():
        try:
            texts += _strings(_DECODER.decode(line.strip().rstrip(",")))
        except (ValueError, RecursionError):
            continue
    return texts


def _in_list(answer: str) -> list[str]:
    return [_unquoted(text) for text in _NUMBERED.findall(answer)]


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        named = [value[name] for name in _NAMES_OF_A_TEXT if isinstance(value.get(name), str)]
        inside = named[:1] or [one for one in value.values() if isinstance(one, str)]
        return inside if len(inside) == 1 else []
    return [value] if isinstance(value, str) else []


def _unquoted(text: str) -> str:
    closing = _QUOTES.get(text[0])
    return text[1:-1] if len(text) > 1 and closing and text.endswith(closing) else text
