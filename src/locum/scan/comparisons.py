"""What a program holds against labels: by comparing, looking up, switching and converting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.scan.languages.lowering import last_name
from locum.scan.tree import Binary, Call, Function, Index, Literal, Member, Name, Sequence, Switch
from locum.scan.values import Fields, Items, Reference, Value, constant_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Expression, Place

__all__ = ["COMPARING_CALLS", "Held", "held_at"]

_LONGEST_LABEL = 40
_LABEL = re.compile(r"[\w\-+][\w \-+/&.,'?!%]*")
_CONTAINING = frozenset(
    {
        *("includes", "contains", "has", "include", "containskey", "get", "fetch", "getordefault"),
        *(
            "indexof",
            "key",
            "trygetvalue",
            "member",
            "some",
            "haskey",
            "getvalueordefault",
        ),
        *("valuesat", "index", "find", "exists", "offsetget", "dig"),
    }
)
_COMPARING = frozenset(
    {
        *("equals", "equalsignorecase", "startswith", "endswith", "hasprefix", "hassuffix"),
        *("equalfold", "strstartswith", "strendswith", "startwith", "endwith", "eql", "equal"),
        *("strcasecmp", "localecompare", "casecmp", "is", "strcmp", "compare"),
        *("stringequals", "contentequals", "compareto", "stringstartswith"),
    }
)
_SUBSTRING = frozenset(
    {
        "includes",
        "contains",
        "include",
        "strcontains",
        "indexof",
        "strpos",
        "stripos",
        "containsany",
    }
)
_LISTED_IN = frozenset(
    {"inarray", "contains", "arraykeyexists", "containsfunc", "oneof", "index", "indexof"}
)
_ENUM_METHODS = frozenset(
    {
        "from",
        "tryfrom",
        "valueof",
        "parse",
        "tryparse",
        "frommaybe",
        "of",
        "fromvalue",
        "fromstring",
    }
)
COMPARING_CALLS = _COMPARING | _SUBSTRING | _CONTAINING


class Held(NamedTuple):
    """What is held against labels.

    Args:
        subject: Such as an answer.
        labels: Which.
        is_whole: Whether they are all that are allowed.
        is_within: Whether they are only looked for somewhere in the subject.
    """

    subject: Expression
    labels: list[str]
    is_whole: bool
    is_within: bool = False


def held_at(ev: Evaluator, place: Place) -> Iterator[Held]:
    """Yield what is held against which labels at a place."""
    match place.expression:
        case Binary(operator="==" | "!=", left=left, right=right):
            yield from _compared(ev, None, [left, right], place.function)
        case Binary(operator="in" | "not in", left=left, right=right):
            yield from _looked_up(ev, left, right, place.function)
            label = _label(ev, left, place.function)
            if label is not None:
                yield Held(right, [label], is_whole=False, is_within=True)
        case Switch(subject=subject, cases=cases):
            yield from _labelled(subject, [_label(ev, case, place.function) for case in cases])
        case Index(base=base, key=key):
            yield from _looked_up(ev, key, base, place.function)
        case Call():
            yield from _held_by_call(ev, place.expression, place.function)
        case _:
            pass


def _labelled(subject: Expression, found: list[str | None]) -> Iterator[Held]:
    known = [label for label in found if label is not None]
    if known:
        yield Held(subject, known, len(known) > 1)


def _looked_up(
    ev: Evaluator, subject: Expression, among: Expression, function: Function
) -> Iterator[Held]:
    held = _members(ev.value(among, function))
    if held:
        yield Held(subject, held, is_whole=True)


def _held_by_call(ev: Evaluator, call: Call, function: Function) -> Iterator[Held]:
    name = plain(last_name(call.callee))
    arguments = [argument.value for argument in call.arguments]
    base = call.callee.base if isinstance(call.callee, Member) else None
    if base is not None and arguments and name in _CONTAINING:
        yield from _looked_up(ev, arguments[0], base, function)
    if name in _COMPARING | _SUBSTRING and arguments:
        for held in _compared(ev, base, arguments, function):
            yield held._replace(is_within=name in _SUBSTRING)
    if name in _LISTED_IN and len(arguments) > 1:
        yield from _looked_up(ev, arguments[0], arguments[1], function)
        yield from _looked_up(ev, arguments[1], arguments[0], function)
    enum = _enum(ev, call, name, function)
    if enum and arguments:
        yield Held(arguments[0], enum, is_whole=True)


def _compared(
    ev: Evaluator, base: Expression | None, arguments: list[Expression], function: Function
) -> Iterator[Held]:
    pairs = (
        [(arguments[0], arguments[1]), (arguments[1], arguments[0])] if len(arguments) > 1 else []
    )
    if base is not None:
        pairs = [(base, arguments[0]), (arguments[0], base), *pairs]
    for subject, other in pairs:
        yield from _labelled(subject, [_label(ev, other, function)])


def _enum(ev: Evaluator, call: Call, name: str, function: Function) -> list[str]:
    """Members of the enum that a call turns its argument into."""
    target = call.callee
    if isinstance(target, Member) and name in _ENUM_METHODS:
        target = target.base
    if call.types and name in _ENUM_METHODS:
        found = ev.global_value(call.types[0]) or ev.project.imported(ev.module, call.types[0])
    elif isinstance(target, Name):
        found = ev.global_value(target.text) or ev.project.imported(ev.module, target.text)
    else:
        found = ev.value(target, function) if isinstance(target, Member) else None
    if isinstance(found, Reference) and found.defined is not None:
        return list(found.defined.members.values())
    return []


def _label(ev: Evaluator, expression: Expression, function: Function) -> str | None:
    if not isinstance(expression, Name | Member | Literal | Call | Sequence):
        return None
    text = constant_text(ev.value(expression, function)) or ""
    return text.strip() if _is_label(text) else None


def _is_label(text: str) -> bool:
    return len(text) <= _LONGEST_LABEL and bool(_LABEL.fullmatch(text.strip()))


def _members(value: Value) -> list[str]:
    """Labels that a list, a record or an enum holds; none where there may be others."""
    if isinstance(value, Items) and not value.is_open:
        texts = [constant_text(item) for item in value.items]
    elif isinstance(value, Fields) and not value.is_open:
        texts = list(value.entries)
    elif isinstance(value, Reference) and value.defined is not None:
        texts = list(value.defined.members.values())
    else:
        return []
    known = [text for text in texts if text and _is_label(text)]
    return known if len(known) == len(texts) and len(known) > 1 else []
