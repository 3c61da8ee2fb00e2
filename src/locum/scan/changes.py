"""What becomes of a value that is added to after it was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.values import (
    Fields,
    Items,
    Made,
    Step,
    Text,
    Unknown,
    as_text,
    constant_text,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Binding
    from locum.scan.values import Value

__all__ = ["changed", "with_step"]


def changed(ev: Evaluator, value: Value, bindings: Iterable[Binding], loops: int = 0) -> Value:
    """Return a value with all that is added to it."""
    for binding in bindings:
        if binding.kind != "set":
            value = _changed_once(ev, value, binding, repeated=binding.loops > loops)
    return value


def _changed_once(ev: Evaluator, value: Value, binding: Binding, *, repeated: bool) -> Value:  # noqa: PLR0911 - one for each form
    added = ev.value(binding.value, binding.function)
    if isinstance(value, Items):
        if repeated:
            return value._replace(is_open=True, grows=True)
        more = added.items if binding.kind == "extend" and isinstance(added, Items) else (added,)
        is_open = value.is_open or (binding.kind == "extend" and not isinstance(added, Items))
        return value._replace(items=(*value.items, *more), is_open=is_open)
    if isinstance(value, Text) and binding.kind == "extend":
        return joined([value, as_text(Unknown("more") if repeated else added)])
    if isinstance(value, Fields) and binding.kind == "element" and binding.key is not None:
        key = constant_text(ev.value(binding.key, binding.function))
        if key is not None:
            return value._replace(entries={**value.entries, key: added})
    if isinstance(value, Made) and binding.kind == "element" and binding.key is not None:
        key = constant_text(ev.value(binding.key, binding.function)) or ""
        if repeated and re.match(r"(?i)add|append", key):
            return with_step(value, Step("grows", is_call=True))
        return with_step(value, Step(key, is_call=True, arguments=(added,)))
    if isinstance(value, Made) and binding.kind == "append":
        name = "grows" if repeated else "add"
        return with_step(value, Step(name, is_call=True, arguments=(added,)))
    return value


def with_step(value: Made, step: Step) -> Made:
    """Return what is made, and one more step."""
    return Made(
        value.name,
        value.is_call,
        value.arguments,
        value.named,
        value.types,
        (*value.steps, step),
        value.call,
    )
