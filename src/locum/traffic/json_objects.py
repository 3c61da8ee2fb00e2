"""The JSON object in a text that people or models wrote around it."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from locum.shapes import JsonValue

__all__ = ["FoundObject", "WrittenFloat", "count_listed", "find_object"]

_LONGEST = 1_000_000
_DEEPEST = 100
_MOST_DIGITS = 308
# A brace of prose, as in "{name}", is followed by neither.
_START = re.compile(r'\{[ \t\r\n]*["}]')
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+("?)|[{}\[\]]', re.DOTALL)


class WrittenFloat(float):
    """A number with a point or an exponent, and how it was written: 1.50 is not "1.5"."""

    written: str

    def __new__(cls, written: str) -> Self:
        """Read a number."""
        number = super().__new__(cls, written)
        number.written = written
        return number


class FoundObject(NamedTuple):
    """A JSON object.

    Args:
        value: What it says, its numbers plain.
        text: Where it says so, from its first brace to its last.
        repairs: Names of what was put right to read it.
    """

    value: dict[str, JsonValue]
    text: str
    repairs: tuple[str, ...]

    def as_written(self) -> dict[str, JsonValue]:
        """Return the value with each float as a `WrittenFloat`."""
        return _decode(self.text, WrittenFloat).value


class _BrokenError(ValueError):
    """What stands in braces is no JSON."""


class _Decoded(NamedTuple):
    value: dict[str, JsonValue]
    repairs: tuple[str, ...]


def find_object(text: str) -> FoundObject:
    """Return the only JSON object in a text.

    Code fences, a byte order mark and prose around it do not matter; prose that itself holds a
    brace followed by a quotation mark does. What was put right is named: ``duplicate key`` (the
    last one counts), ``control character`` (a line break within a string), ``repeated object``
    (the same one twice), ``object in a list`` (the only one of it), ``sketch before it`` (another
    in braces that is no JSON).

    Raises:
        ValueError: There is no object, or there are several different ones; it is cut off or not
            valid JSON; it says NaN or a number beyond 1.8e308; it holds half a surrogate pair; it
            is nested more than 100 deep; or the text has more than 1,000,000 characters.
    """
    if len(text) > _LONGEST:
        raise ValueError(
            f"the answer has {len(text):,} characters, and at most {_LONGEST:,} are read"
        )
    spans = [*_spans(text)]
    if not spans:
        raise ValueError("there is no JSON object in the answer")
    found = _decode_all(text[span] for span in spans)
    if len({canonical_json(decoded.value) for decoded in found.values()}) > 1:
        raise ValueError("there are several different JSON objects in the answer")
    whole = [span for span in spans if text[span] in found]
    part, decoded = next(iter(found.items()))
    sketched = ("sketch before it",) * (len(whole) < len(spans))
    return FoundObject(
        decoded.value, part, (*sketched, *_repairs_around(text, whole), *decoded.repairs)
    )


def _decode_all(parts: Iterable[str]) -> dict[str, _Decoded]:
    """Decode texts, each once; what is no JSON is passed over where the last one is."""
    found: dict[str, _Decoded] = {}
    broken: _BrokenError | None = None
    for part in dict.fromkeys(parts):
        try:
            found[part] = _decode(part, float)
            broken = None
        except _BrokenError as error:
            broken = error
    if broken:
        raise broken
    return found


def count_listed(text: str) -> int | None:
    """Return how many objects a text lists; ``None`` where it is no JSON list of objects.

    Code fences and prose around the list do not matter.
    """
    before, _, rest = text.partition("[")
    inner, end, after = rest.rpartition("]")
    if not end or "{" in before or "}" in after:
        return None
    try:
        items = json.loads(f"[{inner}]")
    except (ValueError, RecursionError):
        return None
    return len(items) if all(isinstance(item, dict) for item in items) else None


def _repairs_around(text: str, spans: list[slice]) -> tuple[str, ...]:
    if len(spans) > 1:
        return ("repeated object",)
    before, after = text[: spans[0].start].rstrip(), text[spans[0].stop :].lstrip()
    return ("object in a list",) if before.endswith("[") and after.startswith("]") else ()


def _spans(text: str) -> Iterator[slice]:
    """Where objects stand that are not within others."""
    start = _START.search(text)
    while start:
        end = _end(text, start.start())
        yield slice(start.start(), end)
        start = _START.search(text, end)


def _end(text: str, start: int) -> int:
    """Where the object ends that begins at a brace."""
    depth = 0
    for mark in _MARK.finditer(text, start):
        if mark[0] in {"{", "["}:
            depth += 1
        elif mark[0] in {"}", "]"}:
            depth -= 1
        elif not mark[1]:
            break
        if depth > _DEEPEST:
            raise ValueError(f"the JSON object is nested more than {_DEEPEST} deep")
        if not depth:
            return mark.end()
    raise ValueError("the JSON object is cut off")


def _decode(text: str, parse_float: Callable[[str], float]) -> _Decoded:
    repairs: dict[str, None] = {}

    def read_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(members)
        if len(read) < len(members):
            repairs["duplicate key"] = None
        return read

    def decode(*, strict: bool) -> dict[str, JsonValue]:
        decoder = json.JSONDecoder(
            object_pairs_hook=read_members,
            parse_float=lambda written: _finite(written, parse_float),
            parse_int=_integer,
            parse_constant=_refuse_constant,
            strict=strict,
        )
        value: dict[str, JsonValue] = decoder.decode(text)
        return value

    try:
        value = decode(strict=True)
    except json.JSONDecodeError:
        value = _leniently(decode)
        repairs["control character"] = None
    _check_text(value)
    return _Decoded(value, tuple(repairs))


def _leniently(decode: Callable[..., dict[str, JsonValue]]) -> dict[str, JsonValue]:
    try:
        return decode(strict=False)
    except json.JSONDecodeError as error:
        raise _BrokenError(
            f"the JSON object is not valid: {error.msg} at its character {error.pos}"
        ) from None


def _finite(written: str, parse_float: Callable[[str], float]) -> float:
    number = parse_float(written)
    if math.isinf(number):
        raise ValueError(f"a number is beyond 1.8e308: {written[:20]}")
    return number


def _integer(written: str) -> int:
    digits = len(written.removeprefix("-"))
    if digits > _MOST_DIGITS:
        raise ValueError(f"a number has {digits:,} digits, and at most {_MOST_DIGITS} are read")
    return int(written)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _check_text(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("the JSON object holds half a surrogate pair, which is no text") from None
