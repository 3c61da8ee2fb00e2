"""Extractors on disk: one JSON file, and those that the family writes besides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from locum.alignment import NORMALISERS, ExtractionPlan, FieldKind, FieldPlan
from locum.errors import ArtefactError, UsageError
from locum.extractors.families import find_extractor_family
from locum.extractors.heads import Head, HeadPlan
from locum.extractors.marks import Mark
from locum.extractors.options import NOTHING, SOMETHING
from locum.extractors.protocol import Extractor, Learned
from locum.shapes import ITEM
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_extractor", "save_extractor"]

_FILE = "extractor.json"

Path_ = tuple[str, ...]
Scalar = str | bool | int | Annotated[float, Field(allow_inf_nan=False)] | None
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _FieldEntry(_Strict):
    path: Path_
    kind: FieldKind
    normaliser: str | None
    values: tuple[Scalar, ...]
    in_list: bool
    reason: str
    reproduced: float
    seen: int
    nothing: Scalar = None

    def plan(self) -> FieldPlan:
        if self.normaliser is not None and self.normaliser not in NORMALISERS:
            raise ArtefactError(f"no normaliser is called {self.normaliser!r} in this Locum")
        return FieldPlan(**{name: getattr(self, name) for name in type(self).model_fields})


def _check_option(option: str) -> None:
    if option not in {NOTHING, SOMETHING} and isinstance(json.loads(option), dict | list):
        raise ValueError(f"{option} is told, which is no plain value")


class _HeadEntry(_Strict):
    path: Path_
    options: Annotated[tuple[str, ...], Field(min_length=1)]
    member: str | None
    temperature: Positive

    @model_validator(mode="after")
    def _holds_json(self) -> Self:
        told = self.options if self.member is None else (self.member,)
        for text in told:
            _check_option(text)
        return self

    def head(self) -> Head:
        return Head(HeadPlan(self.path, self.options, self.member), self.temperature)


class _MarkEntry(_Strict):
    path: Path_
    level: Annotated[int, Field(ge=0, le=50)]
    closed: tuple[tuple[Path_, str], ...]

    @model_validator(mode="after")
    def _begins_what_it_tells(self) -> Self:
        for path, said in self.closed:
            _check_option(said)
            item = path[: len(path) - path[::-1].index(ITEM)]
            if self.path[: len(item)] != item:
                raise ValueError("a mark tells a field of another item")
        return self


class _AbsenceEntry(_Strict):
    path: Path_
    said: Literal["missing", "null", "empty", "constant"]


class _Entries(_Strict):
    family: str
    answer_schema: dict[str, Any]
    fields: tuple[_FieldEntry, ...]
    answers: Annotated[int, Field(ge=0)]
    heads: tuple[_HeadEntry, ...]
    marks: tuple[_MarkEntry, ...]
    absences: tuple[_AbsenceEntry, ...]
    left_out: Annotated[int, Field(ge=0)]
    settings: dict[str, Any]
    fractional: tuple[Path_, ...] = ()


def save_extractor(extractor: Extractor, directory: Path) -> list[Path]:
    """Write a fitted extractor into an existing folder; return the files written."""
    learned = extractor.learned_
    entries = {
        "family": extractor.family,
        "answer_schema": extractor.schema,
        "fields": [
            {name: getattr(field, name) for name in _FieldEntry.model_fields}
            for field in extractor.plan.fields
        ],
        "answers": extractor.plan.answers,
        "heads": [
            {**head.plan._asdict(), "temperature": head.temperature} for head in learned.heads
        ],
        "marks": [mark._asdict() for mark in learned.marks],
        "absences": [{"path": path, "said": said} for path, said in learned.absences.items()],
        "left_out": learned.left_out,
        "settings": extractor.get_settings(),
        "fractional": sorted(learned.fractional),
    }
    path = directory / _FILE
    path.write_bytes(write_json(entries))
    return [path, *extractor.save_parts(directory)]


def load_extractor(directory: Path) -> Extractor:
    """Read what `save_extractor` wrote; nothing that a file holds is run.

    Raises:
        ArtefactError: A file is missing, or holds something else than an extractor.
        UsageError: An extra that the family needs is not installed.
    """
    try:
        entries = _Entries.model_validate(json.loads((directory / _FILE).read_bytes()))
        family = find_extractor_family(entries.family)
        plan = ExtractionPlan(tuple(field.plan() for field in entries.fields), entries.answers)
        extractor = family(entries.answer_schema, plan, **entries.settings)
        extractor.take(_learned(entries))
    except (OSError, ValueError, TypeError, RecursionError, UsageError) as error:
        shown = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{directory} holds no extractor: {shown}") from None
    extractor.load_parts(directory)
    return extractor


def _learned(entries: _Entries) -> Learned:
    return Learned(
        tuple(entry.head() for entry in entries.heads),
        tuple(Mark(mark.path, mark.level, mark.closed) for mark in entries.marks),
        {entry.path: entry.said for entry in entries.absences},
        entries.left_out,
        frozenset(entries.fractional),
    )
