"""What calls stand for: texts that are put together, records that are built, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.composition import choice_value
from locum.scan.formatting import braces, dollars, replaced, sprintf
from locum.scan.standard_functions import (
    alternating_record,
    function_value,
    joined_items,
    keys_or_items,
)
from locum.scan.tree import Call, Function, Member, Name, Place, Spread
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Made,
    Reference,
    Scalar,
    Step,
    Text,
    Unknown,
    Value,
    as_text,
    constant_text,
    joined,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.scan.evaluation import Evaluator

__all__ = ["argument_values", "call_value", "written_call"]

# What these methods give is, for our purposes, what they are called on.
_SAME_AS_RECEIVER = frozenset(
    {
        *("strip", "lstrip", "rstrip", "trim", "trimstart", "trimend", "trimindent", "chomp"),
        *("stripindent", "squish", "freeze", "dup", "tos", "tostring", "tojson", "tobytes"),
        *("encode", "getbytes", "toarray", "tolist", "toset", "trimmargin", "presence", "unwrap"),
        *("asset", "value", "totext", "htmlsafe", "stripheredoc", "sort", "sorted", "copy"),
        *("withdefault", "tosym", "touppercase", "tolowercase", "deref", "asstring"),
    }
)
_LISTING = frozenset({"values", "cases", "keys", "entries"})
_CUTTING = frozenset({"slice", "substring", "substr", "truncate", "take", "limit", "first"})
_ROLES = ("message", "content", "part", "system", "user", "human", "schema", "model", "client")


def call_value(ev: Evaluator, call: Call, function: Function) -> Value:
    """Return what a call stands for."""
    callee = call.callee
    arguments, named = argument_values(ev, call, function)
    if isinstance(callee, Member):
        return _method(ev, call, function, arguments, named)
    if isinstance(callee, Name):
        found = function_value(plain(callee.text), arguments, named)
        if found is not None and callee.text not in ev.module.functions:
            return found
    return _called(ev, ev.value(callee, function), call, function, arguments, named)


def _called(
    ev: Evaluator,
    target: Value,
    call: Call,
    function: Function,
    arguments: tuple[Value, ...],
    named: Mapping[str, Value],
) -> Value:
    if isinstance(target, Reference) and target.function is not None:
        result = _returned(ev, target, call, function)
        if result is not None:
            return result
    return _made(target, call.callee, arguments, named, call)


def _made(
    target: Value,
    callee: object,
    arguments: tuple[Value, ...],
    named: Mapping[str, Value],
    call: Call,
) -> Made:
    name = callee.text if isinstance(callee, Name) else ""
    if isinstance(target, Reference) and target.path:
        name = target.path
    if isinstance(target, Made):
        # A method that was kept under a name, or else an object that is called itself.
        kept = target.steps[-1:] if target.steps and not target.steps[-1].is_call else ()
        name = kept[0].name if kept else "()"
        step = Step(name, is_call=True, arguments=arguments, named=named, types=call.types)
        return Made(
            target.name,
            target.is_call,
            target.arguments,
            target.named,
            target.types,
            (*target.steps[: len(target.steps) - len(kept)], step),
            call,
        )
    return Made(name, arguments=arguments, named=named, types=call.types, call=call)


def argument_values(
    ev: Evaluator, call: Call, function: Function
) -> tuple[tuple[Value, ...], Mapping[str, Value]]:
    """Return what a call is given by place, and by name; ``**`` is what is spread and unknown."""
    by_place: list[Value] = []
    named: dict[str, Value] = {}
    for argument in call.arguments:
        expression = argument.value
        if isinstance(expression, Spread):
            spread = ev.value(expression.value, function)
            if isinstance(spread, Fields):
                named.update(("**", one) for one in spread.further)
                named.update(spread.entries)
            elif isinstance(spread, Items):
                by_place += spread.items
            else:
                named["**"] = spread
            continue
        value = ev.value(expression, function)
        if argument.name is None:
            by_place.append(value)
        else:
            named[argument.name] = value
    return tuple(by_place), named


def _method(
    ev: Evaluator,
    call: Call,
    function: Function,
    arguments: tuple[Value, ...],
    named: Mapping[str, Value],
) -> Value:
    assert isinstance(call.callee, Member)
    base = ev.receiver(call.callee.base, function)
    name = plain(call.callee.name)
    if isinstance(base, Text | Items | Fields | Scalar):
        return _on_plain(base, name, arguments, named)
    if isinstance(base, Made) and name in {"substitute", "safesubstitute"}:
        filled = _on_template(base, arguments, named)
        if filled is not None:
            return filled
    if isinstance(base, Made) and not base.steps:
        base = ev.own_class(base.name) or base
    if isinstance(base, Reference) and base.whole is not None:
        return _called(ev, ev.member(base, call.callee.name), call, function, arguments, named)
    found = _of_own_class(ev, base, call, function) if isinstance(base, Reference) else None
    if found is None and isinstance(base, Reference):
        kept = _kept_function(ev, base, call.callee.name)
        found = None if kept is None else _made(kept, call.callee, arguments, named, call)
    if found is None and isinstance(base, Reference | Unknown | Input):
        found = _of_package(base, call.callee.name, arguments, named)
    if found is not None:
        return found
    is_cut = name in _CUTTING and isinstance(base, Input)
    is_same = name in _SAME_AS_RECEIVER and not arguments and not isinstance(base, Reference)
    return base if is_cut or is_same else _stepped(base, call, arguments, named)


def _of_own_class(ev: Evaluator, base: Reference, call: Call, function: Function) -> Value | None:
    """What a method of a class of the project gives."""
    assert isinstance(call.callee, Member)
    if base.defined is None:
        return None
    own = _own_method(ev, base, call.callee.name)
    result = None if own is None else _returned(ev, own, call, function)
    if result is None and base.defined.members and plain(call.callee.name) in _LISTING:
        return Items(tuple(Text((one,)) for one in base.defined.members.values()))
    return result


def _kept_function(ev: Evaluator, base: Reference, name: str) -> Value | None:
    """A package's function that is an attribute: ``completion = litellm.completion``."""
    if base.defined is None or name not in base.defined.attributes:
        return None
    kept = ev.member(base, name)
    is_method = isinstance(kept, Made) and bool(kept.steps) and not kept.steps[-1].is_call
    is_function = isinstance(kept, Reference) and kept.defined is None and "." in kept.path
    return kept if is_method or is_function else None


