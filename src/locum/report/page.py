"""The report: one HTML file that needs no network and no script."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from locum.errors import InputError
from locum.extraction import ExtractionDistillation
from locum.generation import GenerationDistillation
from locum.prices import format_dollars
from locum.report.charts import Line, line_chart
from locum.report.comparison import (
    compare,
    compare_extraction,
    compare_generation,
    format_duration,
    format_share,
    format_size,
)
from locum.report.fields import family_table
from locum.report.frontier import frontier_chart, frontier_table
from locum.report.texts import text_table
from locum.shapes import show_path
from locum.writable import why_unwritable, written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from locum.distillation import Distillation
    from locum.distillation.result import Evaluation, StudentFacts
    from locum.evaluation import Promise
    from locum.report.result_object import AnyEvaluation, AnySummary

    AnyDistillation = Distillation | ExtractionDistillation | GenerationDistillation

__all__ = ["check_page_place", "make_environment", "render_report", "write_page", "write_report"]

_SHOWN_CHARACTERS = 400
_NAMES = {"l2": "penalty"}


def write_report(distillation: AnyDistillation, path: str | Path) -> Path:
    """Write the report of a distillation to a file and return its path.

    It quotes inputs, so that its owner alone may read it.

    Raises:
        InputError: The file cannot be written.
    """
    return write_page(render_report(distillation), path)


def write_page(html: str, path: str | Path) -> Path:
    """Write a page for its owner alone to a file, whole or not at all, and return its path.

    Raises:
        InputError: The file cannot be written.
    """
    target = Path(path)
    with written_whole(target, private=True) as file:
        file.write(html.encode("utf-8", "xmlcharrefreplace"))
    return target


def check_page_place(path: str | Path) -> None:
    """Refuse a path at which no page can be written, before the work that fills it.

    Raises:
        InputError: It cannot.
    """
    target = Path(path)
    reason = why_unwritable(target)
    if reason is not None:
        raise InputError(f"{target} cannot be written: {reason}")
    if target.is_dir():
        raise InputError(f"{target} cannot be written: it is a folder")


def make_environment(*packages: str) -> Environment:
    """Return how pages are rendered: all that is put in is escaped.

    Args:
        packages: Whose templates there are besides those of reports.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "locum.report")]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda share, digits=1: f"{100 * share:.{digits}f}%",
        "count": lambda number: f"{number:,}",
        "dollars": format_dollars,
        "duration": format_duration,
        "path": show_path,
        "share": format_share,
        "shorten": _shorten,
        "size": format_size,
        "settings": _settings,
        "splits": _splits,
    }
    return environment


def render_report(distillation: AnyDistillation) -> str:
    """Return the report of a distillation as HTML."""
    environment = make_environment()
    if isinstance(distillation, ExtractionDistillation):
        return _render_extraction(environment, distillation)
    if isinstance(distillation, GenerationDistillation):
        return _render_generation(environment, distillation)
    evaluation, facts = distillation.evaluation, distillation.facts
    return environment.get_template("report.html.jinja").render(
        d=distillation,
        comparison=compare(distillation),
        frontier=frontier_table(distillation),
        frontier_chart=frontier_chart(distillation),
        charts=_charts(evaluation, facts, distillation.promise) if evaluation and facts else [],
        version=version("locum"),
    )


def _render_extraction(environment: Environment, distillation: ExtractionDistillation) -> str:
    evaluation = distillation.evaluation
    return environment.get_template("extraction.html.jinja").render(
        d=distillation,
        comparison=compare_extraction(distillation),
        families=family_table(distillation),
        charts=[_risk_chart(evaluation, distillation.promise)] if evaluation else [],
        version=version("locum"),
    )


def _render_generation(environment: Environment, distillation: GenerationDistillation) -> str:
    evaluation = distillation.evaluation
    return environment.get_template("generation.html.jinja").render(
        d=distillation,
        comparison=compare_generation(distillation),
        texts=text_table(distillation),
        charts=[_risk_chart(evaluation, distillation.promise)] if evaluation else [],
        version=version("locum"),
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"


def _settings(settings: Mapping[str, float]) -> str:
    """Settings of a trial in words; those that are off are left out."""
    shown = {_NAMES.get(name, name.replace("_", " ")): value for name, value in settings.items()}
    return ", ".join(f"{name} {value:.3g}" for name, value in shown.items() if value)


def _splits(data: AnySummary, at_random: str = "at random") -> str:
    sizes = ", ".join(f"{split} {size:,}" for split, size in data.splits.items())
    order = "each later in time than the one before" if data.by_time else at_random
    return f"{sizes}; {order}{', but for a test set of your own' if data.own_test else ''}"


def _risk_chart(evaluation: AnyEvaluation, promise: Promise) -> tuple[str, str, Markup]:
    drawing = line_chart(
        [
            Line("disagreement", evaluation.curve),
            Line("promise", [(0, 1 - promise.target), (1, 1 - promise.target)], dashed=True),
            *_answered_line(evaluation),
        ],
        "share of inputs answered",
        identity="risk",
    )
    return (
        "Coverage against risk",
        "Disagreement with the teacher, as the student answers more, the surest inputs first.",
        drawing,
    )


def _charts(
    evaluation: Evaluation, facts: StudentFacts, promise: Promise
) -> list[tuple[str, str, Markup]]:
    """Title, explanation and drawing of each chart."""
    reliability = line_chart(
        [
            Line(
                "after",
                [(b.confidence, b.accuracy) for b in evaluation.bins],
                dots=True,
            ),
            Line(
                "before",
                [(b.confidence, b.accuracy) for b in evaluation.bins_before],
                dots=True,
            ),
            Line("ideal", [(0, 0), (1, 1)], dashed=True),
        ],
        "probability that the student gives",
        identity="reliability",
    )
    return [
        _risk_chart(evaluation, promise),
        (
            "Can its probabilities be believed?",
            _calibration_error(evaluation),
            reliability,
        ),
        *_learning_chart(facts),
    ]


def _learning_chart(facts: StudentFacts) -> list[tuple[str, str, Markup]]:
    if len(facts.curve) < 2:
        return []
    drawing = line_chart(
        [Line("agreement", facts.curve, dots=True)],
        "inputs learned from",
        identity="learning",
        x_labels=[point.inputs for point in facts.curve],
    )
    explanation = "Agreement on validation inputs, at the chosen settings."
    return [("Would more inputs help?", explanation, drawing)]


def _calibration_error(evaluation: Evaluation) -> str:
    return (
        "How often the teacher agrees, by the probability that the student gives. Calibration "
        f"error {evaluation.before.ece:.3f} before its temperature was fitted, "
        f"{evaluation.after.ece:.3f} after."
    )


def _answered_line(evaluation: AnyEvaluation) -> list[Line]:
    if evaluation.answered is None:
        return []
    top = max(point.risk for point in evaluation.curve)
    coverage = evaluation.answered.value
    return [Line("certified", [(coverage, 0), (coverage, top)], dashed=True)]
