"""Which labels a task has, and which of them an answer means."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.schema import plain_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import Example

__all__ = ["InferredLabels", "are_free_text", "infer_labels", "likely_answer"]

_MOST_LABELS = 1000
_LEAST_ROWS_PER_LABEL = 2.0


class InferredLabels(NamedTuple):
    """The label set that answers share.

    Args:
        labels: Sorted; of spellings that differ in case, spaces, quotes, asterisks or a full
            stop around them alone, the most frequent one.
        merged: The other spellings, with the label that each now counts as.
    """

    labels: tuple[str, ...]
    merged: dict[str, str]


def infer_labels(answers: Sequence[str]) -> InferredLabels:
    """Return the labels that occur in recorded answers.

    Raises:
        InputError: There is no answer, all are the same, or there are so many different ones that
            the answers are no closed label set.
    """
    spellings = Counter(answer.strip() for answer in answers)
    del spellings[""]
    if not spellings:
        raise InputError(
            "no row has a teacher's answer, so the labels are not known: say which column holds "
            "the answers (--column answer=NAME), or which labels there are (--labels, or a task in "
            "locum.toml); for answers in JSON, give locum distill their --schema"
        )
    label_of: dict[str, str] = {}
    for spelling, _ in spellings.most_common():
        label_of.setdefault(plain_key(spelling), spelling)
    _check_closed(list(label_of.values()), spellings)
    merged = {
        spelling: label_of[plain_key(spelling)]
        for spelling in spellings
        if label_of[plain_key(spelling)] != spelling
    }
    return InferredLabels(tuple(sorted(label_of.values())), merged)


def are_free_text(answers: Sequence[str]) -> bool:
    """Tell whether recorded answers are so many different ones that they are no closed label set.

    Spellings that `infer_labels` merges count as one.
    """
    spellings = Counter(answer.strip() for answer in answers if answer.strip())
    return _is_open(len(set(map(plain_key, spellings))), spellings.total())


def likely_answer(example: Example) -> str | None:
    """Return an example's answer, or the one that its distribution makes most probable."""
    if example.answer is not None or not example.distribution:
        return example.answer
    return max(example.distribution, key=example.distribution.__getitem__)


def _check_closed(labels: Iterable[str], spellings: Counter[str]) -> None:
    labels = list(labels)
    if len(labels) == 1:
        raise InputError(
            f"every answer is {labels[0]!r}: with one class there is nothing to decide; give calls "
            "with at least two different answers"
        )
    rows = spellings.total()
    if _is_open(len(labels), rows):
        raise InputError(
            f"{rows:,} answers hold {len(labels):,} different ones, such as {labels[0]!r} and "
            f"{labels[1]!r}: this is not a closed label set (at most {_MOST_LABELS:,} labels, at "
            f"least {_LEAST_ROWS_PER_LABEL:g} rows a label)"
        )


def _is_open(labels: int, rows: int) -> bool:
    return labels > _MOST_LABELS or rows < _LEAST_ROWS_PER_LABEL * labels
