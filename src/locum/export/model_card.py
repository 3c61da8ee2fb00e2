"""The model card: what a student is, and where it may be used, in one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.export.certified import CertifiedStudent

__all__ = ["render_model_card"]


def render_model_card(student: CertifiedStudent) -> str:
    """Return the model card of a student."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("locum.export"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.jinja").render(
        task=student.task,
        family=student.model.family,
        teacher=student.teacher,
        certificate=student.certificate,
    )
