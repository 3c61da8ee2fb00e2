"""The soft labels that were bought for recorded calls, as far as they fit a task."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from locum.teachers import LabelParser

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from locum.schema import Example, Task, TeacherAnswer
    from locum.store import LabelStore

__all__ = ["CallLabels", "find_call_labels"]

_SHOWN = 3


class CallLabels(NamedTuple):
    """What was bought for recorded calls.

    Args:
        answers: By the id of the call; distributions over the task's labels.
        notes: What should be known of them, a sentence each.
    """

    answers: dict[str, TeacherAnswer]
    notes: list[str]


def find_call_labels(
    task: Task, examples: Sequence[Example], store: LabelStore, *, finished: bool = False
) -> CallLabels:
    """Return the soft labels of recorded calls that fit a task.

    Those fit that were asked about some of its labels alone, as where a label came up later, unless
    what was recorded is one of the others.

    Args:
        task: What is asked.
        examples: The inputs.
        store: Where soft labels are kept.
        finished: Leave out what stands in for what is to be asked yet.

    Raises:
        InputError: The store cannot be read.
    """
    parse = LabelParser(task.labels)
    recorded = {e.call_id: e.answer for e in examples if e.call_id is not None}
    answers, missing, unused = store.soft_labels_of(task.labels, list(recorded), finished=finished)
    for call_id, lacking in list(missing.items()):
        said = parse(recorded[call_id] or "")
        if said is not None and task.labels[said] in lacking:
            del answers[call_id], missing[call_id]
    notes = []
    if missing:
        among = _shown(task.labels, missing.values())
        notes.append(
            f"soft labels of {len(missing):,} of {len(answers):,} calls were bought without "
            f"{among} among the labels, so that its probability is 0 there: locum label "
            f"{task.name} --anew asks about them again"
        )
    if unused:
        strange = sorted(set(chain.from_iterable(unused.values())))
        notes.append(
            f"soft labels of {len(unused):,} calls are not used: they were bought with "
            f"{_shown(strange, unused.values())} among the labels, which the task has not; "
            "--labels with all of them uses these again"
        )
    return CallLabels(answers, notes)


def _shown(labels: Sequence[str], named: Iterable[Collection[str]]) -> str:
    """The labels that are named most often, in words."""
    counts = Counter(chain.from_iterable(named))
    found = sorted(filter(counts.__contains__, labels), key=lambda label: -counts[label])
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return ", ".join(repr(label) for label in found[:_SHOWN]) + more
