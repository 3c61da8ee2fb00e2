"""Which calls of a name are calls of a function of the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.languages.lowering import name_parts
from locum.scan.scopes import owner_of
from locum.scan.tree import Call, Name
from locum.scan.values import Fields, Input, Made, Reference, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Class, Function, Place
    from locum.scan.values import Value

__all__ = ["calls_of"]

# Here a method is not called by its bare name.
_SAY_SELF = frozenset({"python", "typescript", "javascript", "go", "php"})
_OWN = frozenset({"self", "this", "exports"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def calls_of(ev: Evaluator, function: Function) -> Iterator[Place]:
    """Yield the calls of a function in its file, those in the function itself left out.

    A method of a common name may be another object's. So what it is called on must be of its class;
    where that cannot be read, its name must say so.

    Args:
        ev: Reads the file, with no callers chosen.
        function: With a name.
    """
    for place in ev.module.calls_by_name.get(function.name, ()):
        if place.function is not function and _is_of(ev, place, function):
            yield place


def _is_of(ev: Evaluator, place: Place, function: Function) -> bool:
    call = place.expression
    assert isinstance(call, Call)
    callee, owner = call.callee, function.owner
    if isinstance(callee, Name):
        if owner is None:
            return True
        around = owner_of(place.function)
        is_implicit = ev.module.language not in _SAY_SELF
        return is_implicit and (around is None or _are_related(around, owner, ev))
    base = getattr(callee, "base", None)
    if base is None:
        return False
    if owner is not None:
        return _is_object_of(ev.receiver(base, place.function), function, owner, ev)
    if isinstance(base, Name) and base.text in _OWN:
        return True
    value = ev.receiver(base, place.function)
    member = value.entries.get(function.name) if isinstance(value, Fields) else None
    return isinstance(member, Reference) and member.function is function


def _is_object_of(value: Value, function: Function, owner: Class, ev: Evaluator) -> bool:
    """Whether a value is a class or an object of it, of one that it extends, or that extends it."""
    if isinstance(value, Made) and not value.steps:
        value = ev.own_class(value.name) or value
    if isinstance(value, Reference) and value.defined is not None:
        if _extends(Reference(owner.name, owner, ev.module), value.defined, ev):
            return True
        functions = (value.module or ev.module).functions.get(function.name, ())
        own = [one for one in functions if one.owner is value.defined]
        return not own and _extends(value, owner, ev)
    name = _name_of(value)
    return _last(name) in map(_last, owner.bases) or _says(name, owner.name)


def _name_of(value: Value) -> str:
    if isinstance(value, Made):
        return value.steps[-1].name if value.steps else _last(value.name)
    if isinstance(value, Reference):
        return _last(value.path)
    return value.name if isinstance(value, Input | Unknown) else ""


def _are_related(one: Class, other: Class, ev: Evaluator) -> bool:
    pairs = ((one, other), (other, one))
    return any(
        _extends(Reference(lower.name, lower, ev.module), upper, ev) for lower, upper in pairs
    )


def _extends(reference: Reference, wanted: Class, ev: Evaluator) -> bool:
    """Whether a class is another one, or extends it."""
    seen: set[int] = set()
    waiting: list[Reference | None] = [reference]
    while waiting:
        one = waiting.pop()
        if one is None or one.defined is None or id(one.defined) in seen:
            continue
        if one.defined is wanted:
            return True
        seen.add(id(one.defined))
        owner = ev.project.evaluator(one.module or ev.module)
        waiting += [base for _, base in owner.bases(one.defined)]
    return False


def _last(name: str) -> str:
    return name_parts(name)[-1]


def _says(name: str, class_name: str) -> bool:
    """Whether a name has the words of a class's, as ``llm_client`` has of ``Llm``, or fewer."""
    words, wanted = (
        {word.lower() for word in _WORD.findall(text)} for text in (name, _last(class_name))
    )
    return bool(words) and bool(wanted) and (words <= wanted or wanted <= words)
