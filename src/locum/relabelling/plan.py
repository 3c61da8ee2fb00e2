"""Which inputs would be asked about, and what that would cost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError
from locum.relabelling.acquisition import Basket, alternate, fill_basket, pick, worth
from locum.relabelling.funds import Funds, find_funds
from locum.relabelling.material import Material, find_material
from locum.relabelling.students import choose_penalty, held_out_probabilities
from locum.teachers import AskedTeacher, LabellingPlan, plan_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from locum.relabelling.purchases import Purchase
    from locum.schema import Example, Task
    from locum.store import LabelStore
    from locum.teachers import Budget, Teacher

__all__ = ["RelabellingPlan", "plan_relabelling"]


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
        orders: All inputs that may be asked about, in the order of their worth and at random; at
            random also those that were chosen in earlier runs.
        control_share: Share of the labels that is drawn at random.
        known: Inputs that the teacher answered before, as in a run that was stopped.
        basket: Those that would be asked about.
        labels: What the calls would take.
        funds: What may be spent on them.
        most: New labels at most, whatever the budget.
        l2: Penalty that suits students of the recorded answers.
        seed: Seed of splits and draws.
        shortage: Why nothing is asked about, though labels of earlier runs may be measured.
    """

    material: Material
    orders: Orders
    control_share: float
    known: set[int]
    basket: Basket
    labels: LabellingPlan
    funds: Funds
    most: int | None
    l2: float
    seed: int
    shortage: str | None

    def fill(self, new: int) -> Basket:
        """Return what is asked about if so many new labels can be bought."""
        allowed = new if self.most is None else min(new, self.most)
        bought = self.material.earlier.keys()
        return fill_basket(*self.orders, self.control_share, self.known, allowed, bought)


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
    purchases: Mapping[str, Purchase] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> RelabellingPlan:
    """Choose inputs whose soft label matters most, and as a control some at random.

    Half of the control's inputs are of the train split, where they are compared with chosen ones;
    the other half are of the validation split, where they show what the teacher's distributions
    are. How many inputs there are follows what is left of the budget, what a call is likely to cost
    and what the last one may cost at most; the ledger holds the budget in any case. Where nothing
    can be bought, nothing is asked about, and labels of earlier runs are measured.

    Args:
        task: What is asked.
        teacher: Who is asked.
        examples: Inputs with recorded answers.
        store: Where answers and spending are kept.
        budget: What the labels may cost, earlier runs included.
        control: Share of them that is drawn at random.
        most: Calls for new labels at most, whatever the budget.
        seed: Seed of the splits, as distillation has it, and of the draws.
        purchases: How inputs of a file came to their soft labels, by text.
        told: Is told what is being done.

    Raises:
        InputError: As `find_material`.
        UsageError: What is left of the budget buys nothing and nothing was bought before, a value
            is out of range, or the price is not known and there is a budget.
    """
    if not 0 <= control < 1 or (most is not None and most < 1) or seed < 0:
        raise UsageError(
            f"control={control}, most={most}, seed={seed}: expected a share from 0 to less than 1, "
            "at least one label, and a seed of zero or more"
        )
    told("grouping near-copies and splitting")
    material = find_material(task, examples, store, seed, purchases)
    known = _known_rows(material, teacher, store)
    new = [row for row in material.open_rows.tolist() if row not in known]
    funds = find_funds(task, teacher, material.texts(new), store, budget)
    shortage = _shortage(material, known, funds)
    if shortage is not None and material.open_rows.size and not material.earlier:
        raise UsageError(shortage)
    plan = RelabellingPlan(
        material,
        Orders([], []),
        control,
        known,
        Basket([], [], []),
        LabellingPlan(0, []),
        funds,
        most,
        choose_penalty(material, told),
        seed,
        shortage,
    )
    if shortage is not None:
        return plan
    told(f"looking for the inputs that matter among {len(material.open_rows):,}")
    chosen = _chosen_order(material, plan.l2)
    plan = plan._replace(orders=Orders(chosen, _control_order(material, seed) if control else []))
    allowed = funds.buys(funds.likely_usd)
    basket = plan.fill(len(new) if allowed is None else allowed)
    labels = plan_labels(task, teacher, material.texts(basket.rows), store, budget)
    return plan._replace(basket=basket, labels=labels)


def _known_rows(material: Material, teacher: Teacher, store: LabelStore) -> set[int]:
    """Open inputs that the teacher answered before, as in a run that was stopped."""
    if not isinstance(teacher, AskedTeacher):
        return set()
    rows = material.open_rows.tolist()
    keys = [teacher.identify(material.task, text) for text in material.texts(rows)]
    known = store.find(keys)
    return {row for row, key in zip(rows, keys, strict=True) if key in known}


def _shortage(material: Material, known: set[int], funds: Funds) -> str | None:
    """Why nothing can be bought or taken up."""
    if not material.open_rows.size:
        return (
            f"each of the {len(material.learned_from):,} inputs to learn from has a soft label, or "
            "is a near-copy of one that has: there is nothing to buy"
        )
    if known or funds.buys(funds.likely_usd) != 0:
        return None
    return f"{funds.shortage()}; give a larger --budget to buy more"


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
    """All inputs that were not drawn yet, at random; in each run in the same order.

    Those that were chosen before are drawn as any others: without them, what is drawn would be no
    picture of all inputs. Those that were drawn before keep their place until the splits have been
    joined, so that the next run goes on with the split whose turn it is.
    """
    examples = material.pool.examples

    def place(row: int) -> bytes:
        return hashlib.sha256(f"{seed} {examples[row].text}".encode()).digest()

    order = sorted({*material.open_rows.tolist(), *material.earlier}, key=place)
    training = set(material.training.tolist())
    joined = alternate(
        [row for row in order if row in training], [row for row in order if row not in training]
    )
    drawn = {row for row, one in material.earlier.items() if one.control is not None}
    return [row for row in joined if row not in drawn]
