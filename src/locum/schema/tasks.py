"""What a task is: calls that share one instruction and one kind of output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MARKS",
    "GenerationTask",
    "JsonObject",
    "Marks",
    "Task",
    "check_name",
    "is_one_line",
    "is_task_name",
    "label_key",
    "plain_key",
]

JsonObject = dict[str, Any]

_NAME_LENGTH = 100
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_NAME_LENGTH - 1}}}")
_QUOTES = " \"'`\u201c\u201d\u2018\u2019"
_BOLD = f"{_QUOTES}*"
_ANY = f"{_BOLD}_.,:;!?()[]<>"


class Marks(NamedTuple):
    """Characters that may stand around a label and not belong to it.

    Args:
        before: Those that may stand before it.
        after: Those that may stand after it.
    """

    before: str
    after: str

    def off(self, key: str) -> str:
        """Return a `label_key` without them, unless there is nothing else."""
        return key.lstrip(self.before).rstrip(self.after) or key


_PLAIN = Marks(_BOLD, f"{_BOLD}.")
# From none to all: the more are taken off, the more labels look the same.
MARKS = (Marks("", ""), Marks(_QUOTES, _QUOTES), Marks(_BOLD, _BOLD), _PLAIN, Marks(_ANY, _ANY))


def label_key(label: str) -> str:
    """Return the form under which two spellings of a label count as the same."""
    return " ".join(label.split()).casefold()


def plain_key(label: str) -> str:
    """Return `label_key` without what says nothing: quotes and asterisks around it, a full stop."""
    return _PLAIN.off(label_key(label))


def is_one_line(label: str) -> bool:
    """Tell whether a text is one line, as a label is."""
    return len(label.splitlines()) == 1


@dataclass(frozen=True)
class Task:
    """Calls that share one instruction and one closed label set.

    Args:
        name: How the command line, the artefact and the report call the task: letters, digits,
            ``.``, ``_`` and ``-``, starting with a letter or digit.
        labels: The closed label set, at least two, distinct also when case is ignored.
        instruction: What the teacher is asked to do.
        descriptions: For some or all labels, what they mean; part of the prompt.
        examples: Inputs with their labels; shown to the teacher as earlier turns.

    Raises:
        UsageError: A name, label, description or example breaks these rules.
    """

    name: str
    labels: tuple[str, ...]
    instruction: str = "Classify the text."
    descriptions: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the rules."""
        check_name(self.name)
        object.__setattr__(self, "labels", _read_labels(self.name, self.labels))
        _check_labels(self.name, self.labels)
        _check_instruction(self.name, self.instruction)
        for what, words in (("descriptions", self.descriptions), ("examples", self.examples)):
            _check_words(self.name, what, words)
        for where, labels in (
            ("a description", self.descriptions.keys()),
            ("an example", self.examples.values()),
        ):
            for label in labels:
                if label not in self.labels:
                    raise UsageError(
                        f"task {self.name!r} has {where} for {label!r}, which is not one of its "
                        f"labels ({', '.join(self.labels)}): add the label or correct it"
                    )


@dataclass(frozen=True)
class GenerationTask:
    """Calls that share one instruction, and whose answers are free text.

    Args:
        name: As that of a `Task`.
        instruction: What the model is asked to do; empty where the inputs say all of it.

    Raises:
        UsageError: The name or the instruction cannot be used.
    """

    name: str
    instruction: str = ""

    def __post_init__(self) -> None:
        """Check the rules."""
        check_name(self.name)
        _check_instruction(self.name, self.instruction)


def is_task_name(name: str) -> bool:
    """Tell whether a task can have a name; see `check_name`."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Refuse a task name that could not be a plain folder name everywhere.

    Raises:
        UsageError: The name is empty, too long, or has other characters than ASCII letters,
            digits, ``.``, ``_`` and ``-``, or does not start with a letter or digit.
    """
    if not (isinstance(name, str) and is_task_name(name)):
        raise UsageError(
            f"task name {name!r} cannot be used: expected 1 to {_NAME_LENGTH} ASCII letters, "
            "digits, '.', '_' or '-', starting with a letter or digit"
        )


def _check_instruction(name: str, instruction: str) -> None:
    if not isinstance(instruction, str):
        raise UsageError(f"task {name!r}: the instruction is {shown(instruction)}: expected a str")
    if any("\ud800" <= character <= "\udfff" for character in instruction):
        raise UsageError(f"task {name!r}: the instruction is no valid Unicode text")


def _check_words(name: str, what: str, words: Mapping[str, str]) -> None:
    if not isinstance(words, Mapping):
        raise UsageError(
            f"task {name!r}: {what} are {shown(words)}: expected a mapping, as the docstring says"
        )
    for word in (*words.keys(), *words.values()):
        if not isinstance(word, str):
            raise UsageError(f"task {name!r}: {what} hold {shown(word)}: expected str alone")


def _read_labels(name: str, labels: Iterable[str]) -> tuple[str, ...]:
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise UsageError(
            f"task {name!r}: labels are {shown(labels)}: expected a list, such as ['yes', 'no']"
        )
    given = tuple(labels)
    for label in given:
        if not isinstance(label, str):
            raise UsageError(
                f"task {name!r} has the label {shown(label)}: expected a str; take str() of each, "
                "here and in answers"
            )
    return tuple(map(str, given))


def _check_labels(name: str, labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise UsageError(
            f"task {name!r} has {len(labels)} label(s) ({', '.join(labels) or 'none'}): a "
            "classification needs at least two; with one there is nothing to decide"
        )
    seen: dict[str, str] = {}
    for label in labels:
        key = label_key(label)
        if not key:
            raise UsageError(f"task {name!r} has an empty label: name it or leave it out")
        if not is_one_line(label):
            raise UsageError(f"task {name!r} has the label {label!r}: a label is one line")
        if key in seen:
            raise UsageError(
                f"task {name!r} has the labels {seen[key]!r} and {label!r}, which differ in case "
                "or spaces alone: keep one of them"
            )
        seen[key] = label
