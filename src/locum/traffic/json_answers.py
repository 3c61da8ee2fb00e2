"""A teacher's answer as the object that it means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic.json_mending import drop_unexpected, mend, unwrap
from locum.traffic.json_objects import find_object

if TYPE_CHECKING:
    from collections.abc import Collection

    from locum.shapes import Checker, JsonValue, Record

__all__ = ["ReadAnswer", "read_answer"]


class ReadAnswer(NamedTuple):
    """What an answer says.

    Args:
        value: A valid object; ``None`` where there is a problem.
        repairs: Names of what was put right, each once: ``bare value`` (a list was due),
            ``boolean as text``, ``control character``, ``duplicate key``, ``empty as null`` (a list
            or an object that holds nothing, where another type was due), ``enum spelling``,
            ``key spelling``, ``missing null``, ``null as text``, ``null left out`` (of an optional
            field that cannot be null), ``number as text``, ``object in a list``,
            ``repeated object``, ``sketch before it`` (in braces, no JSON), ``text as number``
            (a text was due), ``unexpected field``, ``wrapped object`` (in a field of another).
        problem: Why the answer cannot be used; ``None`` where it can.
    """

    value: dict[str, JsonValue] | None
    repairs: tuple[str, ...]
    problem: str | None


def read_answer(
    text: str, shape: Record, checker: Checker, leave_out: Collection[str] = ()
) -> ReadAnswer:
    """Return the object that a teacher's answer means.

    A valid object is returned as it is. One that is not is put right where only one thing can be
    meant: see `ReadAnswer` and `find_object`. White space within strings stays, and so do fields
    that the schema does not name but allows.

    Args:
        text: The answer as the teacher gave it: an object, and whatever stands around it.
        shape: What `read_schema` returned.
        checker: Of the same schema.
        leave_out: Fields of the object that do not count.

    Returns:
        An object that satisfies the checker, or a problem; no text makes it raise.
    """
    try:
        found = find_object(text)
    except ValueError as error:
        return ReadAnswer(None, (), str(error))
    whole = _without(found.value, leave_out)
    if checker.is_valid(whole) and not unwrap(whole, shape).repairs:
        return ReadAnswer(whole, found.repairs, None)
    unwrapped = unwrap(_without(found.as_written(), leave_out), shape)
    if unwrapped.is_foreign:
        return ReadAnswer(None, (), "none of its fields is one of the schema's")
    mended = mend(_without(unwrapped.value, leave_out), shape)
    # There and back, numbers that know how they were written become plain ones.
    value = json.loads(json.dumps(mended.value))
    dropped = drop_unexpected(value, shape, checker.unexpected(value))
    problem = checker.problem(value)
    if problem:
        return ReadAnswer(None, (), problem)
    parts = (found, unwrapped, mended, dropped)
    repairs = dict.fromkeys(repair for part in parts for repair in part.repairs)
    return ReadAnswer(value, tuple(repairs), None)


def _without(value: dict[str, JsonValue], names: Collection[str]) -> dict[str, JsonValue]:
    return {name: held for name, held in value.items() if name not in names}
