"""How inputs came to their soft labels: remembered, so that the gain can be shown again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

import orjson
from pydantic import NonNegativeFloat, NonNegativeInt, TypeAdapter, ValidationError

from locum.schema import TeacherAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.relabelling.acquisition import Basket
    from locum.schema import Task
    from locum.store import LabelStore

__all__ = ["Purchase", "add_basket", "find_purchases", "in_order", "keep_purchases", "to_purchase"]


class Purchase(NamedTuple):
    """How an input came to its soft label.

    Args:
        chosen: Its place among the chosen ones of all runs, from 0; ``None`` if it is none.
        control: Likewise among those drawn at random; an input may be both.
        usd: What the label cost, in US dollars.
    """

    chosen: NonNegativeInt | None
    control: NonNegativeInt | None
    usd: NonNegativeFloat


_Arm = Literal["chosen", "control"]
_PURCHASE = TypeAdapter(Purchase)


def to_purchase(value: object) -> Purchase | None:
    """Return the purchase that an object by field holds; ``None`` where it holds none."""
    try:
        return _PURCHASE.validate_python(value)
    except ValidationError:
        return None


def add_basket(
    earlier: Mapping[int, Purchase], basket: Basket, costs: Mapping[int, float]
) -> dict[int, Purchase]:
    """Return the purchases of earlier runs and of this one, by row.

    Args:
        earlier: Those of earlier runs; one of them that is drawn now belongs to both arms.
        basket: What this run wanted.
        costs: What each of its labels cost that it got, in US dollars.
    """
    found = {row: Purchase(None, None, usd) for row, usd in costs.items()} | dict(earlier)
    chosen = [row for row in basket.chosen if row in found]
    for place, row in enumerate(chosen, _next_place(earlier, "chosen")):
        found[row] = found[row]._replace(chosen=place)
    control = [row for row in basket.control if row in found]
    for place, row in enumerate(control, _next_place(earlier, "control")):
        found[row] = found[row]._replace(control=place)
    return found


def _next_place(purchases: Mapping[int, Purchase], arm: _Arm) -> int:
    places = [getattr(purchase, arm) for purchase in purchases.values()]
    return 1 + max((place for place in places if place is not None), default=-1)


def in_order(purchases: Mapping[int, Purchase], arm: _Arm) -> list[int]:
    """Return the rows of an arm, the one that was wanted first before the others."""
    places = {row: getattr(purchase, arm) for row, purchase in purchases.items()}
    return sorted((row for row in places if places[row] is not None), key=places.__getitem__)


def keep_purchases(store: LabelStore, task: Task, purchases: Mapping[str, Purchase]) -> None:
    """Remember purchases for recorded calls, by their ids; each goes when its call does.

    Raises:
        InputError: The store cannot be written.
    """
    store.add_for_calls(
        {
            _key(task, call_id): (call_id, TeacherAnswer(orjson.dumps(one._asdict()).decode()))
            for call_id, one in purchases.items()
        }
    )


def find_purchases(store: LabelStore, task: Task, call_ids: Sequence[str]) -> dict[str, Purchase]:
    """Return what `keep_purchases` remembered for the task's label set, by the id of the call.

    Raises:
        InputError: The store cannot be read.
    """
    keyed = {_key(task, call_id): call_id for call_id in call_ids}
    kept = store.find(list(keyed))
    found = {keyed[key]: to_purchase(orjson.loads(kept[key].text)) for key in kept}
    return {call_id: purchase for call_id, purchase in found.items() if purchase is not None}


def _key(task: Task, call_id: str) -> str:
    named = ["relabelled", task.name, task.labels, call_id]
    return hashlib.sha256(orjson.dumps(named)).hexdigest()
