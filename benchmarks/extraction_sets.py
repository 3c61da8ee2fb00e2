"""Real extraction sets: texts, and answers that are JSON of one schema.

* ``snips``: 13,784 commands to a voice assistant, 7 intents and 39 slots (Coucke et al. 2018,
  arXiv:1805.10190), and 700 others to test on; a folder with ``train_*.json`` and
  ``validate_*.json``. One object: the intent, and a field for each slot.
* ``conll``: CoNLL-2003's English news (Tjong Kim Sang and De Meulder 2003), 14,041 sentences with
  persons, places, organisations and other names, and 3,453 others to test on; a folder with
  ``train.txt`` and ``test.txt``, a token and its BIO tag a line. One object: a list of entities,
  each with its text and its type.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from locum.extractors.marks import Mark

__all__ = ["SETS", "ExtractionSet", "TaggedText", "read_conll", "read_snips", "slot_name"]


class TaggedText(NamedTuple):
    """A text as people tagged it.

    Args:
        text: The text.
        intent: Its class; empty where there are none.
        slots: Name, first character and last one, exclusive, of each span.
    """

    text: str
    intent: str
    slots: tuple[tuple[str, int, int], ...]


class ExtractionSet(NamedTuple):
    """A set with its answers as JSON.

    Args:
        schema: Of the answers.
        train: Texts to learn from.
        test: Others.
        train_answers: Their answers.
        test_answers: Likewise.
    """

    schema: dict[str, Any]
    train: list[TaggedText]
    test: list[TaggedText]
    train_answers: list[dict[str, Any]]
    test_answers: list[dict[str, Any]]


def read_snips(folder: Path) -> ExtractionSet:
    """Read SNIPS; a slot that any training text names twice is a list."""
    train = _read(sorted(folder.glob("train_*.json")))
    test = _read(sorted(folder.glob("validate_*.json")))
    lists = {name for text in train for name, n in _counted(text).items() if n > 1}
    intents = sorted({text.intent for text in train})
    names = sorted({name for text in train for name, _, _ in text.slots})
    plain = {"type": "string"}
    slots = {name: {"type": "array", "items": plain} if name in lists else plain for name in names}
    schema = {
        "type": "object",
        "properties": {
            "intent": {"enum": intents},
            "slots": {"type": "object", "properties": slots, "additionalProperties": False},
        },
        "required": ["intent", "slots"],
        "additionalProperties": False,
    }
    answers = [[_answer(text, lists) for text in texts] for texts in (train, test)]
    return ExtractionSet(schema, train, test, *answers)


def read_conll(folder: Path) -> ExtractionSet:
    """Read CoNLL-2003; the tokens of a sentence are joined by spaces."""
    train, test = (_sentences(folder / name) for name in ("train.txt", "test.txt"))
    types = sorted({name for text in train for name, _, _ in text.slots})
    entity = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "type": {"enum": types}},
        "required": ["text", "type"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"entities": {"type": "array", "items": entity}},
        "required": ["entities"],
        "additionalProperties": False,
    }
    answers = [
        [
            {"entities": [{"text": text.text[a:b], "type": name} for name, a, b in text.slots]}
            for text in texts
        ]
        for texts in (train, test)
    ]
    return ExtractionSet(schema, train, test, *answers)


def _sentences(path: Path) -> list[TaggedText]:
    found = []
    for block in path.read_text("utf-8").split("\n\n"):
        rows = [line.split() for line in block.splitlines() if line.strip()]
        if rows and rows[0][0] != "-DOCSTART-":
            found.append(_sentence([(row[0], row[-1]) for row in rows]))
    return found


def _sentence(tagged: list[tuple[str, str]]) -> TaggedText:
    text, slots, before = "", list[tuple[str, int, int]](), "O"
    for token, tag in tagged:
        start = len(text) + bool(text)
        text = f"{text} {token}" if text else token
        goes_on = tag.startswith("I-") and before[2:] == tag[2:]
        if goes_on:
            slots[-1] = (tag[2:], slots[-1][1], len(text))
        elif tag != "O":
            slots.append((tag[2:], start, len(text)))
        before = tag
    return TaggedText(text, "", tuple(slots))


def slot_name(mark: Mark) -> str:
    """Return the slot that a mark of one of the sets stands for."""
    if mark.closed:
        return str(json.loads(mark.closed[0][1]))
    return mark.path[1]


def _read(paths: Iterable[Path]) -> list[TaggedText]:
    found: list[TaggedText] = []
    for path in paths:
        [(intent, utterances)] = json.loads(path.read_text("utf-8", "replace")).items()
        found += [_tagged(intent, utterance["data"]) for utterance in utterances]
    return found


def _tagged(intent: str, pieces: list[dict[str, str]]) -> TaggedText:
    text, slots = "", []
    for piece in pieces:
        if "entity" in piece:
            slots.append((piece["entity"], len(text), len(text) + len(piece["text"])))
        text += piece["text"]
    return TaggedText(text, intent, tuple(slots))


def _counted(text: TaggedText) -> Counter[str]:
    return Counter(name for name, _, _ in text.slots)


def _answer(text: TaggedText, lists: set[str]) -> dict[str, Any]:
    slots: dict[str, Any] = {}
    for name, start, end in text.slots:
        value = text.text[start:end].strip()
        if name in lists:
            slots.setdefault(name, []).append(value)
        else:
            slots.setdefault(name, value)
    return {"intent": text.intent, "slots": slots}


SETS = {"snips": read_snips, "conll": read_conll}
