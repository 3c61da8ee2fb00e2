"""A generation task: as a table for the terminal, and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.report.comparison import format_share
from locum.report.fields import FieldTable
from locum.report.result_object import inputs_object, share_object, tested_object

if TYPE_CHECKING:
    from pathlib import Path

    from locum.generation import GenerationDistillation, TextScores

__all__ = ["describe_rule", "generation_object", "text_table"]


def text_table(distillation: GenerationDistillation) -> FieldTable | None:
    """Return how near the student's answers come; ``None`` where none was trained."""
    evaluation = distillation.evaluation
    if evaluation is None:
        return None
    rows: list[tuple[str, ...]] = [
        ("all", format_share(evaluation.agreement), *_cells(evaluation.scores))
    ]
    if evaluation.answered_scores is not None:
        accepted = format_share(evaluation.answered_agreement)
        rows.append(("where it answers", accepted, *_cells(evaluation.answered_scores)))
    columns = ("test inputs", "accepted", "chrF", "ROUGE-L", "the same")
    unended = evaluation.unended.value
    ended = f" {unended:.1%} of answers came to no end." if unended else ""
    return FieldTable(columns, rows, f"{describe_rule(distillation)} Means over inputs.{ended}")


def describe_rule(distillation: GenerationDistillation) -> str:
    """Return what the rule accepts, in sentences."""
    rule = distillation.rule
    by = f" (judge: {rule.judge})" if rule.judge else ""
    said = [f"Accepted: {rule.rule} against the teacher's answer{by}."]
    if rule.ceiling is not None:
        said.append(
            f"Of the teacher's own second answers to the same inputs it accepts "
            f"{format_share(rule.ceiling)}, {rule.ceiling.inputs:,} of them."
        )
    if rule.by_chance is not None:
        said.append(f"Of its answers to other inputs it accepts {rule.by_chance.value:.1%}.")
    return " ".join(said)


def _cells(scores: TextScores) -> tuple[str, str, str]:
    return f"{scores.chrf:.3f}", f"{scores.rouge_l:.3f}", f"{scores.same:.1%}"


def generation_object(
    distillation: GenerationDistillation, report: Path, artefact: Path | None
) -> dict[str, Any]:
    """Return the distillation of a generation task as plain data; its keys are an interface.

    Args:
        distillation: What was found out.
        report: Where the report lies.
        artefact: Where the student lies, if there is one.
    """
    evaluation, data, rule = distillation.evaluation, distillation.data, distillation.rule
    return {
        "task": distillation.task.name,
        "kind": "generation",
        "decision": distillation.decision._asdict(),
        "rule": {
            "rule": rule.rule,
            "judge": rule.judge or None,
            "teacher_with_itself": share_object(rule.ceiling),
            "by_chance": share_object(rule.by_chance),
        },
        "student": distillation.facts._asdict() if distillation.facts else None,
        "certificate": distillation.certificate._asdict() if distillation.certificate else None,
        "agreement": evaluation.agreement.value if evaluation else None,
        "test": {
            **tested_object(data, evaluation),
            "scores": evaluation.scores._asdict(),
            "answered_scores": evaluation.answered_scores._asdict()
            if evaluation.answered_scores
            else None,
            "unended": share_object(evaluation.unended),
        }
        if evaluation
        else None,
        "teacher": {"name": distillation.teacher, **distillation.costs._asdict()},
        "data": {
            **inputs_object(data),
            "without_answer": data.missing,
            "too_long": data.too_long,
            "warnings": data.warnings,
        },
        "report": str(report),
        "artefact": str(artefact) if artefact else None,
    }