def _of_package(
    base: Reference | Unknown | Input,
    name: str,
    arguments: tuple[Value, ...],
    named: Mapping[str, Value],
) -> Value | None:
    """What a function of a package, or a static method, gives."""
    if name == "of" and isinstance(base, Reference) and base.path.endswith("Map"):
        return alternating_record(arguments)
    found = function_value(plain(name), arguments, named)
    return None if _is_role(name, base) else found


def _is_role(name: str, base: Value) -> bool:
    """A package's function whose name also stands for something that a prompt is made of."""
    path = plain(base.path if isinstance(base, Reference) else "")
    return name[:1].isupper() and any(role in path for role in _ROLES)


def _stepped(
    base: Value, call: Call, arguments: tuple[Value, ...], named: Mapping[str, Value]
) -> Made:
    assert isinstance(call.callee, Member)
    step = Step(call.callee.name, is_call=True, arguments=arguments, named=named, types=call.types)
    if isinstance(base, Made):
        return Made(
            base.name,
            base.is_call,
            base.arguments,
            base.named,
            base.types,
            (*base.steps, step),
            call,
        )
    if isinstance(base, Reference):
        path = f"{base.path}.{call.callee.name}"
        return Made(path, arguments=arguments, named=named, types=call.types, call=call)
    name = base.name if isinstance(base, Unknown | Input) else ""
    return Made(name, is_call=False, steps=(step,), call=call)


def _own_method(ev: Evaluator, base: Reference, name: str) -> Reference | None:
    module = base.module or ev.module
    for function in module.functions.get(name, ()):
        if function.owner is base.defined:
            return Reference(name, function=function, module=module)
    return None


