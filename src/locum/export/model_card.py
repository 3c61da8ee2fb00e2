"""The model card: what a student is, and where it may be used, in one page of Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.export.certified_extractor import CertifiedExtractor
from locum.export.certified_writer import CertifiedWriter
from locum.export.telling_apart import tells_apart
from locum.shapes import show_path
from locum.students.cascade import CascadeStudent
from locum.students.ensemble import EnsembleStudent
from locum.students.joined import extras_of

if TYPE_CHECKING:
    from jinja2 import Environment

    from locum.export.certified import CertifiedStudent

__all__ = ["render_model_card"]


def render_model_card(student: CertifiedStudent | CertifiedExtractor | CertifiedWriter) -> str:
    """Return the model card of a student."""
    environment = _environment()
    if isinstance(student, CertifiedExtractor):
        return environment.get_template("extractor_card.md.jinja").render(
            task=student.task,
            family=student.model.family,
            extra=student.model.extra,
            teacher=student.teacher,
            certificate=student.certificate,
            fields=[
                (show_path(unit.path), unit.kind, student.field_certificates[unit.path].value)
                for unit in student.model.units
            ],
        )
    if isinstance(student, CertifiedWriter):
        return environment.get_template("writer_card.md.jinja").render(
            student=student, tells_apart=tells_apart(student.by_chance)
        )
    cascade = student.model if isinstance(student.model, CascadeStudent) else None
    pooled = cascade.second_ if cascade else student.model
    return environment.get_template("model_card.md.jinja").render(
        task=student.task,
        family=student.model.family,
        extra=",".join(extras_of(student.model)),
        cascade=cascade,
        ensemble=pooled if isinstance(pooled, EnsembleStudent) else None,
        learned=student.deferral.kind == "learned",
        teacher=student.teacher,
        certificate=student.certificate,
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("locum.export"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, escaped by the two filters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": _prose, "code": _code, "cell": _cell}
    return environment


def _prose(text: str) -> str:
    """Text in which no character means anything to Markdown or HTML."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()), flags=re.ASCII)


def _cell(text: str) -> str:
    """Text that ends no cell of a table."""
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """Text as a code span, fenced by more backticks than it holds."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{' '.join(text.split())}{padding}{fence}"
