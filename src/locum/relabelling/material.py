"""What of a task's inputs a student learns from, and what of that has no soft label yet."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation.answers import collect_answers
from locum.distillation.pool import Pool, build_pool
from locum.distillation.progress import Silent
from locum.distillation.splitting import split_pool
from locum.errors import InputError
from locum.labelling.call_labels import find_call_labels
from locum.relabelling.purchases import Purchase, find_purchases
from locum.teachers import Budget, LabelParser
from locum.training import Labelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.dataset import SplitRows
    from locum.schema import Example, Task
    from locum.store import LabelStore

__all__ = ["Material", "find_material"]

_LEAST_INPUTS = 50


class Material(NamedTuple):
    """Inputs whose recorded answer is a label, and which of them may be asked about.

    Args:
        task: What is asked.
        pool: The inputs, with what is known of them.
        group: Group of near-copies that each belongs to, ``[N]``.
        training: Row numbers of the train split.
        validation: Those of the validation split.
        labelled: Whether an input has a soft label, or was asked about in vain, ``[N]``.
        open_rows: Inputs to learn from that may be asked about, one of each group of which none
            has a soft label; in ascending order. Among them is none that would be certified or
            tested on once a model has written others after these inputs.
        earlier: Inputs to learn from whose soft label earlier runs bought, by their number.
        copies: The rows to learn from that say word for word the same as an open one or one of
            those, itself included, by its number: they share its soft label.
    """

    task: Task
    pool: Pool
    group: NDArray[np.int64]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    open_rows: NDArray[np.int64]
    earlier: Mapping[int, Purchase]
    copies: Mapping[int, list[int]]

    @property
    def learned_from(self) -> NDArray[np.int64]:
        """Rows of both splits that a student learns from, in ascending order."""
        return np.sort(np.concatenate([self.training, self.validation]))

    def texts(self, rows: Sequence[int]) -> list[str]:
        """The texts of some rows."""
        return [self.pool.examples[row].text for row in rows]

    def take(self, rows: NDArray[np.int64], soft_labels: NDArray[np.float64]) -> Labelled:
        """Some rows as a student learns from them.

        Args:
            rows: Their numbers.
            soft_labels: Of all rows, ``[N, C]``.
        """
        nobody = np.full(len(rows), -1, np.int64)
        texts = self.texts(rows.tolist())
        return Labelled(texts, soft_labels[rows], self.pool.answers[rows], nobody)


def find_material(
    task: Task,
    examples: Sequence[Example],
    store: LabelStore,
    seed: int,
    purchases: Mapping[str, Purchase] | None = None,
) -> Material:
    """Divide inputs as distillation does, and find those without a soft label.

    Inputs of the certify and test splits are never open. Inputs that a model wrote take no part.

    Args:
        task: What is asked.
        examples: The inputs.
        store: Where soft labels of recorded calls are, and how these came to them.
        seed: Seed of the splits.
        purchases: How other inputs came to theirs, by text.

    Raises:
        InputError: No answer is a label, there is one class alone, or the inputs to learn from are
            too few to tell which of them matter.
        UsageError: No input has an answer.
    """
    real = [example for example in examples if not example.synthetic]
    answers = collect_answers(task, real, None, store.database, Budget(), Silent()).answers
    parse = LabelParser(task.labels)
    usable = [answer for answer in answers if answer and parse(answer.text) is not None]
    pool = build_pool(task, real, answers)
    asked = find_call_labels(task, pool.examples, store).answers
    labelled = np.array(
        [
            answer.distribution is not None or example.call_id in asked
            for example, answer in zip(pool.examples, usable, strict=True)
        ],
        np.bool_,
    )
    divided = split_pool(pool, seed)
    training, validation = divided.splits.rows["train"], divided.splits.rows["validation"]
    group, rows = divided.groups.group, _surely_learned_from(pool, divided.splits, seed)
    _check_size(len(training), len(validation), len(np.unique(group)))
    open_rows = _one_a_group(rows, group, labelled)
    soft = np.array([answer.distribution is not None for answer in usable], np.bool_)
    learned_from = np.sort(np.concatenate([training, validation]))
    with_label = learned_from[soft[learned_from]]
    by_text = dict(purchases or {}) | _purchases_of_calls(task, pool.examples, store)
    earlier = _first_with_text(pool.examples, with_label, by_text)
    copies = _copies(pool.examples, rows, open_rows.tolist())
    copies |= _copies(pool.examples, with_label, list(earlier))
    return Material(task, pool, group, training, validation, labelled, open_rows, earlier, copies)


def _purchases_of_calls(
    task: Task, examples: Sequence[Example], store: LabelStore
) -> dict[str, Purchase]:
    text_of = {e.call_id: e.text for e in examples if e.call_id is not None}
    found = find_purchases(store, task, list(text_of))
    return {text_of[call_id]: purchase for call_id, purchase in found.items()}


def _first_with_text(
    examples: Sequence[Example], rows: NDArray[np.int64], by_text: Mapping[str, Purchase]
) -> dict[int, Purchase]:
    first = {examples[row].text: row for row in reversed(rows.tolist())}
    return {first[text]: purchase for text, purchase in by_text.items() if text in first}


def _surely_learned_from(pool: Pool, splits: SplitRows, seed: int) -> NDArray[np.int64]:
    """Rows to learn from whether or not a model is to write other inputs after some of them.

    Where the split is by time, that makes no difference.
    """
    learned_from = np.sort(np.concatenate([splits.rows["train"], splits.rows["validation"]]))
    if splits.by_time:
        return learned_from
    seeded = split_pool(pool, seed, seeded=True).splits.rows
    return np.intersect1d(learned_from, np.concatenate([seeded["train"], seeded["validation"]]))


def _check_size(training: int, validation: int, groups: int) -> None:
    if training + validation < _LEAST_INPUTS:
        raise InputError(
            f"{training + validation:,} inputs to learn from are too few to tell which of them "
            f"matter (at least {_LEAST_INPUTS}): label them all with locum label, or record more "
            "calls"
        )
    if not validation:
        raise InputError(
            f"the {training:,} inputs to learn from are near-copies of one another ({groups:,} "
            "different in all), which leaves none to tell by which of them matter: label them all "
            "with locum label, or record calls that differ"
        )


def _one_a_group(
    rows: NDArray[np.int64], group: NDArray[np.int64], labelled: NDArray[np.bool_]
) -> NDArray[np.int64]:
    left = rows[~np.isin(group[rows], group[rows[labelled[rows]]])]
    _, first_at = np.unique(group[left], return_index=True)
    return left[np.sort(first_at)]


def _copies(
    examples: Sequence[Example], rows: NDArray[np.int64], wanted: Sequence[int]
) -> dict[int, list[int]]:
    by_text: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows.tolist():
        by_text[examples[row].text].append(row)
    return {row: by_text[examples[row].text] for row in wanted}
