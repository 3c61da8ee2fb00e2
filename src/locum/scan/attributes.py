"""What classes and their objects hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.branches import reaching
from locum.scan.composition import choice_value, is_nothing
from locum.scan.values import Input, Items, Reference, Scalar, Text, Unknown

if TYPE_CHECKING:
    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Class, Module
    from locum.scan.values import Value

__all__ = ["attribute", "class_member"]


def class_member(ev: Evaluator, base: Reference, name: str) -> Value:
    """Return a member of a class of the project, or of an object of it."""
    if name in {"class", "__class__"}:
        return base
    found = _member(ev, base, name, set())
    return Reference(f"{base.path}.{name}", module=base.module) if found is None else found


def _member(ev: Evaluator, base: Reference, name: str, seen: set[int]) -> Value | None:
    """What a class has itself, or from one that it extends."""
    defined, module = base.defined, base.module or ev.module
    if defined is None or id(defined) in seen:
        return None
    seen.add(id(defined))
    if name in defined.members:
        return Text((defined.members[name],))
    if name in defined.attributes or name in defined.types:
        return attribute(ev, defined, name, module)
    nested = defined.nearby.maps[0].get(name)
    if nested is not None:
        return Reference(f"{base.path}.{name}", nested, module)
    for _, inherited in ev.project.evaluator(module).bases(defined):
        found = None if inherited is None else _member(ev, inherited, name, seen)
        if found is not None:
            return found
    return None


def attribute(ev: Evaluator, owner: Class, name: str, module: Module) -> Value:
    """Return what an attribute of a class is set to, or else an object of its type."""
    if module is not ev.module:
        ev = ev.project.evaluator(module)
    bindings = owner.attributes.get(name, [])
    known: Value = Unknown(name)
    functions = dict.fromkeys(one.function for one in bindings if one.kind == "set")
    for function in reversed(functions):
        inside = [one for one in bindings if one.function is function and one.kind == "set"]
        options = [one for one, _ in reaching(inside, 0).options]
        known = choice_value([ev.value(one.value, function) for one in options])
        if not isinstance(known, Unknown | Input | Scalar) and not is_nothing(known):
            break
    if isinstance(known, Unknown | Input) or (isinstance(known, Scalar) and known.value is None):
        known = ev.instance(owner.types.get(name, "")) or known
    if isinstance(known, Unknown) and not known.name:
        known = Unknown(name)
    if isinstance(known, Items) and any(one.kind != "set" for one in bindings):
        return known._replace(is_open=True, grows=True)
    return known
