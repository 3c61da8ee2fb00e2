"""Whether calls in a loop each need the answer of the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.tree import (
    Binary,
    Call,
    Choice,
    Index,
    Member,
    Name,
    Opaque,
    Record,
    Sequence,
    Spread,
    Switch,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Sequence as ListOf

    from locum.scan.sites import ModelCall
    from locum.scan.tree import Binding, Expression, Function

__all__ = ["needs_last_answer"]


def needs_last_answer(call: ModelCall) -> bool:
    """Return whether a variable that the request is made of comes, in the loop, from the answer.

    Such calls improve one thing in rounds, and cannot be sent together. The loop is around the call
    or around a call of the function that it stands in.

    Args:
        call: Of a model.
    """
    module, function = call.ev.module, call.function
    callers = [one for one in module.calls_by_name.get(function.name, ()) if one.loops]
    sites = [(call.call, function), *((one.expression, one.function) for one in callers)]
    return any(isinstance(site, Call) and _is_carried(site, around) for site, around in sites)


def _is_carried(site: Call, function: Function) -> bool:
    """Whether what a call is given comes, in the loop around it, from what it gave."""
    looped = {
        name: found
        for name, bindings in function.bindings.items()
        if (found := [one for one in bindings if one.loops])
    }
    reached = _reached(looped, site)
    used = {part.text for part in _within(site) if isinstance(part, Name)}
    return any(not _is_fresh(looped[name], reached, site) for name in used & reached)


def _reached(bindings: Mapping[str, ListOf[Binding]], site: Call) -> set[str]:
    """Names whose values come from a call."""
    reached: set[str] = set()
    while True:
        more = {
            name
            for name, some in bindings.items()
            if name not in reached and any(_holds(one.value, reached, site) for one in some)
        }
        if not more:
            return reached
        reached |= more


def _is_fresh(bindings: ListOf[Binding], reached: Collection[str], site: Call) -> bool:
    """Whether a name gets another value in each turn before the call."""
    return any(
        (isinstance(one.value, Opaque) and one.value.text == "item")
        or (
            one.kind == "set" and one.line < site.span.line and not _holds(one.value, reached, site)
        )
        for one in bindings
    )


def _holds(expression: Expression, names: Collection[str], site: Call) -> bool:
    return any(
        part is site or (isinstance(part, Name) and part.text in names)
        for part in _within(expression)
    )


def _within(expression: Expression) -> list[Expression]:
    """All parts of an expression, itself among them."""
    found = [expression]
    for one in found:
        found += _parts_of(one)
    return found


def _parts_of(expression: Expression) -> list[Expression]:  # noqa: PLR0911 - one for each form
    """Return the expressions that an expression is made of; none of a function's."""
    match expression:
        case Member(base=base):
            return [base]
        case Index(base=base, key=key):
            return [base, key]
        case Call(callee=callee, arguments=arguments):
            return [callee, *(argument.value for argument in arguments)]
        case Template(parts=parts) | Opaque(parts=parts) | Sequence(items=parts):
            return parts
        case Record(entries=entries):
            return [one for entry in entries for one in entry if one is not None]
        case Choice(options=options):
            return options
        case Binary(left=left, right=right):
            return [left, right]
        case Switch(subject=subject, cases=cases):
            return [subject, *cases]
        case Spread(value=value):
            return [value]
        case _:
            return []
