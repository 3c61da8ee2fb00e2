"""The model that writes new inputs, and what that takes."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.labelling.material import Material
from locum.labelling.writing import Writing, read_synthetic
from locum.prices import Tokens
from locum.teachers import Panel, Votes, plan_labels
from locum.teachers.http import HttpTeacher
from locum.teachers.planning import PlannedTeacher, sum_known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.labelling.writing import Wish, WritingPrompt
    from locum.schema import Example, Task
    from locum.store import LabelStore
    from locum.teachers import Budget, LabellingPlan, Teacher

__all__ = ["GenerationPlan", "find_writer", "plan_generation", "set_up_writer"]

_TEMPERATURE = 1.0
_BYTES_A_TOKEN = 4
_TOKENS_BETWEEN_TEXTS = 4
_LENGTH_PARAMETERS = ("max_tokens", "max_completion_tokens")


class GenerationPlan(NamedTuple):
    """What a run would do, if every text that is written is new.

    Args:
        texts: Texts that are lacking.
        writing: What the writer would be asked; ``None`` where nothing is lacking.
        labels: What the teacher would be asked.
    """

    texts: int
    writing: PlannedTeacher | None
    labels: LabellingPlan

    @property
    def teachers(self) -> list[PlannedTeacher]:
        """All that would be asked, the writer first."""
        return [*([self.writing] if self.writing else []), *self.labels.teachers]

    @property
    def likely_usd(self) -> float | None:
        """About what it would cost; ``None`` where a price is not known."""
        return sum_known(one.likely_usd for one in self.teachers)

    @property
    def likely_usd_at_most(self) -> float | None:
        """About what it would cost if all that may be asked were; ``None`` likewise."""
        return sum_known(one.likely_usd_at_most for one in self.teachers)

    @property
    def worst_usd(self) -> float | None:
        """What the same calls would cost at most; ``None`` where a price is not known."""
        return sum_known(one.worst_usd for one in self.teachers)


def find_writer(teacher: Teacher) -> HttpTeacher:
    """Return the model behind an API that a teacher asks; of a panel's members the first such.

    Raises:
        UsageError: There is none.
    """
    if isinstance(teacher, HttpTeacher):
        return teacher
    if isinstance(teacher, Votes):
        return find_writer(teacher.teacher)
    members = teacher.teachers if isinstance(teacher, Panel) else ()
    for member in members:
        if isinstance(member, (HttpTeacher, Votes)):
            return find_writer(member)
    raise UsageError(
        f"{teacher.name!r} cannot write texts: that takes a model behind an API that is asked call "
        "by call; say which: --writer URL and --writer-model NAME"
    )


def set_up_writer(writer: HttpTeacher, material: Material) -> HttpTeacher:
    """Return a teacher as a writer, with room for texts where that for labels was limited."""
    tokens = material.sizes.answer_tokens
    asked = writer.as_writer(max_tokens=tokens, temperature=_TEMPERATURE)
    longer = {
        name: max(tokens, value)
        for name in _LENGTH_PARAMETERS
        if isinstance(value := writer.parameters.get(name), int)
    }
    asked.parameters = {**writer.parameters, **longer}
    return asked


def plan_generation(
    task: Task,
    teacher: Teacher,
    writer: HttpTeacher,
    examples: Sequence[Example],
    path: Path,
    store: LabelStore,
    budget: Budget,
    wish: Wish,
) -> GenerationPlan:
    """Return what it takes to write and label, if every text that is written is new.

    Raises:
        InputError: The real inputs are too few, or a file cannot be read.
        UsageError: A price is not known, and there is a cap; or a number is out of range.
    """
    wish.check()
    material = Material.of(task, teacher, examples, store)
    rows = read_synthetic(path)
    writing = Writing(task, material, wish, rows)
    count = sum(writing.lacking.values())
    prompts = writing.next_round()
    planned = None
    if prompts:
        calls = max(len(prompts), math.ceil(count / material.sizes.texts_a_prompt))
        asked = set_up_writer(writer, material)
        planned = _plan_writing(task, asked, material, prompts, calls, store, budget)
    texts = [row.text for row in rows]
    # They stand for texts that nobody knows yet: as long as real ones, and not labelled before.
    texts += [f"{number} {material.texts[number % len(material.texts)]}" for number in range(count)]
    return GenerationPlan(count, planned, plan_labels(task, teacher, texts, store, budget))


def _plan_writing(
    task: Task,
    writer: HttpTeacher,
    material: Material,
    prompts: Sequence[WritingPrompt],
    calls: int,
    store: LabelStore,
    budget: Budget,
) -> PlannedTeacher:
    known = len(store.find([writer.identify(task, p.text, p.draw) for p in prompts]))
    worst = [writer.worst_case(task, prompt.text) for prompt in prompts]
    most = Tokens(math.ceil(fmean(one.input for one in worst)), max(one.output for one in worst))
    size = fmean(len(text.encode("utf-8", "surrogatepass")) for text in material.texts)
    each = _TOKENS_BETWEEN_TEXTS + size / _BYTES_A_TOKEN
    output = min(most.output, round(material.sizes.texts_a_prompt * each))
    likely = Tokens(most.input // _BYTES_A_TOKEN, output)
    price, open_calls = budget.price_of(writer), calls - known
    likely_usd, worst_usd = (
        None if price is None else open_calls * price.cost_usd(tokens) for tokens in (likely, most)
    )
    tokens = Tokens(open_calls * likely.input, open_calls * likely.output)
    return PlannedTeacher(writer.name, open_calls, open_calls, known, tokens, likely_usd, worst_usd)
