"""Inputs as they are given from Python, checked before anything is asked or learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from locum.errors import InputError, UsageError
from locum.schema import Example

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["to_examples"]

_ANSWERS = ("answer", "human")
_NUMBERS = ("time", "latency_ms", "cost_usd")


def to_examples(inputs: Sequence[str | Example]) -> list[Example]:
    """Return inputs as examples, and refuse those that cannot be learned from.

    Raises:
        InputError: There are none, a model wrote all, or one is no valid Unicode text.
        UsageError: They are one string, whose letters would be the inputs, or no list; or one is
            neither a text nor an example, or holds a value of another type than it should.
    """
    if isinstance(inputs, str) or not isinstance(inputs, Iterable):
        raise UsageError(
            f"inputs are a list of texts, not {_shown(inputs)}: wrap the one text in [ ], or read "
            "the file"
        )
    examples = [_to_example(number, given) for number, given in enumerate(inputs, start=1)]
    if not examples:
        raise InputError("there are no inputs: give at least one text")
    if all(example.synthetic for example in examples):
        raise InputError(
            f"a model wrote all {len(examples):,} inputs, and on such a student is never certified "
            "or tested: give inputs as production sends them too, such as recorded calls"
        )
    return examples


def _to_example(number: int, given: str | Example) -> Example:
    if not isinstance(given, str | Example):
        raise UsageError(
            f"input {number} is {_shown(given)}: expected a text, or Example(text, answer)"
        )
    example = Example(given) if isinstance(given, str) else given
    if not isinstance(example.text, str):
        raise UsageError(f"the text of input {number} is {_shown(example.text)}: expected a text")
    if any("\ud800" <= character <= "\udfff" for character in example.text):
        raise InputError(f"input {number} holds half a surrogate pair: it is no valid text")
    for name in _ANSWERS:
        value = getattr(example, name)
        if not isinstance(value, str | None):
            cure = "json.dumps" if isinstance(value, dict | list) else "str"
            raise UsageError(
                f"{name} of input {number} is {_shown(value)}: expected a text, such as "
                f"{cure}({name})"
            )
    for name in _NUMBERS:
        value = getattr(example, name)
        if not isinstance(value, int | float | None):
            raise UsageError(f"{name} of input {number} is {_shown(value)}: expected a number")
    return example


def _shown(value: object) -> str:
    return f"{str(value)[:40]!r} of type {type(value).__name__}"
