"""What a program does with an answer: whether it is held against a closed set of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from locum.scan.comparisons import COMPARING_CALLS, Held, held_at
from locum.scan.following import AROUND, PASSED_ON, PIECE, AnswerFollower
from locum.scan.languages.lowering import last_name
from locum.scan.tree import (
    Call,
    Function,
    Member,
    Name,
    Template,
)
from locum.scan.values import plain

if TYPE_CHECKING:
    from locum.scan.evaluation import Evaluator

__all__ = ["Uses", "answer_uses"]

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
# Parts of the body around them, which a program looks for before it reads them.
_BODY = frozenset(
    {
        *("choices", "message", "content", "candidates", "parts", "text", "output", "generations"),
        *("completion", "data", "response", "result", "delta"),
    }
)
# What a model is told to say where it has no answer.
_NOTHING = frozenset(
    {
        *("none", "null", "nil", "na", "nothing", "skip", "pass", "empty", "unknown", "error"),
        *("noanswer", "notfound", "notavailable", "notapplicable", "idontknow", "ignore", "stop"),
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
# All comparisons of a file share the steps of one call, and each adds so many.
_STEPS_OF_PLACE = 20


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


class _FileUses(NamedTuple):
    """What is read of a file once for all calls in it.

    Args:
        held: By the number (`id`) of a call: what may be a part of its answer, by place.
        calls: By the number of a function: the calls in it.
    """

    held: dict[int, list[tuple[Function, list[Held]]]]
    calls: dict[int, list[Call]]


_KNOWN: WeakKeyDictionary[Evaluator, _FileUses] = WeakKeyDictionary()


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
    file = _file_uses(ev)
    for function, some in file.held.get(id(site), ()):
        for held in some:
            path = following.path(held.subject, function)
            if path is None or _is_not_said(path) or _is_of_body(held, path):
                continue
            labels.update(dict.fromkeys(held.labels, held.is_within))
            fields.update(dict.fromkeys(part for part in path if _is_field(part)))
            is_set = is_set or held.is_whole
            functions.append(function)
            break
    compared = [label for label, is_within in labels.items() if not is_within]
    is_set = is_set or (len(compared) > 1 and not all(map(_says_nothing, compared)))
    is_free = bool(labels) and not is_set and _is_free(file, following, functions)
    is_set = is_set or (len(labels) > 1 and not is_free)
    return Uses(tuple(labels), is_set, is_free, tuple(fields))


def _file_uses(ev: Evaluator) -> _FileUses:
    if ev not in _KNOWN:
        _KNOWN[ev] = _read_file(ev)
    return _KNOWN[ev]


def _read_file(ev: Evaluator) -> _FileUses:
    """Read a file; by an evaluator that knows callers, only what their values may change anew."""
    plainly = ev.without_callers()
    file = _FileUses({}, {})
    places = ev.module.places
    if ev is plainly:
        for expression, function, _ in places:
            if isinstance(expression, Call):
                file.calls.setdefault(id(function), []).append(expression)
    else:
        known = _file_uses(plainly)
        file.calls.update(known.calls)
        for call, uses in known.held.items():
            file.held[call] = [one for one in uses if not _is_called(ev, one[0])]
        places = [place for place in places if _is_called(ev, place.function)]
    trace = ev.project.trace
    before, trace.steps = trace.steps, 0
    for place in places:
        trace.steps = max(trace.steps - _STEPS_OF_PLACE, 0)
        some = list(held_at(ev, place))
        calls = {
            id(call)
            for held in some
            for call in AnswerFollower(ev).calls_behind(held.subject, place.function)
        }
        for call in calls:
            file.held.setdefault(call, []).append((place.function, some))
    trace.steps = before
    return file


def _is_called(ev: Evaluator, function: Function | None) -> bool:
    """Whether a function, or one around it, has its parameters from a caller."""
    while function is not None and id(function) not in ev.callers:
        function = function.parent
    return function is not None


def _says_nothing(label: str) -> bool:
    return plain(label) in _NOTHING


def _is_not_said(path: tuple[str, ...]) -> bool:
    """Whether a part of an answer is none of its words, or a piece that they are cut into."""
    cuts = [number for number, part in enumerate(path) if part in _CUTTING | _SAID]
    is_piece = bool(cuts) and PIECE in path[cuts[0] :] and not _SAID & set(_after_piece(path))
    return is_piece or any(part in _NOT_SAID for part in path)


def _is_of_body(held: Held, path: tuple[str, ...]) -> bool:
    """Whether only a part of a body is looked for, as in ``"choices" in body``."""
    parts = _NOT_SAID | _BODY
    return (
        held.is_within
        and not _SAID & set(path)
        and all(plain(label) in parts for label in held.labels)
    )


def _after_piece(path: tuple[str, ...]) -> tuple[str, ...]:
    return path[len(path) - path[::-1].index(PIECE) :]


def _is_field(part: str) -> bool:
    return bool(part) and not part.isdecimal() and part not in AROUND


def _is_free(file: _FileUses, following: AnswerFollower, functions: list[Function]) -> bool:
    for function in functions:
        if any(following.path(value, function) is not None for value in function.returns):
            return True
        for call in file.calls.get(id(function), ()):
            if plain(last_name(call.callee)) in _LOGS | PASSED_ON | COMPARING_CALLS:
                continue
            given = (argument.value for argument in call.arguments)
            parts = (one.parts if isinstance(one, Template) else [one] for one in given)
            if any(
                isinstance(value, Name | Member) and following.path(value, function) is not None
                for some in parts
                for value in some
            ):
                return True
    return False
