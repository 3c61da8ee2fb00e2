"""What an expression may stand for when the program runs, as far as its text tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.scan.tree import Call, Class, Function, Module

__all__ = [
    "Fields",
    "Input",
    "Items",
    "Made",
    "Reference",
    "Scalar",
    "Slot",
    "Step",
    "Text",
    "Unknown",
    "Value",
    "as_text",
    "constant_text",
    "joined",
    "plain",
    "words",
]


class Slot(NamedTuple):
    """A part of a text that varies.

    Args:
        name: What stands there.
        owner: The function that it is a parameter of, if it is one.
    """

    name: str
    owner: Function | None = None


class Text(NamedTuple):
    """A text, of which slots vary."""

    parts: tuple[str | Slot, ...]


class Scalar(NamedTuple):
    """A number, a truth value, or nothing."""

    value: float | bool | None


class Items(NamedTuple):
    """A list.

    Args:
        items: Those that are known.
        is_open: Whether there may be more.
        grows: Whether more are added from call to call.
    """

    items: tuple[Value, ...]
    is_open: bool = False
    grows: bool = False


class Fields(NamedTuple):
    """A record.

    Args:
        entries: Those that are known.
        is_open: Whether it may have more.
        type_name: As it is written.
        further: Parameters of functions that are spread in it.
    """

    entries: Mapping[str, Value]
    is_open: bool = False
    type_name: str = ""
    further: tuple[Input, ...] = ()


class Reference(NamedTuple):
    """A class, a function or a constant of a package, by its dotted path.

    Args:
        path: As it is written.
        defined: The class where it is defined in the code that is scanned.
        module: The file in which that is.
        function: The function, likewise.
        whole: The file, where that is what a name was imported for.
    """

    path: str
    defined: Class | None = None
    module: Module | None = None
    function: Function | None = None
    whole: Module | None = None


class Input(NamedTuple):
    """A parameter of a function whose callers are not looked at."""

    name: str
    owner: Function


class Unknown(NamedTuple):
    """Whatever cannot be read from the code."""

    name: str = ""


class Step(NamedTuple):
    """A field or a method that is taken from what was made."""

    name: str
    is_call: bool = False
    arguments: tuple[Value, ...] = ()
    named: Mapping[str, Value] = {}
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a call gives, or what a variable of unknown value gives when it is asked.

    Args:
        name: Dotted path of the function or the class; the variable's name where it is one.
        is_call: Whether ``name`` was called.
        arguments: By place.
        named: By name.
        types: Arguments in angle brackets.
        steps: Fields and methods that follow.
        call: The last call.
    """

    name: str
    is_call: bool = True
    arguments: tuple[Value, ...] = ()
    named: Mapping[str, Value] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    call: Call | None = None

    def path(self) -> str:
        """Return all names with points between them, in lower case without underscores."""
        return plain(".".join([self.name, *(step.name for step in self.steps)]), keep=".")

    def chain(self) -> tuple[Step, ...]:
        """Return what it begins with and all steps that follow."""
        return Step(self.name, self.is_call, self.arguments, self.named, self.types), *self.steps

    def last(self) -> Step:
        """Return the last call with its arguments."""
        return self.chain()[-1]


Value: TypeAlias = Text | Scalar | Items | Fields | Reference | Input | Unknown | Made


def plain(name: str, keep: str = "") -> str:
    """Return a name in lower case, and of other characters than letters and digits ``keep``."""
    return "".join(one for one in name.lower() if one.isalnum() or one in keep)


def words(text: Text) -> str:
    """Return a text with ``{}`` for each slot."""
    return "".join(part if isinstance(part, str) else "{}" for part in text.parts)


def constant_text(value: Value | None) -> str | None:
    """Return a text that does not vary; ``None`` for everything else."""
    if isinstance(value, Text) and all(isinstance(part, str) for part in value.parts):
        return "".join(str(part) for part in value.parts)
    return None


def as_text(value: Value) -> Text:
    """Return what a value looks like within a text."""
    if isinstance(value, Text):
        return value
    if isinstance(value, Scalar):
        return Text((str(value.value),))
    if isinstance(value, Items) and not value.is_open:
        return joined([as_text(item) for item in value.items], ", ")
    if isinstance(value, Input):
        return Text((Slot(value.name, value.owner),))
    return Text((Slot(_slot_name(value)),))


def joined(texts: Iterable[Text], between: str = "") -> Text:
    """Return texts one after the other; constant parts that meet become one."""
    parts: list[str | Slot] = []
    for number, text in enumerate(texts):
        for part in ((between,) if number else ()) + text.parts:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    return Text(tuple(parts))


def _slot_name(value: Value) -> str:
    if isinstance(value, Made):
        return value.path()
    if isinstance(value, Reference):
        return value.path
    return value.name if isinstance(value, Unknown | Input) else ""
