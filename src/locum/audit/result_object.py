"""An audit as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.audit.auditing import Audit, JudgedTask
    from locum.audit.call_sites import CodePlace
    from locum.audit.foresight import Foresight
    from locum.audit.probe import Probe
    from locum.audit.savings import Saving
    from locum.audit.tasks import Measures

__all__ = ["audit_object"]


def audit_object(audit: Audit) -> dict[str, Any]:
    """Return what an audit found as an object of JSON; shares lie between 0 and 1.

    Amounts of money are US dollars, times seconds since 1970, and what a month holds is of 30.44
    days.
    """
    found, settings = audit.discovery, audit.settings
    return {
        "calls": found.calls,
        "read": found.read,
        "damaged": found.damaged,
        "first": found.first,
        "last": found.last,
        "target": settings.promise.target,
        "confidence": settings.promise.confidence,
        "minimum_coverage": settings.minimum_coverage,
        "ranked_by": "dollars" if audit.priced else "calls",
        "tasks": [_of_task(judged) for judged in audit.tasks],
        "others": [other._asdict() for other in found.others],
        "code_of_no_task": None
        if audit.places_of_no_task is None
        else _of_places(audit.places_of_no_task),
    }


def _of_task(judged: JudgedTask) -> dict[str, Any]:
    task, verdict = judged.task, judged.verdict
    return {
        "name": task.name,
        "found_by": task.kind,
        "verdict": verdict.kind,
        "reason": verdict.reason,
        "notes": list(verdict.notes),
        "saving": _of_saving(verdict.saving),
        "more_calls": verdict.more_calls,
        "months_to_break_even": verdict.months,
        "instruction": task.template.instruction,
        "prompt": task.template.prompt,
        "volume": {
            **task.volume._asdict(),
            "models": dict(task.volume.models),
            "replacement": task.volume.replacement and task.volume.replacement._asdict(),
            "applications": dict(task.volume.applications),
        },
        "student": None if task.student is None else task.student._asdict(),
        "measures": _of_measures(task.measures),
        "probe": _of_probe(judged.probed),
        "code": _of_places(judged.places),
    }


def _of_places(places: Iterable[CodePlace]) -> list[dict[str, Any]]:
    return [{**place._asdict(), "rules": list(place.rules)} for place in places]


def _of_saving(saving: Saving | None) -> dict[str, Any] | None:
    if saving is None:
        return None
    dollars = None if saving.dollars is None else saving.dollars._asdict()
    return {"calls_a_month": saving.calls._asdict(), "dollars_a_month": dollars}


def _of_measures(measures: Measures) -> dict[str, Any]:
    agreement = measures.self_agreement
    return {
        **measures._asdict(),
        "output": {
            "kind": measures.output.kind,
            "labels": dict(measures.output.labels),
            "fields": list(measures.output.fields),
        },
        "self_agreement": agreement
        and {
            "pairs": agreement.pairs,
            "share": agreement.share,
            "interval": list(agreement.interval),
        },
    }


def _of_probe(probed: Probe | str | None) -> dict[str, Any] | None:
    if probed is None:
        return None
    if isinstance(probed, str):
        return {"problem": probed}
    return {
        "inputs": probed.inputs,
        "usable": probed.usable,
        "agreement": probed.agreement.value,
        "agreement_interval": list(probed.agreement.interval),
        "agreement_at_random": None if probed.at_random is None else probed.at_random.value,
        "curve": [point._asdict() for point in probed.curve],
        "now": _of_foresight(probed.now),
        "later": None if probed.later is None else _of_foresight(probed.later),
        "whole": probed.whole,
        "seconds": probed.seconds,
        "left_out": list(probed.left_out),
    }


def _of_foresight(foresight: Foresight) -> dict[str, Any]:
    return {**foresight._asdict(), "interval": list(foresight.interval)}
