"""Which labels a task has, and which of them an answer means."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.schema import is_one_line, plain_key

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        left_out: Answers of several lines, which are no label, with how often each was given.
    """

    labels: tuple[str, ...]
    merged: dict[str, str]
    left_out: dict[str, int]


def infer_labels(answers: Sequence[str]) -> InferredLabels:
    """Return the labels that occur in recorded answers, of which each is one line.

    Raises:
        InputError: There is no answer, all are the same, none is one line, or there are so many
            different ones that the answers are no closed label set.
    """
    spellings = Counter(answer.strip() for answer in answers)
    del spellings[""]
    if not spellings:
        raise InputError(
            "no row has a teacher's answer, so the labels are not known: say which column holds "
            "the answers (--column answer=NAME), or which labels there are (--labels, or a task in "
            "locum.toml); for answers in JSON, give locum distill their --schema"
        )
    alike: dict[str, list[str]] = {}
    for spelling, _ in spellings.most_common():
        alike.setdefault(plain_key(spelling), []).append(spelling)
    found = [(next(filter(is_one_line, same), None), same) for same in alike.values()]
    labels = sorted(label for label, _ in found if label is not None)
    _check_closed([same[0] for same in alike.values()], labels, spellings.total())
    merged, left_out = dict[str, str](), dict[str, int]()
    for label, same in found:
        if label is None:
            left_out |= {spelling: spellings[spelling] for spelling in same}
        else:
            merged |= {spelling: label for spelling in same if spelling != label}
    return InferredLabels(tuple(labels), merged, left_out)


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


def _check_closed(different: Sequence[str], labels: Sequence[str], rows: int) -> None:
    """Refuse what is no closed label set: different answers, of which some are labels."""
    if len(different) > 1 and _is_open(len(different), rows):
        raise InputError(
            f"{rows:,} answers hold {len(different):,} different ones, such as {different[0]!r} "
            f"and {different[1]!r}: this is not a closed label set (at most {_MOST_LABELS:,} "
            f"labels, at least {_LEAST_ROWS_PER_LABEL:g} rows a label)"
        )
    if len(labels) > 1:
        return
    if labels:
        which = "every answer" if len(different) == 1 else "every answer of one line"
        raise InputError(
            f"{which} is {labels[0]!r}: with one class there is nothing to decide; give calls with "
            "at least two different answers"
        )
    raise InputError(
        f"every answer is of several lines, such as {different[0]!r}, and a label is one "
        "line: ask the model for the label alone, or say which labels there are (--labels, or a "
        "task in locum.toml)"
    )


def _is_open(labels: int, rows: int) -> bool:
    return labels > _MOST_LABELS or rows < _LEAST_ROWS_PER_LABEL * labels
