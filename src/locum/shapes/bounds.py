"""Leaves from the limits that a schema sets them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from locum.shapes.problems import UnfitError
from locum.shapes.shape import ListOf, Number, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.shapes.shape import JsonScalar, Shape

__all__ = ["closed_values", "list_within", "number_within", "text_within"]


def text_within(limits: Mapping[str, Any]) -> Text:
    """Return a string's shape.

    Args:
        limits: Keywords of JSON Schema with their values; those about other types are ignored.

    Raises:
        UnfitError: No string satisfies them, or the pattern is no regular expression.
    """
    pattern = limits.get("pattern")
    if pattern is not None:
        closed_values((), limits)
    least, most = _counts(limits, "minLength", "maxLength", "characters")
    return Text(form=limits.get("format"), pattern=pattern, shortest=least, longest=most)


def number_within(limits: Mapping[str, Any], *, whole: bool) -> Number:
    """Return a number's shape.

    Args:
        limits: As for `text_within`. ``multipleOf`` is left to whoever checks values, but where
            it makes all of them whole.
        whole: Whether the schema's type is ``integer``.

    Raises:
        UnfitError: No number satisfies them.
    """
    whole = whole or float(limits.get("multipleOf", 0.5)).is_integer()
    lows = _bounds(limits, "minimum", "exclusiveMinimum", 1, whole=whole)
    highs = _bounds(limits, "maximum", "exclusiveMaximum", -1, whole=whole)
    least, most = max(lows, default=None), min(highs, default=None)
    if least is not None and most is not None and least > most:
        raise UnfitError(f"must be at least {least} and at most {most}", "correct its bounds")
    return Number(whole=whole, least=least, most=most)


def _bounds(
    limits: Mapping[str, Any], inclusive: str, exclusive: str, step: int, *, whole: bool
) -> list[float]:
    """Inclusive bounds; ``step`` is 1 for the least and -1 for the most."""
    bounds = []
    if inclusive in limits:
        bounds.append(_rounded(limits[inclusive], step) if whole else limits[inclusive])
    if exclusive in limits:
        bounds.append(_beyond(limits[exclusive], step, whole=whole))
    return bounds


def _rounded(bound: float, step: int) -> int:
    return math.ceil(bound) if step > 0 else math.floor(bound)


def _beyond(bound: float, step: int, *, whole: bool) -> float:
    """The nearest number beyond an exclusive bound."""
    if whole:
        return _rounded(bound, -step) + step
    return math.nextafter(bound, step * math.inf)


def list_within(limits: Mapping[str, Any], item: Shape) -> ListOf:
    """Return a list's shape.

    Raises:
        UnfitError: No list satisfies the limits.
    """
    fewest, most = _counts(limits, "minItems", "maxItems", "items")
    return ListOf(item, fewest=fewest, most=most, distinct=bool(limits.get("uniqueItems")))


def _counts(
    limits: Mapping[str, Any], least_keyword: str, most_keyword: str, unit: str
) -> tuple[int, int | None]:
    least, most = int(limits.get(least_keyword, 0)), limits.get(most_keyword)
    if most is None:
        return least, None
    if least > most:
        raise UnfitError(
            f"must have at least {least} and at most {int(most)} {unit}", "correct its bounds"
        )
    return least, int(most)


def closed_values(
    values: tuple[JsonScalar, ...], limits: Mapping[str, Any]
) -> tuple[JsonScalar, ...]:
    """Return those of a schema's listed values that also satisfy its other keywords.

    Raises:
        UnfitError: The pattern is no regular expression.
    """
    from jsonschema_rs import Draft202012Validator

    try:
        validator = Draft202012Validator(dict(limits), offline=True)
    except ValueError:
        raise UnfitError(
            f"has the pattern {limits.get('pattern')!r}, which is no regular expression",
            "correct it",
        ) from None
    return tuple(value for value in values if validator.is_valid(value))
