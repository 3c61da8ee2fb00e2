"""Which inputs would be asked about, and what that would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import InputError, UsageError
from locum.relabelling.acquisition import Basket, alternate, fill_basket, pick, worth
from locum.relabelling.material import Material, find_material
from locum.relabelling.students import choose_penalty, held_out_probabilities
from locum.teachers import AskedTeacher, LabellingDesk, plan_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from locum.schema import Example, Task
    from locum.store import LabelStore
    from locum.teachers import Budget, LabellingPlan, Teacher

__all__ = ["RelabellingPlan", "plan_relabelling"]

_NANODOLLARS = 1_000_000_000
_TEXTS_PRICED = 200


class Orders(NamedTuple):
    """Inputs in the order in which they are wanted.

    Args:
        chosen: The one whose soft label is worth most first.
        control: At random.
    """

    chosen: list[int]
    control: list[int]


class RelabellingPlan(NamedTuple):
    """What a run would ask.

    Args:
        material: The inputs.
        orders: All inputs that may be asked about, in the order of their worth and at random.
        control_share: Share of the labels that is drawn at random.
        known: Inputs that the teacher answered before, as in a run that was stopped.
        basket: Those that would be asked about.
        labels: What the calls would take.
        left_usd: What is left of the budget; ``None`` without one.
        most: New labels at most, whatever the budget.
        l2: Penalty that suits students of the recorded answers.
        seed: Seed of splits and draws.
    """

    material: Material
    orders: Orders
    control_share: float
    known: set[int]
    basket: Basket
    labels: LabellingPlan
    left_usd: float | None
    most: int | None
    l2: float
    seed: int

    def fill(self, new: int) -> Basket:
        """Return what is asked about if so many new labels can be bought."""
        allowed = new if self.most is None else min(new, self.most)
        return fill_basket(*self.orders, self.control_share, self.known, allowed)


def plan_relabelling(
    task: Task,
    teacher: Teacher,
    examples: Sequence[Example],
    store: LabelStore,
    budget: Budget,
    *,
    control: float = 0.25,
    most: int | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> RelabellingPlan:
    """Choose inputs whose soft label matters most, and as a control some at random.

    Half of the control's inputs are of the train split, where they are compared with chosen ones;
    the other half are of the validation split, where they show what the teacher's distributions
    are. How many inputs there are follows what is left of the budget and what a call is likely to
    cost, or costs at most for teachers that need several calls for a label; the ledger holds the
    budget in any case.

    Args:
        task: What is asked.
        teacher: Who is asked.
        examples: Inputs with recorded answers.
        store: Where answers and spending are kept.
        budget: What the labels may cost, earlier runs included.
        control: Share of them that is drawn at random.
        most: Calls for new labels at most, whatever the budget.
        seed: Seed of the splits, as distillation has it, and of the draws.
        told: Is told what is being done.

    Raises:
        InputError: Nothing is left to ask about, or as `find_material`.
        UsageError: What is left of the budget buys nothing, a value is out of range, or the price
            is not known and there is a budget.
    """
    if not 0 <= control < 1 or (most is not None and most < 1) or seed < 0:
        raise UsageError(
            f"control={control}, most={most}, seed={seed}: expected a share from 0 to less than 1, "
            "at least one label, and a seed of zero or more"
        )
    told("grouping near-copies and splitting")
    material = find_material(task, examples, store, seed)
    if not material.open_rows.size:
        raise InputError(
            f"each of the {len(material.learned_from):,} inputs to learn from has a soft label, or "
            "is a near-copy of one that has: there is nothing to buy"
        )
    known = _known_rows(material, teacher, store)
    left = _money_left(task, store, budget)
    allowed = _allowed(material, teacher, store, budget, known, left)
    l2 = choose_penalty(material, told)
    told(f"looking for the inputs that matter among {len(material.open_rows):,}")
    orders = Orders(_chosen_order(material, l2), _control_order(material, seed) if control else [])
    new = allowed if most is None else min(allowed, most)
    basket = fill_basket(*orders, control, known, new)
    labels = plan_labels(task, teacher, material.texts(basket.rows), store, budget)
    return RelabellingPlan(material, orders, control, known, basket, labels, left, most, l2, seed)


def _known_rows(material: Material, teacher: Teacher, store: LabelStore) -> set[int]:
    """Open inputs that the teacher answered before, as in a run that was stopped."""
    if not isinstance(teacher, AskedTeacher):
        return set()
    rows = material.open_rows.tolist()
    keys = [teacher.identify(material.task, text) for text in material.texts(rows)]
    known = store.find(keys)
    return {row for row, key in zip(rows, keys, strict=True) if key in known}


def _money_left(task: Task, store: LabelStore, budget: Budget) -> float | None:
    if budget.cap_usd is None:
        return None
    with LabellingDesk(task, store, budget) as desk:
        return max(0.0, budget.cap_usd - desk.balance().spent / _NANODOLLARS)


def _allowed(
    material: Material,
    teacher: Teacher,
    store: LabelStore,
    budget: Budget,
    known: set[int],
    left_usd: float | None,
) -> int:
    """How many new labels what is left of the budget is likely to buy."""
    new = [row for row in material.open_rows.tolist() if row not in known]
    priced = material.texts(new[:: max(1, len(new) // _TEXTS_PRICED)])
    plan = plan_labels(material.task, teacher, priced, store, budget)
    usd = plan.likely_usd if isinstance(teacher, AskedTeacher) else plan.worst_usd
    if left_usd is None or not usd:
        return len(new)
    each = usd / plan.texts
    allowed = int(left_usd / each)
    if not (allowed or known):
        raise UsageError(
            f"what is left of the budget, ${left_usd:,.6f}, does not buy a label of about "
            f"${each:,.6f}: give a larger --budget; what earlier runs spent counts too"
        )
    return allowed


def _chosen_order(material: Material, l2: float) -> list[int]:
    """All open inputs, the one whose soft label is worth most first."""
    rows = _one_a_group_and_the_open(material)
    probabilities = held_out_probabilities(material, rows, l2)
    is_open = np.isin(rows, material.open_rows)
    answers = material.pool.answers[rows[is_open]]
    learned_from = material.learned_from
    with_label = learned_from[material.labelled[learned_from]]
    has = np.bincount(material.pool.answers[with_label], minlength=len(material.task.labels))
    order = pick(worth(probabilities[is_open], answers), answers, has)
    found: list[int] = rows[is_open][order].tolist()
    return found


def _one_a_group_and_the_open(material: Material) -> NDArray[np.int64]:
    rows = material.learned_from
    others = rows[~np.isin(material.group[rows], material.group[material.open_rows])]
    _, first_at = np.unique(material.group[others], return_index=True)
    return np.sort(np.concatenate([material.open_rows, others[first_at]]))


def _control_order(material: Material, seed: int) -> list[int]:
    drawn = np.random.default_rng([seed, 0]).permutation(material.open_rows)
    of_training = np.isin(drawn, material.training)
    return alternate(drawn[of_training].tolist(), drawn[~of_training].tolist())
