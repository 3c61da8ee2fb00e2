"""Buy the soft labels that matter most, and measure what they gained."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.labelling.label import (
    ASKED_FIRST,
    calls_by_text,
    keep_for_calls,
    require_probabilities,
)
from locum.relabelling.advice import Advice, advise
from locum.relabelling.gain import Arm, Arms, Gains, equal_spend, measure_gains
from locum.relabelling.purchases import Purchase, add_basket, in_order, keep_purchases
from locum.teachers import BatchTeacher, LabellingDesk, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from locum.distillation import Progress
    from locum.relabelling.acquisition import Basket
    from locum.relabelling.material import Material
    from locum.relabelling.plan import RelabellingPlan
    from locum.schema import Example, TeacherAnswer
    from locum.store import Balance, LabelStore
    from locum.teachers import Budget, LabellingProgress, Teacher

__all__ = ["Relabelled", "SoftLabelled", "relabel"]

_LEAST_COMPARED = 5

SoftLabelled = list[tuple["Example", dict[str, float]]]


class Relabelled(NamedTuple):
    """What a run bought, and what that and earlier runs' labels gained.

    Args:
        teacher: Who was asked.
        chosen: Chosen inputs that got a soft label.
        control: Those drawn at random; an input may be both.
        by_class: Inputs that got one, by their recorded answer.
        soft_labels: Inputs with their new soft labels, copies included: those of recorded calls are
            in the store as well.
        tally: Counts of the calls.
        balance: Where the task's account stands.
        gains: What was measured, over the labels of earlier runs as well; ``None`` where under five
            labels of train inputs were bought.
        advice: What to make of it.
        seconds: How long it took.
        notes: What should be known of it, a sentence each.
    """

    teacher: str
    chosen: int
    control: int
    by_class: dict[str, int]
    soft_labels: SoftLabelled
    tally: Tally
    balance: Balance
    gains: Gains | None
    advice: Advice
    seconds: float
    notes: list[str]


def relabel(
    plan: RelabellingPlan,
    teacher: Teacher,
    store: LabelStore,
    budget: Budget,
    progress: Progress,
    spend: Callable[[LabellingProgress], None] = lambda *_: None,
    write: Callable[[SoftLabelled, dict[str, Purchase]], None] = lambda *_: None,
) -> Relabelled:
    """Ask for what was planned, keep the soft labels of recorded calls, and measure their gain.

    Answers are on disk as they arrive; a run that is stopped is taken up by the same plan. So is
    one that is stopped while it measures: which inputs were chosen is kept with their soft labels,
    and all labels that were bought for the task are measured together.

    Args:
        plan: What is asked.
        teacher: Who is asked.
        store: Where answers and spending are kept.
        budget: What the labels may cost.
        progress: Is told what is being done.
        spend: Is told how far the calls are.
        write: Is given the new soft labels and by text how inputs came to theirs, in all runs,
            before anything is measured.

    Raises:
        TeacherError: The teacher fails altogether, or gives no probabilities.
        InputError: The store cannot be used.
    """
    started = time.monotonic()
    material = plan.material
    if plan.basket.rows:
        progress.stage(f"asking {teacher.name} about {len(plan.basket.rows):,} inputs")
    before = material.texts(np.flatnonzero(material.labelled).tolist())
    stems = calls_by_text(material.pool.examples)
    with LabellingDesk(
        material.task, store, budget, spend, _human(material), before, stems
    ) as desk:
        basket, answers = _ask(plan, teacher, desk)
        bought = _distributions(answers)
        purchases = add_basket(
            material.earlier, basket, {row: answers[row].cost_usd or 0.0 for row in bought}
        )
        _keep_purchases(material, purchases, store)
        _keep(material, answers, store)
        balance = desk.balance()
    soft_labels = _with_copies(material, bought)
    examples = material.pool.examples
    write(soft_labels, {examples[row].text: purchase for row, purchase in purchases.items()})
    gains = _measure(plan, purchases, bought, progress)
    left = len(material.open_rows) - len(answers)
    return Relabelled(
        teacher.name,
        sum(row in bought for row in basket.chosen),
        sum(row in bought for row in basket.control),
        _by_class(material, bought),
        soft_labels,
        desk.tally,
        balance,
        gains,
        advise(gains, left),
        time.monotonic() - started,
        [*([] if plan.shortage is None else [plan.shortage]), *desk.tally.notes()],
    )


def _human(material: Material) -> dict[str, int]:
    """People's labels of inputs that may be learned from, by text."""
    rows = material.learned_from
    known = rows[material.pool.human[rows] >= 0].tolist()
    return {material.pool.examples[row].text: int(material.pool.human[row]) for row in known}


