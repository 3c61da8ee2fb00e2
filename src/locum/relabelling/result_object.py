"""What a run would do and did, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.relabelling.gain import Gains
    from locum.relabelling.plan import RelabellingPlan
    from locum.relabelling.relabel import Relabelled
    from locum.schema import JsonObject
    from locum.teachers import Budget

__all__ = ["plan_object", "result_object"]


def plan_object(plan: RelabellingPlan, budget: Budget) -> JsonObject:
    """Return what a run would do, for JSON."""
    material, labels = plan.material, plan.labels
    return {
        "inputs": len(material.pool.examples),
        "learned_from": len(material.learned_from),
        "open": len(material.open_rows),
        "asked_about": len(plan.basket.rows),
        "chosen": len(plan.basket.chosen),
        "control": len(plan.basket.control),
        "calls": labels.calls,
        "likely_usd": labels.likely_usd,
        "worst_usd": labels.worst_usd,
        "budget_usd": budget.cap_usd,
        "spent_before_usd": plan.funds.spent_usd,
        "left_usd": plan.funds.left_usd,
        "nothing_to_buy": plan.shortage,
        "teachers": [one._asdict() | {"tokens": one.tokens._asdict()} for one in labels.teachers],
    }


def result_object(plan: RelabellingPlan, done: Relabelled, budget: Budget) -> JsonObject:
    """Return what a run bought and gained, for JSON."""
    return {
        "plan": plan_object(plan, budget),
        "teacher": done.teacher,
        "chosen": done.chosen,
        "control": done.control,
        "by_class": done.by_class,
        **vars(done.tally),
        "spent_in_all_usd": done.balance.spent_usd,
        "gains": None if done.gains is None else _gains_object(done.gains),
        "verdict": done.advice.verdict,
        "buy_more": done.advice.buy_more,
        "advice": done.advice.sentences,
        "seconds": done.seconds,
        "notes": done.notes,
    }


def _gains_object(gains: Gains) -> JsonObject:
    measures = [
        {
            "name": measure.name,
            "inputs": measure.inputs,
            "without": measure.without,
            **{
                name: None if gain is None else gain._asdict() | {"interval": list(gain.interval)}
                for name, gain in (
                    ("bought", measure.bought),
                    ("chosen", measure.chosen),
                    ("control", measure.control),
                    ("difference", measure.difference),
                )
            },
        }
        for measure in gains.measures
    ]
    return gains._asdict() | {"measures": measures}
