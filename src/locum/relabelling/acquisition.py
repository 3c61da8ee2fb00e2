"""Which inputs are worth a soft label, as pure functions."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

__all__ = ["Basket", "alternate", "entropy", "fill_basket", "pick", "worth"]

_UNCERTAINTY_WEIGHT = 0.5


class Basket(NamedTuple):
    """What is bought, and for whom; an input that both arms want is bought once.

    Args:
        rows: Everything, in the order in which it is to be asked.
        chosen: Of it, what was chosen, the best first.
        control: Of it, and of what was bought before, what was drawn at random to compare with.
    """

    rows: list[int]
    chosen: list[int]
    control: list[int]


def entropy(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``-sum p log p / log C`` of each row, between 0 and 1."""
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1.0).astype(np.float64))
    spread = -(probabilities * logarithms).sum(axis=1)
    found: NDArray[np.float64] = np.clip(spread / np.log(probabilities.shape[1]), 0.0, 1.0)
    return found


def worth(probabilities: NDArray[np.floating], answers: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return what a soft label of each input is worth: ``1 - p[answer] + entropy(p) / 2``.

    The first term is how far a student that did not learn from the input disagrees with the
    recorded answer: a surprising answer is a close call, or a mistake, and its soft label says
    which. Alone it would only ever soften what the student doubts already, and so pull it towards
    itself; the second term asks about close calls whose answer was no surprise as well.

    Args:
        probabilities: Of a student that did not learn from the input, ``[N, C]``.
        answers: Index of the recorded answer, ``[N]``.
    """
    surprise = 1.0 - probabilities[np.arange(len(answers)), answers]
    found: NDArray[np.float64] = surprise + _UNCERTAINTY_WEIGHT * entropy(probabilities)
    return found


def pick(
    worths: NDArray[np.float64],
    classes: NDArray[np.integer],
    labelled: NDArray[np.integer],
) -> list[int]:
    """Order inputs, the first one being the one to ask about first.

    One after the other, the input with the largest ``worth / sqrt(1 + n)`` is taken, where ``n`` is
    how many soft labels its class has, those taken before included. So each class gets its turn,
    and a rare one gets more than its share.

    Args:
        worths: What a soft label of each input is worth, zero or more, ``[N]``.
        classes: Class of each input, its recorded answer, ``[N]``.
        labelled: Soft labels that each class has already, ``[C]``.
    """
    best_first = np.argsort(-worths, kind="stable")
    queues = [best_first[classes[best_first] == number] for number in range(len(labelled))]
    place = np.zeros(len(labelled), np.int64)
    heads = np.array([worths[queue[0]] if queue.size else -np.inf for queue in queues])
    has = labelled.astype(np.float64)
    order = []
    for _ in range(len(worths)):
        number = int(np.argmax(heads / np.sqrt(1.0 + has)))
        queue = queues[number]
        order.append(int(queue[place[number]]))
        place[number] += 1
        has[number] += 1
        heads[number] = worths[queue[place[number]]] if place[number] < queue.size else -np.inf
    return order


def alternate(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Return one of the first, one of the second, and so on, until both are used up."""
    return [row for pair in zip_longest(first, second) for row in pair if row is not None]


def fill_basket(
    chosen: Sequence[int],
    control: Sequence[int],
    control_share: float,
    known: Collection[int],
    most: int,
    bought: Collection[int] = (),
) -> Basket:
    """Take from both orders in turn, the control's share of all that is taken being as asked for.

    Both arms are then cut off at the same moment wherever the money ends, or nothing is left: where
    all is bought, the first chosen ones can still be compared with random ones.

    Args:
        chosen: Inputs in the order of their worth.
        control: Inputs in a random order.
        control_share: The control's share, between 0 and 1.
        known: Inputs whose answer is known already and costs nothing.
        most: Inputs at most whose answer is not known.
        bought: Inputs of the control's order that have their soft label from an earlier run.
    """
    basket = Basket([], [], [])
    taken = set(bought)
    left = {*chosen, *control} - taken
    paid = 0
    while len(basket.rows) < len(left):
        arm, order = _next_arm(basket, chosen, control, control_share)
        row = order[len(arm)]
        if row not in taken:
            if row not in known and paid == most:
                break
            paid += row not in known
            taken.add(row)
            basket.rows.append(row)
        arm.append(row)
    return basket


def _next_arm(
    basket: Basket, chosen: Sequence[int], control: Sequence[int], control_share: float
) -> tuple[list[int], Sequence[int]]:
    due = control_share * (len(basket.chosen) + len(basket.control) + 1)
    wants_control = len(basket.control) + 1 <= due or len(basket.chosen) == len(chosen)
    if wants_control and len(basket.control) < len(control):
        return basket.control, control
    if len(basket.chosen) < len(chosen):
        return basket.chosen, chosen
    return basket.control, control