def _ask(
    plan: RelabellingPlan, teacher: Teacher, desk: LabellingDesk
) -> tuple[Basket, dict[int, TeacherAnswer]]:
    """The answers by row: the first few alone, to see whether they come with probabilities.

    What labels cost is known better then, and more are bought for what is left of the budget.
    """
    basket, in_turn = plan.basket, not isinstance(teacher, BatchTeacher)
    first = basket.rows[: ASKED_FIRST if in_turn else len(basket.rows)]
    found = _ask_about(plan.material, first, teacher, desk)
    require_probabilities(plan.material.task, teacher, found.values())
    asked = len(first)
    while asked < len(basket.rows):
        found |= _ask_about(plan.material, basket.rows[asked:], teacher, desk)
        asked = len(basket.rows)
        if in_turn and not desk.tally.unasked:
            basket = plan.fill(_affordable(plan, basket, found, desk))
    return basket, found


def _affordable(
    plan: RelabellingPlan,
    basket: Basket,
    found: Mapping[int, TeacherAnswer],
    desk: LabellingDesk,
) -> int:
    """How many new labels the whole budget buys, by what those cost that were bought."""
    new = [row for row in basket.rows if row not in plan.known]
    answered = sum(row in found for row in new)
    spent = desk.tally.spent_usd
    more = plan.funds.buys(spent / answered, spent) if answered else None
    return len(new) + (more or 0)


def _ask_about(
    material: Material, rows: Sequence[int], teacher: Teacher, desk: LabellingDesk
) -> dict[int, TeacherAnswer]:
    """The answers by row; what more is to be asked about is left to the next run."""
    if not rows:
        return {}
    texts = material.texts(rows)
    answers = teacher.label(material.task, texts, desk)
    return {
        row: answer
        for row, text, answer in zip(rows, texts, answers, strict=True)
        if answer is not None and text not in desk.unfinished
    }


def _keep_purchases(
    material: Material, purchases: Mapping[int, Purchase], store: LabelStore
) -> None:
    examples = material.pool.examples
    of_calls = {
        call_id: purchase
        for row, purchase in purchases.items()
        if (call_id := examples[row].call_id) is not None and purchase != material.earlier.get(row)
    }
    if of_calls:
        keep_purchases(store, material.task, of_calls)


def _keep(
    material: Material,
    answers: Mapping[int, TeacherAnswer],
    store: LabelStore,
) -> None:
    """Keep answers for the recorded calls that they are about, and for word-for-word copies."""
    rows = [(copy, answer) for row, answer in answers.items() for copy in material.copies[row]]
    examples = [material.pool.examples[row] for row, _ in rows]
    keep_for_calls(material.task, examples, [answer for _, answer in rows], store)


def _distributions(answers: Mapping[int, TeacherAnswer]) -> dict[int, NDArray[np.float64]]:
    """Soft labels by row; probability outside the label set is conditioned away, as in training."""
    given = {row: np.array(answer.distribution or [0.0]) for row, answer in answers.items()}
    return {row: masses / masses.sum() for row, masses in given.items() if masses.any()}


def _measure(
    plan: RelabellingPlan,
    purchases: Mapping[int, Purchase],
    new: Mapping[int, NDArray[np.float64]],
    progress: Progress,
) -> Gains | None:
    """What all labels gained; of the chosen ones as many as the control has, at equal spend."""
    material = plan.material
    known = material.pool.soft_labels.probabilities
    bought = {row: new[row] if row in new else known[row] for row in purchases}
    training = set(material.training.tolist())

    def arm(rows: Sequence[int]) -> Arm:
        kept = [row for row in rows if row in training]
        return Arm(kept, [purchases[row].usd for row in kept])

    drawn = in_order(purchases, "control")
    chosen, control = equal_spend(arm(in_order(purchases, "chosen")), arm(drawn))
    if min(len(chosen.rows), len(control.rows)) < _LEAST_COMPARED:
        chosen = control = Arm([], [])
    arms = Arms(arm(list(purchases)), chosen, control)
    if len(arms.bought.rows) < _LEAST_COMPARED:
        return None
    progress.stage("measuring what the labels gained, on validation inputs")
    yardstick = [row for row in drawn if row not in training]
    return measure_gains(material, arms, bought, yardstick, plan.l2, plan.seed, progress.advance)


def _by_class(material: Material, bought: Mapping[int, NDArray[np.float64]]) -> dict[str, int]:
    labels = material.task.labels
    counts = np.bincount(material.pool.answers[list(bought)], minlength=len(labels))
    return dict(zip(labels, counts.tolist(), strict=True))


def _with_copies(material: Material, bought: Mapping[int, NDArray[np.float64]]) -> SoftLabelled:
    return [
        (material.pool.examples[copy], dict(zip(material.task.labels, soft.tolist(), strict=True)))
        for row, soft in bought.items()
        for copy in material.copies[row]
    ]
