"""Whether a program reads an answer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.answers import is_not_said
from locum.scan.following import AnswerFollower
from locum.scan.tree import Binary, Call, Function, Literal, Record, Switch, Template, parts_of

if TYPE_CHECKING:
    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Expression

__all__ = ["is_read"]


def is_read(ev: Evaluator, site: Call) -> bool:
    """Return whether a program does more with an answer than to look whether it came.

    Args:
        ev: Of the file.
        site: The call.
    """
    following = AnswerFollower(ev, site)
    for function in _functions(ev):
        if any(_reads(following, value, function) for value in function.returns):
            return True
    for place in ev.module.places:
        call = place.expression
        if isinstance(call, Call) and call is not site:
            given = [argument.value for argument in call.arguments]
            if any(_reads(following, value, place.function) for value in given):
                return True
        elif isinstance(call, Switch | Binary) and _reads(following, call, place.function):
            return True
    return _is_kept(ev, following)


def _is_kept(ev: Evaluator, following: AnswerFollower) -> bool:
    """Whether an answer goes into a field of an object."""
    for defined in ev.module.classes.values():
        for bindings in defined.attributes.values():
            if any(_reads(following, one.value, one.function) for one in bindings):
                return True
    return any(
        isinstance(binding.value, Record | Template) and _reads(following, binding.value, function)
        for function in _functions(ev)
        for bindings in function.bindings.values()
        for binding in bindings
    )


def _functions(ev: Evaluator) -> list[Function]:
    found = {id(place.function): place.function for place in ev.module.places}
    return list(found.values())


def _reads(following: AnswerFollower, value: Expression, function: Function) -> bool:
    """Whether the answer is a part of an expression."""
    if isinstance(value, Binary) and _is_nothing(value.right):
        return False
    path = following.path(value, function)
    if path is not None:
        return not is_not_said(path)
    return any(_reads(following, part, function) for part in parts_of(value))


def _is_nothing(expression: Expression) -> bool:
    return isinstance(expression, Literal) and expression.value in {None, ""}
