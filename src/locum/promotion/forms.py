"""Whether a student's objects look as the application got them from the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.shapes import Checker
from locum.traffic.json_answers import read_answer
from locum.traffic.json_objects import find_object
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.shapes import ExtractionTask, JsonValue

__all__ = ["check_form"]

_FEW = 0.05
_SHOWN = 100
# What is put right in reading JSON, and what stands around an object, which a student writes too.
_OF_READING = {
    "control character",
    "duplicate key",
    "object in a list",
    "repeated object",
    "sketch before it",
}


def check_form(task: ExtractionTask, answers: Sequence[str]) -> None:
    """Refuse a student whose objects have another form than the teacher's answers have.

    Distilling puts answers right, by their schema, and a student learns from what they mean.

    Args:
        task: The student's.
        answers: What the application got.

    Raises:
        InputError: More than a few in a hundred were put right.
    """
    checker = Checker(task.answer_schema)
    read = [(text, read_answer(text, task.shape, checker, task.leave_out)) for text in answers]
    usable = [(text, one) for text, one in read if one.value is not None]
    unlike = [(text, one) for text, one in usable if not _OF_READING.issuperset(one.repairs)]
    if len(unlike) <= _FEW * len(usable):
        return
    text, one = unlike[0]
    given = {k: v for k, v in find_object(text).value.items() if k not in task.leave_out}
    repairs = dict.fromkeys(name for _, one in unlike for name in one.repairs)
    told = ", ".join(name for name in repairs if name not in _OF_READING)
    before, after = _difference(given, one.value)
    raise InputError(
        f"{len(unlike):,} of the {len(usable):,} answers that the application got look unlike what "
        f"the student of {task.name!r} would say, as they were put right for its schema ({told}): "
        f"such as {before}, where the student says {after}; distil the task by a schema of what "
        "the application gets, or without --schema, which then follows the answers"
    )


def _difference(given: JsonValue, meant: JsonValue) -> tuple[str, str]:
    """Return the first parts that differ of what was given and what is meant, as JSON."""
    if isinstance(given, dict) and isinstance(meant, dict) and given.keys() == meant.keys():
        name = next((name for name in given if not _alike(given[name], meant[name])), None)
        if name is not None:
            parts = (given[name], meant[name])
            if not all(isinstance(part, dict) for part in parts):
                return _shown({name: parts[0]}), _shown({name: parts[1]})
            return _difference(*parts)
    return _shown(given), _shown(meant)


def _alike(one: JsonValue, other: JsonValue) -> bool:
    return write_json(one) == write_json(other)


def _shown(value: JsonValue) -> str:
    written = write_json(value).decode()
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}\u2026"
