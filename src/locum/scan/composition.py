"""What expressions that are put together stand for: lists, records, choices, sums."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

from locum.scan.changes import with_step
from locum.scan.tree import (
    Binary,
    Function,
    Record,
    Spread,
)
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Made,
    Reference,
    Scalar,
    Slot,
    Step,
    Text,
    Unknown,
    as_text,
    constant_text,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence as ListOf

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Expression
    from locum.scan.values import Value

_Key = TypeVar("_Key", int, str)

__all__ = [
    "binary_value",
    "choice_value",
    "index_value",
    "is_nothing",
    "list_value",
    "record_value",
]


def list_value(ev: Evaluator, items: ListOf[Expression], function: Function) -> Value:
    """Return a list that is written out."""
    found: list[Value] = []
    is_open = grows = False
    for item in items:
        value = ev.value(item.value if isinstance(item, Spread) else item, function)
        if isinstance(item, Spread) and isinstance(value, Items):
            found += value.items
            is_open, grows = is_open or value.is_open, grows or value.grows
        elif isinstance(item, Spread):
            is_open = True
            found.append(value)
        else:
            found.append(value)
    return Items(tuple(found), is_open, grows)


def record_value(ev: Evaluator, record: Record, function: Function) -> Value:
    """Return a record that is written out."""
    entries: dict[str, Value] = {}
    further: list[Input] = []
    is_open = False
    for key, item in record.entries:
        value = ev.value(item, function)
        if key is None and isinstance(value, Fields):
            entries.update(value.entries)
            further += value.further
            is_open = is_open or value.is_open
            continue
        if key is None and isinstance(value, Input):
            further.append(value)
        name = None if key is None else ev.value(key, function)
        text = constant_text(name) or (name.path if isinstance(name, Reference) else None)
        if text is None:
            is_open = True
        else:
            entries[text] = value
    return Fields(entries, is_open, record.type_name or "", tuple(further))


def choice_value(options: ListOf[Value]) -> Value:
    """One of several values, whatever their order: what is known, as the rest stands for nothing.

    Where several are known, what they have in common is known of it, and their words vary.
    """
    given = [one for one in options if not is_nothing(one)] or options
    for kinds in (Text | Items | Fields | Reference, Made, Input, Scalar):
        known = [one for one in given if isinstance(one, kinds)]
        if known:
            return _common(known)
    return next(iter(given), Unknown())


def is_nothing(value: Value) -> bool:
    """Return whether a value stands for one that is missing, as in ``history or []``."""
    is_empty = isinstance(value, Items) and not value.items and not value.is_open
    return is_empty or (isinstance(value, Scalar) and value.value is None)


def _common(options: ListOf[Value]) -> Value:
    """What several values have in common."""
    first, *others = options
    if all(type(one) is type(first) and one == first for one in others):
        return first
    texts = [one for one in options if isinstance(one, Text)]
    lists = [one for one in options if isinstance(one, Items)]
    records = [one for one in options if isinstance(one, Fields)]
    if len(texts) == len(options):
        return Text((Slot("choice"),))
    if len(lists) == len(options) and len({len(one.items) for one in lists}) == 1:
        items = tuple(map(_common, zip(*(one.items for one in lists), strict=True)))
        return Items(items, any(one.is_open for one in lists), any(one.grows for one in lists))
    if len(records) == len(options):
        return _common_record(records)
    made = [one for one in options if isinstance(one, Made)]
    if len(made) == len(options):
        return _common_call(made)
    return first if isinstance(first, Input) else Unknown("choice")


def _common_record(records: ListOf[Fields]) -> Fields:
    first, *others = records
    keys = [key for key in first.entries if all(key in one.entries for one in others)]
    entries = {key: choice_value([one.entries[key] for one in records]) for key in keys}
    is_open = any(one.is_open or len(one.entries) > len(keys) for one in records)
    return Fields(entries, is_open, first.type_name)


def _common_call(calls: ListOf[Made]) -> Made:
    """What several calls have in common: named as the first one, with arguments that may vary."""
    first, *others = [one.chain() for one in calls]
    links = list(zip_longest(first, *others, fillvalue=Step("")))[: len(first)]
    head, *steps = map(_common_step, links)
    return Made(*head, steps=tuple(steps), call=calls[0].call)


def _common_step(steps: ListOf[Step]) -> Step:
    arguments = _common_arguments([dict(enumerate(one.arguments)) for one in steps])
    named = _common_arguments([one.named for one in steps])
    return steps[0]._replace(arguments=tuple(arguments.values()), named=named)


def _common_arguments(given: ListOf[Mapping[_Key, Value]]) -> dict[_Key, Value]:
    """Arguments by name or place; of one that is not always given nothing is known."""
    known: dict[_Key, Value] = {}
    for key in dict.fromkeys(key for one in given for key in one):
        values = [one[key] for one in given if key in one]
        known[key] = choice_value(values) if len(values) == len(given) else Unknown("choice")
    return known


def index_value(base: Value, key: Value) -> Value:
    """Return one item of a list, or one entry of a record."""
    if isinstance(base, Items) and isinstance(key, Scalar) and isinstance(key.value, int):
        return base.items[key.value] if 0 <= key.value < len(base.items) else Unknown()
    name = constant_text(key)
    if isinstance(base, Fields) and name is not None:
        return base.entries.get(name, Unknown(name))
    if isinstance(base, Made):
        return with_step(base, Step(name or "[]"))
    if isinstance(base, Unknown | Input):
        return Made(base.name, is_call=False, steps=(Step(name or "[]"),))
    return Unknown(name or "")


def binary_value(ev: Evaluator, binary: Binary, function: Function) -> Value:
    """Return what two operands give, of which the left one may be a long chain of the same."""
    links = [binary]
    while isinstance(links[-1].left, Binary):
        links.append(links[-1].left)
    value = ev.value(links[-1].left, function)
    for link in reversed(links):
        value = _combined(link.operator, value, ev.value(link.right, function))
    return value


def _combined(operator: str, left: Value, right: Value) -> Value:
    if operator == "|":
        return Made("pipeline", arguments=(left, right))
    if operator == "%" and isinstance(left, Text):
        from locum.scan.formatting import percent

        return percent(left, right)
    if operator == "+" and isinstance(left, Items):
        more = right.items if isinstance(right, Items) else (right,)
        is_open = left.is_open or not isinstance(right, Items) or right.is_open
        return Items((*left.items, *more), is_open, left.grows)
    if operator == "+":
        return _added_up(left, right)
    return Unknown(operator)


def _added_up(left: Value, right: Value) -> Value:
    if isinstance(right, Items):
        return right._replace(items=(left, *right.items), is_open=True)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Unknown("sum")
    return joined([as_text(left), as_text(right)])
