"""The fields of an extraction task: as a table for the terminal, and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from locum.report.comparison import format_duration, format_share, format_size
from locum.report.result_object import inputs_object, share_object, tested_object
from locum.shapes import show_path

if TYPE_CHECKING:
    from pathlib import Path

    from locum.alignment import FieldAlignment
    from locum.extraction import ExtractionDistillation, UnitResult

__all__ = ["FieldTable", "extraction_object", "family_table", "field_table"]

_HAD = {
    "closed": "told",
    "set": "told, a set",
    "spans": "read",
    "written": "free text",
}


class FieldTable(NamedTuple):
    """A row for each field or list, or for each student that was tried.

    Args:
        columns: Headings.
        rows: Cells.
        note: What the reader must know about them, in a sentence or two.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str


def field_table(distillation: ExtractionDistillation) -> FieldTable | None:
    """Return how the student does field by field; ``None`` where none was trained."""
    evaluation = distillation.evaluation
    if evaluation is None:
        return None
    rows: list[tuple[str, ...]] = [
        (
            show_path(result.unit.path),
            _how(result),
            format_share(result.asked, interval=False),
            format_share(result.agreement, interval=False),
            format_share(result.covered, interval=False),
            format_share(result.covered_agreement, interval=False),
        )
        for result in evaluation.units
    ]
    columns = ("field", "how", "there", "agrees", "certified", "agrees there")
    note = (
        "On the test inputs: how often the teacher gives a value; agreement where one of the two "
        "does; share of the student's values that the field's own certificate covers, for "
        "locum predict --partial, and agreement there. Each certificate holds by itself."
    )
    return FieldTable(columns, rows, note)


def _how(result: UnitResult) -> str:
    never = not any(field.seen for field in result.unit.fields)
    return "never given" if never and not result.unit.is_imitated else _HAD[result.unit.kind]


def family_table(distillation: ExtractionDistillation) -> FieldTable | None:
    """Return the students that were tried; ``None`` where it was one alone."""
    families = distillation.families
    if len(families) + len(distillation.omitted) < 2:
        return None
    rows: list[tuple[str, ...]] = [
        (
            f"{one.name} (chosen)" if one.chosen else one.name,
            f"{one.foreseen_coverage:.1%}",
            format_share(one.agreement, interval=False),
            format_size(one.size_bytes),
            format_duration(one.p50_us),
            format_duration(1e6 * one.train_seconds),
        )
        for one in families
    ]
    columns = ("student", "foreseen to answer", "agrees", "size", "time", "trained in")
    omitted = "".join(f" Not tried: {n}: {why}." for n, why in distillation.omitted.items())
    return FieldTable(
        columns, rows, f"Foreseen on the validation inputs, agreement on the test inputs.{omitted}"
    )


def extraction_object(
    distillation: ExtractionDistillation, report: Path, artefact: Path | None
) -> dict[str, Any]:
    """Return the distillation of an extraction task as plain data; its keys are an interface.

    Args:
        distillation: What was found out.
        report: Where the report lies.
        artefact: Where the student lies, if there is one.
    """
    evaluation, data, alignment = distillation.evaluation, distillation.data, distillation.alignment
    return {
        "task": distillation.task.name,
        "kind": "extraction",
        "decision": distillation.decision._asdict(),
        "student": distillation.facts._asdict() if distillation.facts else None,
        "certificate": distillation.certificate._asdict() if distillation.certificate else None,
        "agreement": evaluation.agreement.value if evaluation else None,
        "test": {
            **tested_object(data, evaluation),
        }
        if evaluation
        else None,
        "families": [
            {**one._asdict(), "agreement": share_object(one.agreement)}
            for one in distillation.families
        ],
        "omitted": distillation.omitted,
        "fields": [_unit(result) for result in evaluation.units] if evaluation else [],
        "alignment": {
            "answers": alignment.answers,
            "whole": alignment.whole,
            "fields": [_alignment(field) for field in alignment.fields],
        }
        if alignment
        else None,
        "teacher": {"name": distillation.teacher, **distillation.costs._asdict()},
        "data": {
            **inputs_object(data),
            "without_answer": data.missing,
            "problems": [problem._asdict() for problem in data.problems],
            "repairs": dict(data.repairs),
            "warnings": data.warnings,
        },
        "report": str(report),
        "artefact": str(artefact) if artefact else None,
    }


def _unit(result: UnitResult) -> dict[str, Any]:
    value, nothing = result.certificates
    return {
        "path": show_path(result.unit.path),
        "kind": result.unit.kind,
        "fields": [
            {
                "path": show_path(field.path),
                "kind": field.kind,
                "normaliser": field.normaliser,
                "reason": field.reason,
                "reproduced": field.reproduced,
                "values": field.seen,
            }
            for field in result.unit.fields
        ],
        "asked": share_object(result.asked),
        "agreement": share_object(result.agreement),
        "certificate": value._asdict() if value else None,
        "certificate_of_nothing": nothing._asdict() if nothing else None,
        "covered": share_object(result.covered),
        "covered_agreement": share_object(result.covered_agreement),
    }


def _alignment(field: FieldAlignment) -> dict[str, Any]:
    return {
        "path": show_path(field.path),
        "values": field.values,
        "aligned": dict(field.aligned),
        "lost": [lost._asdict() for lost in field.lost],
        "crossed": {show_path(other): answers for other, answers in field.crossed},
    }
