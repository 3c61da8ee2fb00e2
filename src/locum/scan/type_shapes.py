"""Shapes of types as they are declared in code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from locum.scan.shapes import BOOLEAN, OPEN, Shape, closed, record
from locum.scan.tree import Index, Literal, Sequence
from locum.scan.values import Items, Reference, constant_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Class

__all__ = ["class_shape", "type_shape"]

Nearby: TypeAlias = "Mapping[str, Class]"
_DEEPEST = 8
_BOOLEANS = frozenset({"bool", "boolean", "Boolean", "Bool", "strictbool"})
_WRAPPERS = re.compile(
    r"^(?:typing\.|t\.)?(?:Optional|Annotated|Required|NotRequired|ClassVar|Final|list|List|set|"
    r"Set|Sequence|IList|IReadOnlyList|IEnumerable|ICollection|Array|ReadonlyArray|Nullable|"
    r"Readonly|tuple|frozenset|EnumSet|Collection|ArrayOf|OpenAI::ArrayOf)\s*[\[<](.*)[\]>]$",
    re.DOTALL,
)
_LITERAL = re.compile(r"^(?:typing\.|t\.)?Literal\s*\[(.*)\]$", re.DOTALL)
_QUOTED = re.compile(r"""["']([^"'\n]*)["']""")
# Packages' classes, and interfaces, that bring no fields along.
_WITHOUT_FIELDS = re.compile(
    r"^(?:[\w.:\\]*[.:\\])?(?:\w*BaseModel|BaseSettings|TypedDict|NamedTuple|object|ABC|Generic|"
    r"Protocol|Struct|Schema|OpenAISchema|SQLModel|Data|\w*Serializable|Object|Record|"
    r"I[A-Z]\w*)(?:[\[<(].*)?$",
    re.DOTALL,
)
_NONE: Nearby = {}
_TAGGED = re.compile(r"enum=([^,`\"]+)")


def type_shape(text: str, ev: Evaluator, depth: int = 0, nearby: Nearby = _NONE) -> Shape:  # noqa: PLR0911 - one for each form
    """Return the shape of a type.

    Args:
        text: As it is written.
        ev: Knows the classes and aliases of the file.
        depth: How many types it stands in.
        nearby: Classes that are meant before all others of their names.
    """
    text = text.strip().lstrip("*?&").rstrip("?;").strip()
    if depth > _DEEPEST or not text:
        return OPEN
    literal = _LITERAL.match(text)
    if literal is not None:
        return _literal(literal[1], ev)
    alternatives = [one for one in _split(text, "|") if one not in {"None", "null", "undefined"}]
    if len(alternatives) > 1:
        return _union([type_shape(one, ev, depth + 1, nearby) for one in alternatives])
    text = alternatives[0] if alternatives else text
    if text[:1] in {'"', "'"} and text[-1:] == text[0]:
        quoted = text[1:-1]
        return _named(quoted, ev, depth, nearby) or closed([quoted])
    if text.endswith("[]"):
        return type_shape(text.removesuffix("[]").strip("()"), ev, depth + 1, nearby)
    text = text.removeprefix("[]")
    wrapped = _WRAPPERS.match(text)
    if wrapped is not None:
        return type_shape(_split(wrapped[1], ",")[0], ev, depth + 1, nearby)
    if text in _BOOLEANS:
        return BOOLEAN
    return _named(text, ev, depth, nearby) or OPEN


def _named(name: str, ev: Evaluator, depth: int, nearby: Nearby) -> Shape | None:
    short = re.split(r"::|\.", name)[-1]
    if not re.fullmatch(r"\w+", short):
        return None
    if short in nearby:
        return class_shape(nearby[short], ev, depth + 1)
    found = ev.global_value(short) or ev.project.imported(ev.module, short)
    if isinstance(found, Reference) and found.defined is not None:
        owner = ev if found.module in {None, ev.module} else ev.project.evaluator(found.module)
        return class_shape(found.defined, owner, depth + 1)
    bindings = ev.module.root.bindings.get(short)
    if not bindings:
        return None
    value = bindings[-1].value
    if isinstance(value, Index):
        return _alias(value)
    return None


def _alias(value: Index) -> Shape | None:
    """``Label = Literal["a", "b"]``."""
    keys = value.key.items if isinstance(value.key, Sequence) else [value.key]
    if getattr(value.base, "text", getattr(value.base, "name", "")) != "Literal":
        return None
    return closed(str(one.value) for one in keys if isinstance(one, Literal))


def _literal(text: str, ev: Evaluator) -> Shape:
    quoted = _QUOTED.findall(text)
    if quoted:
        return closed(quoted)
    name = text.strip().lstrip("*")
    found = ev.global_value(name) if name.isidentifier() else None
    if isinstance(found, Items):
        return closed(text for text in map(constant_text, found.items) if text)
    return closed(one.strip() for one in text.split(","))


def _union(shapes: list[Shape]) -> Shape:
    if all(shape.is_closed for shape in shapes):
        return closed(one for shape in shapes for one in shape.answers)
    fields = [shape for shape in shapes if shape.fields]
    return fields[0]._replace(is_closed=False) if fields else OPEN


def class_shape(defined: Class, ev: Evaluator, depth: int = 0) -> Shape:
    """Return the shape of an enum, a record, or an alias of another type."""
    if defined.members:
        return closed(defined.members.values())
    if "" in defined.types:
        return type_shape(defined.types[""], ev, depth + 1, defined.nearby)
    fields, is_whole = _fields(defined, ev, depth, set())
    shape = record(fields) if fields else OPEN
    return shape if is_whole else shape._replace(is_closed=False)


def _fields(
    defined: Class, ev: Evaluator, depth: int, seen: set[int]
) -> tuple[dict[str, Shape], bool]:
    """Fields of a class, those of what it extends first, and whether these are all."""
    fields: dict[str, Shape] = {}
    is_whole = True
    seen.add(id(defined))
    for base, found in ev.bases(defined):
        if found is None or found.defined is None:
            is_whole = is_whole and _WITHOUT_FIELDS.match(base) is not None
        elif id(found.defined) not in seen:
            owner = ev.project.evaluator(found.module or ev.module)
            inherited, is_known = _fields(found.defined, owner, depth, seen)
            fields.update(inherited)
            is_whole = is_whole and is_known
    for name, text in defined.types.items():
        if text.startswith(("ClassVar", "typing.ClassVar")) or _is_private(name, ev):
            continue
        tagged = _TAGGED.findall(defined.tags.get(name, ""))
        written = type_shape(text, ev, depth + 1, defined.nearby)
        fields[name] = closed(tagged) if tagged else written
    return fields, is_whole


def _is_private(name: str, ev: Evaluator) -> bool:
    """Whether a field is none of the answer's: pydantic's own, or one that it keeps to itself."""
    return name == "model_config" or (name.startswith("_") and ev.module.language == "python")


def _split(text: str, mark: str) -> list[str]:
    """Split a type at a mark, but not within brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[<({":
            depth += 1
        elif character in "]>)}":
            depth -= 1
        if character == mark and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
