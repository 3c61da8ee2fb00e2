"""The object that ``locum distill --json`` prints; its keys are an interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from locum.distillation import Distillation
    from locum.distillation.result import DataSummary, Evaluation, RungResult, SyntheticFacts
    from locum.evaluation import Share
    from locum.extraction.result import ExtractionEvaluation, ExtractionSummary
    from locum.generation import GenerationEvaluation, GenerationSummary
    from locum.teachers import Majority

    AnyEvaluation: TypeAlias = Evaluation | ExtractionEvaluation | GenerationEvaluation
    AnySummary: TypeAlias = DataSummary | ExtractionSummary | GenerationSummary

__all__ = ["inputs_object", "result_object", "share_object", "tested_object"]


def result_object(
    distillation: Distillation, report: Path, artefact: Path | None
) -> dict[str, Any]:
    """Return a distillation as plain data.

    Args:
        distillation: What was found out.
        report: Where the report lies.
        artefact: Where the student lies, if there is one.
    """
    facts, evaluation = distillation.facts, distillation.evaluation
    teacher, data = distillation.teacher, distillation.data
    return {
        "task": distillation.task.name,
        "decision": distillation.decision._asdict(),
        "student": {
            "family": facts.family,
            "size_bytes": facts.size_bytes,
            "p50_us": facts.p50_us,
            "train_seconds": facts.train_seconds,
            "deferral": facts.deferral,
            "settings": facts.trials[0].settings | {"soft_labels": facts.trials[0].soft},
        }
        if facts
        else None,
        "frontier": [_rung(rung) for rung in distillation.frontier],
        "certificate": distillation.certificate._asdict() if distillation.certificate else None,
        "agreement": evaluation.agreement.value if evaluation else None,
        "test": {
            **tested_object(data, evaluation),
            "accuracy": share_object(evaluation.accuracy),
            "together_accuracy": share_object(evaluation.cascade_accuracy),
            "reliability_before": evaluation.before._asdict(),
            "reliability_after": evaluation.after._asdict(),
        }
        if evaluation
        else None,
        "teacher": {
            "name": teacher.name,
            "accuracy": share_object(teacher.accuracy),
            "latency_p50_ms": teacher.latency_p50_ms,
            "cost_per_1000_usd": teacher.cost_per_1000_usd,
            "priced_as": teacher.priced_as,
            "temperature": teacher.temperature,
            "bias_correction": teacher.correction.calibration.kind,
            "correction_reason": teacher.correction.reason,
            "reliability_before": teacher.before._asdict() if teacher.before else None,
            "reliability_after": teacher.after._asdict() if teacher.after else None,
            "majority": _majority(teacher.majority),
        },
        "data": {
            **inputs_object(data),
            "outside_label_set": data.outside.answers,
            "without_answer": data.outside.missing,
            "soft_label_source": data.source,
            "synthetic": _synthetic(data.synthetic),
            "warnings": data.warnings,
        },
        "report": str(report),
        "artefact": str(artefact) if artefact else None,
    }


def _majority(majority: Majority | None) -> dict[str, Any] | None:
    if majority is None:
        return None
    same = majority.same_twice
    return {
        "of": majority.of,
        "same_twice": None if same is None else same._asdict(),
        "single_agreement_at_most": majority.ceiling,
    }


def _rung(rung: RungResult) -> dict[str, Any]:
    figures = rung.figures
    return {
        "name": rung.name,
        "family": rung.family,
        "chosen": rung.chosen,
        "reason": rung.reason,
        "figures": {
            **figures._asdict(),
            "agreement": share_object(figures.agreement),
            "accuracy": share_object(figures.accuracy),
        }
        if figures
        else None,
    }


def _synthetic(facts: SyntheticFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    gain = facts.gain
    return {
        "inputs": facts.inputs,
        "without_label": facts.unlabelled,
        "too_close": facts.left_out,
        "tried": gain.inputs if gain else 0,
        "used": facts.used,
        "agreement_with": gain.helped.agreement if gain else None,
        "agreement_without": gain.alone.agreement if gain else None,
        "risk_area_with": gain.helped.risk_area if gain else None,
        "risk_area_without": gain.alone.risk_area if gain else None,
    }


def inputs_object(data: AnySummary) -> dict[str, Any]:
    """Return what is known of inputs whatever their answers are, as plain data."""
    return {
        "inputs": data.inputs,
        "splits": data.splits,
        "by_time": data.by_time,
        "own_test": data.own_test,
        "exact_duplicates": data.exact_duplicates,
        "near_duplicates": data.near_duplicates,
    }


def tested_object(data: AnySummary, evaluation: AnyEvaluation) -> dict[str, Any]:
    """Return what is measured on the test inputs whatever the answers are, as plain data."""
    return {
        "inputs": data.splits["test"],
        "agreement": share_object(evaluation.agreement),
        "coverage": share_object(evaluation.answered),
        "answered_agreement": share_object(evaluation.answered_agreement),
    }


def share_object(found: Share | None) -> dict[str, Any] | None:
    """Return a share as plain data."""
    if found is None:
        return None
    return {"value": found.value, "interval_95": list(found.interval), "inputs": found.inputs}
