"""From what was found to an object of the answers' shape."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from locum.alignment import value_key
from locum.extractors.fractions import with_fractions
from locum.extractors.options import NOTHING, SOMETHING
from locum.shapes import ITEM, Closed, ListOf, OneOf, Record, admits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from locum.extractors.marks import Place
    from locum.shapes import Checker, Field, FieldPath, JsonScalar, JsonValue, Leaf, Shape

__all__ = ["Absence", "Assembled", "Assembler", "Findings", "find_absences"]

Absence: TypeAlias = Literal["missing", "null", "empty", "constant"]

_UNLIKELY = 1e-9
_UNUSED = 50.0  # costs more than the least likely option


class Findings(NamedTuple):
    """What was found in a text.

    Args:
        rankings: Options of closed fields with their probabilities, the best first.
        members: Values of lists of closed values, in the order of their heads.
        values: What spans say, and the closed fields of lists' items.
    """

    rankings: Mapping[FieldPath, Sequence[tuple[str, float]]]
    members: Mapping[FieldPath, Sequence[JsonScalar]]
    values: Mapping[Place, JsonScalar]


class Assembled(NamedTuple):
    """An object, and what was found and is no part of it."""

    value: dict[str, JsonValue]
    unused: frozenset[Place]


class _Built(NamedTuple):
    """A value, and what speaks against it.

    Args:
        value: Its own.
        cost: Logarithm of how much likelier other options were, summed.
        used: What was found and is part of it.
    """

    value: JsonValue
    cost: float = 0.0
    used: frozenset[Place] = frozenset()


def find_absences(
    shape: Shape, answers: Iterable[JsonValue], constants: Mapping[FieldPath, JsonScalar]
) -> dict[FieldPath, Absence]:
    """Return how the teacher mostly says that there is nothing, for each place that has a choice.

    Args:
        shape: Of the answers.
        answers: The teacher's.
        constants: Values that say so, by path.
    """
    counts: dict[FieldPath, Counter[Absence]] = {}
    for answer in answers:
        _count_absences(shape, answer, (), constants, counts)
    return {path: counted.most_common(1)[0][0] for path, counted in counts.items()}


def _count_absences(
    shape: Shape,
    value: JsonValue,
    path: FieldPath,
    constants: Mapping[FieldPath, JsonScalar],
    counts: dict[FieldPath, Counter[Absence]],
) -> None:
    match shape, value:
        case OneOf(options), _:
            for option in options:
                _count_absences(option, value, path, constants, counts)
        case Record(fields), dict():
            for name, field in fields.items():
                inner = (*path, name)
                said = _absence(value, name, constants.get(inner))
                if said:
                    counts.setdefault(inner, Counter())[said] += 1
                else:
                    _count_absences(field.shape, value[name], inner, constants, counts)
        case ListOf(item), list():
            for one in value:
                _count_absences(item, one, (*path, ITEM), constants, counts)


def _absence(value: dict[str, JsonValue], name: str, constant: JsonScalar) -> Absence | None:
    if name not in value:
        return "missing"
    match value[name]:
        case None:
            return "null"
        case dict() | list() as held:
            return None if held else "empty"
        case said:
            return "constant" if value_key(said) == value_key(constant) else None


class Assembler:
    """Builds objects of one shape.

    Args:
        shape: Of the answers.
        checker: Of the same schema.
        absences: How the teacher says that there is nothing.
        constants: Values that say so, by path.
        fractional: Fields whose whole numbers are written with a fraction.
    """

    def __init__(
        self,
        shape: Record,
        checker: Checker,
        absences: Mapping[FieldPath, Absence],
        constants: Mapping[FieldPath, JsonScalar],
        fractional: Collection[FieldPath] = (),
    ) -> None:
        self._shape, self._checker = replace(shape, nullable=False), checker
        self._absences, self._constants = absences, constants
        self._fractional = fractional

    def build(self, findings: Findings) -> Assembled | None:
        """Return an object that satisfies the schema, or ``None`` where what was found makes none.

        It holds what was found and nothing else. Of a closed field the best option that the shape
        allows in its place is taken; of a union the option that most of what was found fits.
        """
        built = _Pass(findings, self._absences, self._constants).whole(self._shape)
        if built is None:
            return None
        value = with_fractions(built.value, self._fractional) if self._fractional else built.value
        if not isinstance(value, dict) or not self._checker.is_valid(value):
            return None
        return Assembled(value, frozenset(findings.values.keys() - built.used))


class _Pass:
    """One building of an object."""

    def __init__(
        self,
        findings: Findings,
        absences: Mapping[FieldPath, Absence],
        constants: Mapping[FieldPath, JsonScalar],
    ) -> None:
        self._found, self._absences, self._constants = findings, absences, constants
        paths = {*findings.rankings, *findings.members, *(path for path, _ in findings.values)}
        self._reached = {path[:length] for path in paths for length in range(len(path) + 1)}

    def whole(self, shape: Record) -> _Built | None:
        """Return the whole object; ``None`` where there is none."""
        return self._record(shape, (), (), empty=True)

    def build(self, shape: Shape, path: FieldPath, item: tuple[int, ...]) -> _Built | None:
        """Return the value of a place; ``None`` where there is nothing."""
        if path not in self._reached and not self._stands_alone(path):
            return None
        match shape:
            case OneOf(options):
                return self._union(options, path, item)
            case Record():
                return self._record(shape, path, item)
            case ListOf():
                return self._list(shape, path, item)
            case _:
                return self._leaf(shape, path, item)

    def _leaf(self, shape: Leaf, path: FieldPath, item: tuple[int, ...]) -> _Built | None:
        if item or path not in self._found.rankings:
            value = self._found.values.get((path, item))
            fits = value is not None and admits(shape, value)
            return _Built(value, 0.0, frozenset({(path, item)})) if fits else None
        ranking = self._found.rankings[path]
        best = ranking[0][1]
        for option, probability in ranking:
            if option in {NOTHING, SOMETHING}:
                return None
            value = json.loads(option)
            if admits(shape, value):
                return _Built(value, math.log(best / max(probability, _UNLIKELY)))
        return None

    def _needed(self, shape: Shape, path: FieldPath, item: tuple[int, ...]) -> _Built | None:
        """Return the value of a place that cannot be left empty, though nothing was found."""
        match shape:
            case Closed(values):
                allowed = [value for value in values if value is not None]
                rest = self._found.rankings.get(path, ()) if not item else ()
                likely = [json.loads(o) for o, _ in rest if o not in {NOTHING, SOMETHING}]
                fitting = [value for value in likely if admits(shape, value)]
                return _Built((fitting or allowed)[0], _UNUSED) if allowed else None
            case ListOf(fewest=0):
                return _Built([])
            case Record():
                return self._record(shape, path, item, empty=True)
            case OneOf(options):
                tried = (self._needed(option, path, item) for option in options)
                return min(filter(None, tried), key=_cost, default=None)
            case _:
                return None

    def _record(
        self, shape: Record, path: FieldPath, item: tuple[int, ...], *, empty: bool = False
    ) -> _Built | None:
        fields = {
            name: self.build(field.shape, (*path, name), item)
            for name, field in shape.fields.items()
        }
        if not (any(fields.values()) or empty or self._stands_alone(path)):
            return None
        value: dict[str, JsonValue] = {}
        cost = 0.0
        used: frozenset[Place] = frozenset()
        for name, field in shape.fields.items():
            built = fields[name] or self._nothing(field, (*path, name), item)
            if built is None and field.required:
                return None
            if built is not None:
                value[name] = built.value
                cost, used = cost + built.cost, used | built.used
        if cost and not (empty or any(fields.values())):
            return None
        return _Built(value, cost, used)

    def _stands_alone(self, path: FieldPath) -> bool:
        """Tell whether an object is there without values; a list's item never is."""
        return self._absences.get(path) == "empty"

    def _nothing(self, field: Field, path: FieldPath, item: tuple[int, ...]) -> _Built | None:
        """Return what stands for nothing; ``None`` where no field does."""
        said = self._absences.get(path)
        if said == "missing" and not field.required:
            return None
        if said == "constant" and admits(field.shape, self._constants[path]):
            return _Built(self._constants[path])
        if said == "empty":
            built = self._needed(field.shape, path, item)
            if built is not None and not built.cost:
                return built
        if field.shape.nullable:
            return _Built(None)
        return self._needed(field.shape, path, item) if field.required else None

    def _list(self, shape: ListOf, path: FieldPath, item: tuple[int, ...]) -> _Built | None:
        inner = (*path, ITEM)
        if not item and path in self._found.members:
            values: list[JsonValue] = [*self._found.members[path]]
            return _Built(values) if values else None
        depth = len(item)
        indices = {
            place[1][depth]
            for place in self._found.values
            if place[0][: len(inner)] == inner and place[1][:depth] == item
        }
        built = [self.build(shape.item, inner, (*item, index)) for index in sorted(indices)]
        items = [one for one in built if one is not None]
        if not items:
            return None
        used = frozenset().union(*(one.used for one in items))
        return _Built([one.value for one in items], sum(map(_cost, items)), used)

    def _union(
        self, options: Sequence[Shape], path: FieldPath, item: tuple[int, ...]
    ) -> _Built | None:
        depth = len(item)
        found = {
            place
            for place in self._found.values
            if place[0][: len(path)] == path and place[1][:depth] == item
        }
        tried = [self.build(option, path, item) for option in options]
        fitting = [built for built in tried if built is not None]
        return min(fitting, key=lambda b: b.cost + _UNUSED * len(found - b.used), default=None)


def _cost(built: _Built) -> float:
    return built.cost
