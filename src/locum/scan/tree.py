"""Source code of any language in one form: expressions, functions, classes and what is bound."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from typing import Literal as Choices

if TYPE_CHECKING:
    import re

    from locum.scan.branches import Arm

__all__ = [
    "Argument",
    "Binary",
    "Binding",
    "Call",
    "Choice",
    "Class",
    "Expression",
    "Function",
    "Import",
    "Index",
    "Literal",
    "Member",
    "Module",
    "Name",
    "Opaque",
    "Parameter",
    "Place",
    "Record",
    "Sequence",
    "Span",
    "Spread",
    "Switch",
    "Template",
]

Scalar: TypeAlias = str | int | float | bool | None
BindingKind: TypeAlias = Choices["set", "extend", "append", "element"]


class Span(NamedTuple):
    """Where code stands; all count from 1, and the end is not in it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(slots=True, eq=False)
class Literal:
    """A constant that is written out."""

    value: Scalar


@dataclass(slots=True, eq=False)
class Template:
    """Strings and expressions, one after the other."""

    parts: list[Expression]


@dataclass(slots=True, eq=False)
class Name:
    """A variable, a function, a class or a package."""

    text: str
    line: int = 0


@dataclass(slots=True, eq=False)
class Member:
    """``base.name``."""

    base: Expression
    name: str


@dataclass(slots=True, eq=False)
class Index:
    """``base[key]``."""

    base: Expression
    key: Expression


class Argument(NamedTuple):
    """An argument; ``name`` is ``None`` where it is known by its place."""

    value: Expression
    name: str | None = None


@dataclass(slots=True, eq=False)
class Call:
    """A call of a function, a method or a constructor.

    Args:
        callee: What is called.
        arguments: In order, the block of Ruby last.
        span: Where it stands.
        types: Arguments in angle brackets, as they are written.
    """

    callee: Expression
    arguments: list[Argument]
    span: Span
    types: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Sequence:
    """A list, a tuple or a set."""

    items: list[Expression]


@dataclass(slots=True, eq=False)
class Spread:
    """``*value`` or ``...value`` within a sequence or among arguments."""

    value: Expression


@dataclass(slots=True, eq=False)
class Record:
    """A dictionary, an object or a struct that is written out.

    Args:
        entries: Keys and values; a key is ``None`` where all of another record is put in.
        type_name: Of the struct.
    """

    entries: list[tuple[Expression | None, Expression]]
    type_name: str | None = None


@dataclass(slots=True, eq=False)
class Binary:
    """Two operands; comparisons are ``==``, ``!=``, ``in`` and the like."""

    operator: str
    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Switch:
    """A value that is held against several cases."""

    subject: Expression
    cases: list[Expression]


@dataclass(slots=True, eq=False)
class Choice:
    """One of several expressions, by a condition."""

    options: list[Expression]


@dataclass(slots=True, eq=False)
class Opaque:
    """Whatever else there is."""

    parts: list[Expression]
    text: str = ""


class Parameter(NamedTuple):
    """A parameter of a function."""

    name: str
    type_text: str = ""
    default: Expression | None = None


class Binding(NamedTuple):
    """A name gets a value.

    Args:
        value: The value, or what is added to it.
        kind: ``extend`` for text, ``append`` for lists, ``element`` for one key of a record.
        line: Where.
        loops: In how many loops of its function.
        function: The function in which it happens.
        key: Of an element.
        arms: In which arms of conditions of its function, from the outside in.
    """

    value: Expression
    kind: BindingKind
    line: int
    loops: int
    function: Function
    key: Expression | None = None
    arms: tuple[Arm, ...] = ()


@dataclass(slots=True, eq=False)
class Function:
    """A function, a method, a lambda, or the top of a file.

    Args:
        name: Empty for a lambda.
        parameters: Without the receiver.
        decorators: Decorators, annotations and attributes, as they are written.
        parent: The function around it.
        owner: The class that it is a method of.
        span: Where it stands.
        loops: In how many loops of ``parent`` it stands.
        header: What stands before its body.
        passed_to: The call that a lambda is an argument of.
        bindings: By name, in the order of the text.
        returns: What it may return.
    """

    name: str
    parameters: list[Parameter]
    decorators: list[str]
    parent: Function | None
    owner: Class | None
    span: Span
    loops: int = 0
    header: str = ""
    receiver: str = ""
    passed_to: Call | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    returns: list[Expression] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Class:
    """A class, a struct, an interface, an enum or a type that is one of several literals.

    Args:
        name: Its name.
        bases: Names of what it extends, implements and includes.
        decorators: As they are written.
        attributes: Fields and constants with their values, by name.
        types: Types of fields as they are written, by name.
        members: Of an enum: its members and the text that each stands for.
        tags: What is said beside a field, such as the tag of a Go field.
        nearby: Classes that stand in it, and then those that stand beside it.
    """

    name: str
    bases: list[str] = field(default_factory=list)
    decorators: list[str] = field(default_factory=list)
    attributes: dict[str, list[Binding]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    nearby: ChainMap[str, Class] = field(default_factory=ChainMap)


class Import(NamedTuple):
    """A module and a name there: ``*`` for all of it, none for what the module says it is."""

    module: str
    name: str


class Place(NamedTuple):
    """An expression with what is around it: the function, and how many loops there."""

    expression: Call | Binary | Index | Switch
    function: Function
    loops: int


class Comment(NamedTuple):
    """A comment: its first and last line, its text, and whether there is no code on those lines."""

    line: int
    end_line: int
    text: str
    is_alone: bool


@dataclass(slots=True, eq=False)
class Module:
    """A file.

    Args:
        language: As findings show it.
        path: Of the file, as findings show it.
        source: Its text.
        code: Its text without comments.
        comments: In the order of the text.
        root: What stands at its top.
        classes: By name.
        functions: By name.
        imports: By the name that they have here.
        stars: Modules of which all names are imported.
        places: Calls, comparisons and look-ups, in the order of the text.
        calls_by_name: Calls by the last name of what is called.
        calls_by_argument: Calls by the last names of their arguments.
        grown: Names of lists that a function adds to though they are not its own.
        mentioned: What `mentions` knows.
    """

    language: str
    path: str
    source: str
    root: Function
    code: str = ""
    comments: list[Comment] = field(default_factory=list)
    classes: dict[str, Class] = field(default_factory=dict)
    functions: dict[str, list[Function]] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    calls_by_name: dict[str, list[Place]] = field(default_factory=dict)
    calls_by_argument: dict[str, list[Place]] = field(default_factory=dict)
    grown: set[str] = field(default_factory=set)
    mentioned: dict[re.Pattern[str], bool] = field(default_factory=dict)

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """Return whether a pattern is found in the code, which is searched for it once."""
        if pattern not in self.mentioned:
            self.mentioned[pattern] = pattern.search(self.code) is not None
        return self.mentioned[pattern]


Expression: TypeAlias = (
    Literal
    | Template
    | Name
    | Member
    | Index
    | Call
    | Sequence
    | Spread
    | Record
    | Binary
    | Switch
    | Choice
    | Opaque
    | Function
    | Class
)
