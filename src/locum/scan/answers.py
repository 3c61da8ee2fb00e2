"""What a program does with an answer: whether it is held against a closed set of labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.scan.following import AROUND, PASSED_ON, PIECE, AnswerFollower
from locum.scan.languages.lowering import last_name
from locum.scan.tree import (
    Binary,
    Call,
    Function,
    Index,
    Literal,
    Member,
    Name,
    Sequence,
    Switch,
    Template,
)
from locum.scan.values import Fields, Items, Reference, Value, constant_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Expression, Place

__all__ = ["Uses", "answer_uses"]

_LONGEST_LABEL = 40
_LABEL = re.compile(r"[\w\-+][\w \-+/&.,'?!%]*")
# Parts of an answer that are not what the model says.
_NOT_SAID = frozenset(
    {
        *("finishreason", "stopreason", "role", "type", "status", "statuscode", "ok", "error"),
        *("id", "usage", "refusal", "length", "count", "size", "object", "incompletedetails"),
        *("headers", "toolcalls", "name", "issuccessstatuscode", "code", "errors", "model"),
        *(
            "delta",
            "len",
            "safetyratings",
            "blockreason",
            "statustext",
            "exception",
            "completed",
            "index",
        ),
    }
)
# Texts: what comes one after the other in them are characters or lines.
_SAID = frozenset({"content", "text", "outputtext"})
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
_CUTTING = frozenset(
    {
        "split",
        "splitlines",
        "lines",
        "matchall",
        "findall",
        "finditer",
        "scan",
        "eachline",
        "explode",
    }
)
_LOGS = frozenset(
    {
        *("print", "println", "log", "info", "debug", "warn", "warning", "error", "puts", "p"),
        *("len", "printf", "fprintf", "writeline", "errorf", "fatalf", "isset", "empty", "append"),
    }
)


class Uses(NamedTuple):
    """What an answer is held against.

    Args:
        labels: All labels, in the order of the text.
        is_set: Whether several labels, or a set of them, are looked for.
        is_free: Whether the answer also goes on as it is, though it is only searched for labels or
            compared with one.
        fields: Fields of a JSON answer that are held against labels.
    """

    labels: tuple[str, ...]
    is_set: bool
    is_free: bool
    fields: tuple[str, ...]


class _Held(NamedTuple):
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


def answer_uses(ev: Evaluator, site: Call) -> Uses:
    """Return what the answer of a call is held against.

    Args:
        ev: Of the file.
        site: The call.
    """
    following = AnswerFollower(ev, site)
    labels: dict[str, bool] = {}
    fields: dict[str, None] = {}
    is_set = False
    functions: list[Function] = []
    for place in ev.module.places:
        for held in _held(ev, place):
            path = following.path(held.subject, place.function)
            if path is None or _is_not_said(path):
                continue
            labels.update(dict.fromkeys(held.labels, held.is_within))
            fields.update(dict.fromkeys(part for part in path if _is_field(part)))
            is_set = is_set or held.is_whole
            functions.append(place.function)
            break
    is_set = is_set or sum(not is_within for is_within in labels.values()) > 1
    is_free = bool(labels) and not is_set and _is_free(ev, following, functions)
    is_set = is_set or (len(labels) > 1 and not is_free)
    return Uses(tuple(labels), is_set, is_free, tuple(fields))


def _is_not_said(path: tuple[str, ...]) -> bool:
    """Whether a part of an answer is none of its words, or a piece that they are cut into."""
    cuts = [number for number, part in enumerate(path) if part in _CUTTING | _SAID]
    is_piece = bool(cuts) and PIECE in path[cuts[0] :] and not _SAID & set(_after_piece(path))
    return is_piece or any(part in _NOT_SAID for part in path)


def _after_piece(path: tuple[str, ...]) -> tuple[str, ...]:
    return path[len(path) - path[::-1].index(PIECE) :]


def _is_field(part: str) -> bool:
    return bool(part) and not part.isdecimal() and part not in AROUND


def _is_free(ev: Evaluator, following: AnswerFollower, functions: list[Function]) -> bool:
    for function in functions:
        for value in function.returns:
            if following.path(value, function) is not None:
                return True
    for place in ev.module.places:
        call = place.expression
        if not isinstance(call, Call) or place.function not in functions:
            continue
        name = plain(last_name(call.callee))
        if name in _LOGS | PASSED_ON | _COMPARING | _SUBSTRING | _CONTAINING:
            continue
        for argument in call.arguments:
            parts = (
                argument.value.parts if isinstance(argument.value, Template) else [argument.value]
            )
            for value in parts:
                if (
                    isinstance(value, Name | Member)
                    and following.path(value, place.function) is not None
                ):
                    return True
    return False


def _held(ev: Evaluator, place: Place) -> Iterator[_Held]:
    """What is held against which labels at a place, and whether they are all that are allowed."""
    match place.expression:
        case Binary(operator="==" | "!=", left=left, right=right):
            yield from _compared(ev, None, [left, right], place.function)
        case Binary(operator="in" | "not in", left=left, right=right):
            yield from _looked_up(ev, left, right, place.function)
            label = _label(ev, left, place.function)
            if label is not None:
                yield _Held(right, [label], is_whole=False, is_within=True)
        case Switch(subject=subject, cases=cases):
            yield from _labelled(subject, [_label(ev, case, place.function) for case in cases])
        case Index(base=base, key=key):
            yield from _looked_up(ev, key, base, place.function)
        case Call():
            yield from _held_by_call(ev, place.expression, place.function)
        case _:
            pass


def _labelled(subject: Expression, found: list[str | None]) -> Iterator[_Held]:
    known = [label for label in found if label is not None]
    if known:
        yield _Held(subject, known, len(known) > 1)


def _looked_up(
    ev: Evaluator, subject: Expression, among: Expression, function: Function
) -> Iterator[_Held]:
    held = _members(ev.value(among, function))
    if held:
        yield _Held(subject, held, is_whole=True)


def _held_by_call(ev: Evaluator, call: Call, function: Function) -> Iterator[_Held]:
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
        yield _Held(arguments[0], enum, is_whole=True)


def _compared(
    ev: Evaluator, base: Expression | None, arguments: list[Expression], function: Function
) -> Iterator[_Held]:
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