def _returned(ev: Evaluator, target: Reference, call: Call, function: Function) -> Value | None:
    """What a function of the project returns for these arguments, where that can be read."""
    called = target.function
    if called is None or not called.returns or len(called.returns) > 6 or len(ev.callers) > 3:
        return None
    if target.module is not ev.module or id(called) in ev.callers:
        return _returned_elsewhere(ev, target)
    place = Place(call, function, 0)
    inner = ev.called_by(called, place)
    value = choice_value([inner.value(one, called) for one in called.returns])
    return None if isinstance(value, Unknown | Input | Scalar) else value


def _returned_elsewhere(ev: Evaluator, target: Reference) -> Value | None:
    if target.module is None or target.function is None or target.module is ev.module:
        return None
    inner = ev.project.evaluator(target.module)
    values = [inner.value(one, target.function) for one in target.function.returns]
    value = choice_value(values)
    return value if isinstance(value, Text | Items | Fields) else None


def _on_plain(
    base: Text | Items | Fields | Scalar,
    name: str,
    arguments: tuple[Value, ...],
    named: Mapping[str, Value],
) -> Value:
    if name in _SAME_AS_RECEIVER or not (arguments or named):
        return keys_or_items(base) if name in {"keys", "values", "tolist"} else base
    if isinstance(base, Text):
        return _on_text(base, name, arguments, named)
    if isinstance(base, Items):
        return _on_items(base, name, arguments)
    if isinstance(base, Fields) and name in {"get", "fetch", "getordefault"} and arguments:
        key = constant_text(arguments[0])
        found = base.entries.get(key or "", *arguments[1:2]) if key is not None else None
        return found or choice_value([*base.entries.values(), *arguments[1:2]])
    if isinstance(base, Fields) and name in {"merge", "with", "put"}:
        more = [one.entries for one in arguments if isinstance(one, Fields)]
        return Fields({**base.entries, **(more[0] if more else {}), **named}, base.is_open)
    return Unknown(name)


def _on_text(
    base: Text, name: str, arguments: tuple[Value, ...], named: Mapping[str, Value]
) -> Value:
    if name in {"format", "formatmap", "formatted", "formatnamed"}:
        if name == "formatted":
            return sprintf(base, arguments, named)
        return braces(base, arguments, _fillings(arguments, named))
    if name in {"replace", "gsub", "sub", "replaceall"} and len(arguments) > 1:
        return replaced(base, arguments[0], arguments[1])
    if name == "join" and arguments:
        return joined_items(arguments[0], base)
    if name in {"concat", "plus"}:
        return joined([base, *(as_text(one) for one in arguments)])
    return Unknown(name) if name in {"split", "get"} else base


def _on_template(
    base: Made, arguments: tuple[Value, ...], named: Mapping[str, Value]
) -> Text | None:
    """What Python's ``string.Template`` gives."""
    text = base.arguments[0] if base.arguments else None
    is_template = base.name.rsplit(".", 1)[-1] == "Template" and not base.steps
    if not is_template or not isinstance(text, Text):
        return None
    return dollars(text, _fillings(arguments, named))


def _fillings(arguments: tuple[Value, ...], named: Mapping[str, Value]) -> Mapping[str, Value]:
    entries = arguments[0].entries if arguments and isinstance(arguments[0], Fields) else {}
    return {**entries, **named}


def _on_items(base: Items, name: str, arguments: tuple[Value, ...]) -> Value:
    if name == "join":
        return joined_items(base, arguments[0] if arguments else Text(("",)))
    if name in {"map", "filter", "sort", "select", "mapeach"}:
        return base
    if name == "concat":
        more = [one.items for one in arguments if isinstance(one, Items)]
        is_open = base.is_open or len(more) < len(arguments)
        return Items((*base.items, *(one for some in more for one in some)), is_open, base.grows)
    return Unknown(name)


def written_call(ev: Evaluator, call: Call, function: Function) -> Made:
    """Return a call as it is written, whatever the function that is called returns."""
    arguments, named = argument_values(ev, call, function)
    if isinstance(call.callee, Member):
        base = ev.receiver(call.callee.base, function)
        return _stepped(base, call, arguments, named)
    return _made(ev.value(call.callee, function), call.callee, arguments, named, call)
