"""Extractors on disk: one JSON file, and a folder for the tagger and for each head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locum.alignment import NORMALISERS, ExtractionPlan, FieldKind, FieldPlan
from locum.errors import ArtefactError, UsageError
from locum.extractors.extractor import ExtractorState, LinearExtractor
from locum.extractors.heads import Head, HeadPlan
from locum.extractors.marks import Mark
from locum.extractors.tagger import LinearTagger
from locum.students.linear import LinearStudent
from locum.traffic.strict_json import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from locum.students import Student

__all__ = ["load_extractor", "save_extractor"]

_FILE, _TAGGER = "extractor.json", "tagger"

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

    def plan(self) -> FieldPlan:
        if self.normaliser is not None and self.normaliser not in NORMALISERS:
            raise ArtefactError(f"no normaliser is called {self.normaliser!r} in this Locum")
        return FieldPlan(**{name: getattr(self, name) for name in type(self).model_fields})


class _HeadEntry(_Strict):
    path: Path_
    options: Annotated[tuple[str, ...], Field(min_length=1)]
    member: str | None
    temperature: Positive
    folder: Annotated[str, Field(pattern="^head-[0-9]{1,3}$")] | None


class _MarkEntry(_Strict):
    path: Path_
    level: Annotated[int, Field(ge=0, le=50)]
    closed: tuple[tuple[Path_, Scalar], ...]


class _AbsenceEntry(_Strict):
    path: Path_
    said: Literal["missing", "null", "empty"]


class _Entries(_Strict):
    family: Literal["linear"]
    answer_schema: dict[str, Any]
    fields: tuple[_FieldEntry, ...]
    heads: tuple[_HeadEntry, ...]
    marks: tuple[_MarkEntry, ...]
    absences: tuple[_AbsenceEntry, ...]
    l2: Positive
    head_settings: dict[str, float]
    max_bytes: Annotated[int, Field(gt=0)]


def save_extractor(extractor: LinearExtractor, directory: Path) -> list[Path]:
    """Write a fitted extractor into an existing folder; return the files written."""
    heads, marks, tagger, absences = extractor.state_
    entries = {
        "family": extractor.family,
        "answer_schema": extractor.schema,
        "fields": [
            {name: getattr(field, name) for name in _FieldEntry.model_fields}
            for field in extractor.plan.fields
        ],
        "heads": [_head_entry(number, head) for number, head in enumerate(heads)],
        "marks": [mark._asdict() for mark in marks],
        "absences": [{"path": path, "said": said} for path, said in absences.items()],
        "l2": extractor.l2,
        "head_settings": extractor.head_settings,
        "max_bytes": extractor.max_bytes,
    }
    path = directory / _FILE
    path.write_bytes(write_json(entries))
    written = [path]
    for number, head in enumerate(heads):
        if head.student is not None:
            written += _save_part(head.student, directory / _folder(number))
    if tagger is not None:
        written += _save_part(tagger, directory / _TAGGER)
    return written


def _folder(number: int) -> str:
    return f"head-{number}"


def _head_entry(number: int, head: Head) -> dict[str, Any]:
    return {
        **head.plan._asdict(),
        "temperature": head.temperature,
        "folder": None if head.student is None else _folder(number),
    }


def _save_part(part: Student | LinearTagger, folder: Path) -> list[Path]:
    folder.mkdir()
    return part.save(folder)


def load_extractor(directory: Path) -> LinearExtractor:
    """Read what `save_extractor` wrote; nothing that a file holds is run.

    Raises:
        ArtefactError: A file is missing, or holds something else than an extractor.
    """
    try:
        entries = _Entries.model_validate(read_json((directory / _FILE).read_bytes()))
        extractor = LinearExtractor(
            entries.answer_schema,
            ExtractionPlan(tuple(field.plan() for field in entries.fields)),
            l2=entries.l2,
            head_settings=entries.head_settings,
            max_bytes=entries.max_bytes,
        )
        extractor.take(_state(entries, directory))
    except (OSError, ValueError, UsageError) as error:
        shown = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{directory} holds no extractor: {shown}") from None
    return extractor


def _state(entries: _Entries, directory: Path) -> ExtractorState:
    marks = tuple(Mark(mark.path, mark.level, mark.closed) for mark in entries.marks)
    tagger = LinearTagger.load(directory / _TAGGER) if marks else None
    names = {str(number) for number in range(len(marks))}
    if tagger is not None and not set(tagger.tag_set.names) <= names:
        raise ArtefactError(f"{directory}: the tagger marks other spans than there are")
    return ExtractorState(
        tuple(_load_head(entry, directory) for entry in entries.heads),
        marks,
        tagger,
        {entry.path: entry.said for entry in entries.absences},
    )


def _load_head(entry: _HeadEntry, directory: Path) -> Head:
    plan = HeadPlan(entry.path, entry.options, entry.member)
    if entry.folder is None:
        return Head(plan, None, entry.temperature)
    student = LinearStudent.load(directory / entry.folder)
    if student.classes_ != entry.options:
        raise ArtefactError(f"{directory / entry.folder}: the head tells other options apart")
    return Head(plan, student, entry.temperature)
