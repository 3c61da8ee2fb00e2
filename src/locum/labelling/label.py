"""Label what a task has no probabilities of yet."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import TeacherError
from locum.labelling.call_labels import find_call_labels
from locum.teachers import (
    AskedTeacher,
    BatchTeacher,
    LabellingDesk,
    LabelParser,
    Tally,
    plan_labels,
    read_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from locum.schema import Example, Task, TeacherAnswer
    from locum.store import Balance, LabelStore
    from locum.teachers import Budget, LabellingPlan, LabellingProgress, Teacher

__all__ = [
    "ASKED_FIRST",
    "LabelledTask",
    "calls_by_text",
    "count_labelled",
    "human_labels",
    "keep_for_calls",
    "label_task",
    "plan_task",
    "require_probabilities",
    "unlabelled",
]

ASKED_FIRST = 20
"""Of recorded calls as many are asked about alone: their answers tell whether more are of use."""

_TEXTS_AT_ONCE = 20_000


class LabelledTask(NamedTuple):
    """What a labelling run did.

    Args:
        teacher: Who was asked.
        texts: Inputs that were to be labelled.
        labelled: Different ones of them that have a label now.
        tally: Counts of its calls.
        balance: Where the task's account stands after it.
        seconds: How long it took.
        notes: What should be known of it, a sentence each.
    """

    teacher: str
    texts: int
    labelled: int
    tally: Tally
    balance: Balance
    seconds: float
    notes: list[str]


class Unlabelled(NamedTuple):
    """Inputs for which probabilities are still to be had.

    Args:
        examples: The inputs.
        notes: What should be known of what was bought for others, a sentence each.
    """

    examples: list[Example]
    notes: list[str]


def unlabelled(
    task: Task, examples: Sequence[Example], store: LabelStore, *, anew: bool = False
) -> Unlabelled:
    """Return the inputs for which probabilities are still to be had.

    Those are inputs without an answer, and recorded calls with an answer alone, or with part of
    what makes up a soft label. With ``anew`` calls whose soft label was bought are among them:
    another teacher may be asked, and what this one said is known.
    """
    looked_up = [] if anew else examples
    bought, notes = find_call_labels(task, looked_up, store, finished=True)
    left = [
        example
        for example in examples
        if example.distribution is None
        and example.positions is None
        and (example.answer is None or example.call_id is not None)
        and example.call_id not in bought
    ]
    return Unlabelled(left, notes)


def plan_task(
    task: Task,
    teacher: Teacher,
    examples: Sequence[Example],
    store: LabelStore,
    budget: Budget,
    *,
    anew: bool = False,
) -> LabellingPlan:
    """Return what labelling a task would ask and cost; ``anew`` as for `label_task`.

    Raises:
        InputError: The store cannot be read.
    """
    wanted, notes = unlabelled(task, examples, store, anew=anew)
    plan = plan_labels(task, teacher, [example.text for example in wanted], store, budget)
    return plan._replace(notes=tuple(notes))


def label_task(
    task: Task,
    teacher: Teacher,
    examples: Sequence[Example],
    store: LabelStore,
    budget: Budget,
    progress: Callable[[LabellingProgress], None],
    *,
    anew: bool = False,
) -> LabelledTask:
    """Ask a teacher about the inputs of a task, and keep its answers.

    Inputs go through some thousands at a time, so that memory stays bounded; those that go into
    batches, or that several answers are counted of, at once.

    Args:
        task: What is asked.
        teacher: Who is asked.
        examples: Inputs with what is known of them.
        store: Where answers and spending are kept.
        budget: What the labels may cost.
        progress: Is told how far the calls are.
        anew: Whether recorded calls get new soft labels in the place of those bought before.

    Raises:
        TeacherError: The teacher fails altogether, or gives no probabilities for recorded calls.
        InputError: The store cannot be used.
        UsageError: There is a cap, and no price.
    """
    started = time.monotonic()
    wanted = unlabelled(task, examples, store, anew=anew).examples
    human = human_labels(task, wanted)
    left = {example.call_id for example in wanted}
    of_calls = [e.text for e in examples if e.call_id is not None and e.call_id not in left]
    labelled, different = 0, len({example.text for example in wanted})

    def tell(told: LabellingProgress) -> None:
        progress(told._replace(wanted=max(told.wanted, different)))

    stems = calls_by_text(wanted)
    with LabellingDesk(task, store, budget, tell, human, of_calls, stems) as desk:
        for some in _in_parts(teacher, wanted):
            # Where the budget has ended, what is known of the others is taken all the same.
            desk.closed = desk.tally.unasked > 0
            desk.unfinished.clear()
            try:
                answers = teacher.label(task, [example.text for example in some], desk)
            except BaseException:
                _keep_what_came(task, teacher, some, store, human)
                raise
            keep_for_calls(task, some, answers, store, desk.unfinished)
            require_probabilities(task, teacher, _of_calls(some, answers).values())
            labelled += count_labelled(task, [example.text for example in some], answers)
        balance = desk.balance()
    nothing = "every input has its label, or came with an answer: nothing to buy"
    again = "; --anew asks about recorded calls again" if of_calls else ""
    done = [] if wanted else [nothing + again]
    notes = [*done, *desk.tally.notes(), *_told_by(teacher)]
    seconds = time.monotonic() - started
    return LabelledTask(teacher.name, len(wanted), labelled, desk.tally, balance, seconds, notes)


def _in_parts(teacher: Teacher, examples: Sequence[Example]) -> list[list[Example]]:
    """Divide inputs into those that are asked about together, in the order of their texts.

    Equal texts are asked about once, so they stay together. Batches are answered within a day, so
    that one after another would take days.
    """
    by_text: dict[str, list[Example]] = {}
    for example in examples:
        by_text.setdefault(example.text, []).append(example)
    equal = list(by_text.values())
    if isinstance(teacher, AskedTeacher) and not isinstance(teacher, BatchTeacher):
        first = ASKED_FIRST if any(e.call_id is not None for e in examples) else 0
        starts = range(first, len(equal), _TEXTS_AT_ONCE)
        parts = [equal[:first], *(equal[at : at + _TEXTS_AT_ONCE] for at in starts)]
    else:
        parts = [equal]
    return [list(chain.from_iterable(part)) for part in parts if part]


def require_probabilities(
    task: Task, teacher: Teacher, answers: Iterable[TeacherAnswer | None]
) -> None:
    """Refuse to go on where answers to recorded calls say no more than the recorded ones.

    Raises:
        TeacherError: There are labels among them, and none of them has probabilities.
    """
    parse = LabelParser(task.labels)
    labels = [one for one in answers if one is not None and parse(one.text) is not None]
    if labels and not any(answer.distribution for answer in labels):
        raise TeacherError(
            f"the first {len(labels):,} answers of {teacher.name} came without probabilities, and "
            "recorded answers are there already: use a model and an API with log-probabilities "
            "(--top-logprobs 20), or ask several times (--votes 3-8)"
        )


def _keep_what_came(
    task: Task,
    teacher: Teacher,
    examples: Sequence[Example],
    store: LabelStore,
    human: Mapping[str, int],
) -> None:
    """Keep what a run that ends early has bought, so that it counts before another goes on."""
    of_calls = [example for example in examples if example.call_id is not None]
    known = read_labels(task, teacher, [one.text for one in of_calls], store, human)
    keep_for_calls(task, of_calls, known.answers, store, known.unfinished)


def keep_for_calls(
    task: Task,
    examples: Sequence[Example],
    answers: Sequence[TeacherAnswer | None],
    store: LabelStore,
    unfinished: Collection[str] = (),
) -> None:
    """Keep answers to the inputs of recorded calls as these calls' soft labels.

    Where some have probabilities, those without were asked about in vain, and are not asked about
    again. Where none has, nothing is kept: they say no more than the recorded answers.

    Args:
        task: What was asked.
        examples: The inputs.
        answers: To each of them.
        store: Where they are kept.
        unfinished: Texts of which more is to be asked.
    """
    found = _of_calls(examples, answers)
    if any(answer.distribution for answer in found.values()):
        left = {e.call_id for e in examples if e.call_id is not None and e.text in unfinished}
        store.add_soft_labels(task.labels, found, left)


def count_labelled(
    task: Task, texts: Sequence[str], answers: Sequence[TeacherAnswer | None]
) -> int:
    """Return how many different texts are answered with a label of the task."""
    parse = LabelParser(task.labels)
    return len(
        {
            text
            for text, answer in zip(texts, answers, strict=True)
            if answer is not None and not answer.refused and parse(answer.text) is not None
        }
    )


def _of_calls(
    examples: Sequence[Example], answers: Sequence[TeacherAnswer | None]
) -> dict[str, TeacherAnswer]:
    """The answers to recorded calls, by the id of the call."""
    return {
        example.call_id: answer
        for example, answer in zip(examples, answers, strict=True)
        if example.call_id is not None and answer is not None
    }


def calls_by_text(examples: Sequence[Example]) -> dict[str, list[str]]:
    """Return the ids of the recorded calls that texts stem from, by text."""
    calls: defaultdict[str, list[str]] = defaultdict(list)
    for example in examples:
        if example.call_id is not None:
            calls[example.text].append(example.call_id)
    return dict(calls)


def human_labels(task: Task, examples: Sequence[Example]) -> dict[str, int]:
    """Return people's labels by text, but for inputs of a test set that its owner chose."""
    parse = LabelParser(task.labels)
    found = {e.text: parse(e.human) for e in examples if e.human is not None and not e.held_out}
    return {text: label for text, label in found.items() if label is not None}


def _told_by(teacher: Teacher) -> list[str]:
    """What a teacher of several answers found out about them."""
    from locum.teachers import Panel, Votes

    if isinstance(teacher, Votes):
        return teacher.majority.notes()
    if isinstance(teacher, Panel):
        return [teacher.how]
    return []
