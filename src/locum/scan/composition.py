"""What expressions that are put together stand for: lists, records, choices, sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    Text,
    Unknown,
    as_text,
    constant_text,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Sequence as ListOf

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Expression
    from locum.scan.values import Value

__all__ = ["binary_value", "choice_value", "list_value", "record_value"]


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
    is_open = False
    for key, item in record.entries:
        value = ev.value(item, function)
        if key is None and isinstance(value, Fields):
            entries.update(value.entries)
            is_open = is_open or value.is_open
            continue
        name = None if key is None else ev.value(key, function)
        text = constant_text(name) or (name.path if isinstance(name, Reference) else None)
        if text is None:
            is_open = True
        else:
            entries[text] = value
    return Fields(entries, is_open, record.type_name or "")


def choice_value(options: ListOf[Value]) -> Value:
    """The first that is known: what comes after it is for when it is missing."""
    known = [one for one in options if not isinstance(one, Unknown | Input | Scalar | Made)]
    made = [one for one in options if isinstance(one, Made | Input | Scalar)]
    texts = [one for one in known if isinstance(one, Text)]
    if len(texts) > 1 and len(set(texts)) > 1 and len(texts) == len(options):
        return _either(texts)
    return (known or made or list(options) or [Unknown()])[0]


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


def _either(texts: ListOf[Text]) -> Value:
    """The longest of several texts stands for them all; which of them it is varies."""
    longest = max(texts, key=lambda text: sum(len(p) for p in text.parts if isinstance(p, str)))
    return Text((*longest.parts, Slot("choice")))
