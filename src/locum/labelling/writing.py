"""Rounds of prompts that ask a model for new inputs, until there are enough."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from locum.dataset import WrittenExample, read_examples, seed_name
from locum.errors import InputError, UsageError
from locum.labelling.acceptance import accept
from locum.labelling.material import share_out
from locum.labelling.writing_prompts import WritingOrder, build_writing_prompt, find_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from locum.labelling.material import Balance, Material
    from locum.schema import Example, Task, TeacherAnswer

__all__ = ["Wish", "Writing", "WritingPrompt", "read_synthetic"]

_SEEDS = 6
_SHOWN_WRITTEN = 8
_FRUITLESS_ROUNDS = 3
_PROMPTS_WITHOUT_A_LOOK = 4
_TIMES_THE_WANTED = 2

T = TypeVar("T")


class Wish(NamedTuple):
    """How many synthetic inputs there are to be.

    Args:
        texts: In all, those of earlier runs included.
        balance: As many for each label, or as many as traffic has.
        seed: Seed of what the prompts show.
    """

    texts: int
    balance: Balance = "even"
    seed: int = 0

    def check(self) -> None:
        """Refuse numbers out of range.

        Raises:
            UsageError: There is one.
        """
        if self.texts < 1 or self.seed < 0:
            raise UsageError(
                f"{self.texts} texts, seed {self.seed}: expected at least one text, and a seed of "
                "zero or more"
            )


def read_synthetic(path: Path) -> list[WrittenExample]:
    """Return the synthetic inputs of a file; none where there is no file.

    Raises:
        InputError: It cannot be read, or holds something else.
    """
    if not path.is_file():
        return []
    read = read_examples(path)
    rows = [example for example in read.examples if isinstance(example, WrittenExample)]
    other = len(read.examples) - len(rows)
    wrong = [*read.skipped.describe(), *read.unread]
    if wrong or other:
        wrong = wrong or [f"{other:,} rows are not synthetic"]
        raise InputError(f"{path}: {'; '.join(wrong)}: mend or remove them")
    return rows


class WritingPrompt(NamedTuple):
    """One question to a writer.

    Args:
        text: The prompt.
        draw: Which of several answers to the same prompt is wanted.
        label: The label that the texts are to have.
        wanted: How many texts.
        seeds: The real inputs that it shows.
    """

    text: str
    draw: int
    label: str
    wanted: int
    seeds: tuple[Example, ...]


class Writing:
    """The texts that are there, and what to ask for next.

    A round asks for about half of what a label lacks, so that later prompts can name what is
    written already. What it asks depends on the texts that are there and on the seed alone: after a
    run that was stopped, the same questions are known, and the next one goes on from there.

    Args:
        task: What the texts are for.
        material: The real inputs.
        wish: How many texts there are to be.
        rows: Those that are there.
        clean: What is done to each text before it is looked at.

    Attributes:
        rows: All texts, new ones last.
        prompts: Prompts that were answered.
        unreadable: Of them, those whose answers hold no list of texts.
        rejected: Texts that were not taken, by reason.
    """

    def __init__(
        self,
        task: Task,
        material: Material,
        wish: Wish,
        rows: Sequence[WrittenExample],
        clean: Callable[[str], str] = str,
    ) -> None:
        self.rows = list(rows)
        self.prompts = 0
        self.unreadable = 0
        self.rejected: Counter[str] = Counter()
        self._task = task
        self._material = material
        self._seed = wish.seed
        self._clean = clean
        shares = share_out(wish.texts, wish.balance, material.counts)
        self._targets = dict(zip(task.labels, shares, strict=True))
        self._fruitless = dict.fromkeys(task.labels, 0)

    @property
    def lacking(self) -> dict[str, int]:
        """How many texts each label lacks, where it lacks any."""
        have = Counter(row.asked_label for row in self.rows)
        lacks = {label: count - have[label] for label, count in self._targets.items()}
        return {label: count for label, count in lacks.items() if count > 0}

    def next_round(self) -> list[WritingPrompt]:
        """Return what to ask; nothing where there is enough, or where nothing new comes any more.

        A label of which three rounds brought no new text is given up.
        """
        return [
            prompt
            for label, lacks in self.lacking.items()
            if self._fruitless[label] < _FRUITLESS_ROUNDS
            for prompt in self._prompts(label, lacks)
        ]

    def take(
        self, prompts: Sequence[WritingPrompt], answers: Sequence[TeacherAnswer | None]
    ) -> int:
        """Take what is new in the answers to a round; return how many texts that is."""
        written = [
            example
            for prompt, answer in zip(prompts, answers, strict=True)
            if answer is not None
            for example in self._read(prompt, answer)
        ]
        earlier = [*self._material.texts, *(row.text for row in self.rows)]
        longest, copies = self._material.sizes.longest, self._material.copies
        accepted = accept(written, earlier, self.lacking, longest, copies)
        self.rows += accepted.taken
        self.rejected += accepted.rejected
        fruitful = {example.asked_label for example in accepted.taken}
        for label in {prompt.label for prompt in prompts}:
            self._fruitless[label] = 0 if label in fruitful else self._fruitless[label] + 1
        return len(accepted.taken)

    def _read(self, prompt: WritingPrompt, answer: TeacherAnswer) -> Iterator[WrittenExample]:
        texts = [] if answer.refused else find_texts(answer.text)
        self.prompts += 1
        self.unreadable += not texts
        seeds = tuple(seed_name(seed.text) for seed in prompt.seeds)
        for text in texts[: _TIMES_THE_WANTED * prompt.wanted]:
            yield WrittenExample(self._clean(text), asked_label=prompt.label, seeds=seeds)

    def _prompts(self, label: str, lacks: int) -> Iterator[WritingPrompt]:
        """What one label is asked for in this round."""
        at_once = self._material.sizes.texts_a_prompt
        texts = max(min(lacks, _PROMPTS_WITHOUT_A_LOOK * at_once), math.ceil(lacks / 2))
        index, tried = self._task.labels.index(label), self._fruitless[label]
        rows = [row.text for row in self.rows if row.asked_label == label]
        generator = np.random.default_rng([self._seed, index, len(rows), tried])
        count = math.ceil(texts / at_once)
        for number in range(count):
            wanted = min(at_once, texts - number * at_once)
            yield self._prompt(index, wanted, rows, tried * count + number, generator)

    def _prompt(
        self, index: int, wanted: int, rows: list[str], draw: int, generator: np.random.Generator
    ) -> WritingPrompt:
        of_label = self._material.seeds[index]
        seeds = _draw(of_label or self._material.samples, _SEEDS, generator)
        size = int(generator.integers(3))
        shortest, longest = self._material.sizes.bounds[size : size + 2]
        order = WritingOrder(
            label=self._task.labels[index],
            wanted=wanted,
            shortest=shortest,
            longest=max(longest, shortest + 10),
            seeds=[seed.text for seed in seeds],
            of_label=bool(of_label),
            written=_draw(rows, _SHOWN_WRITTEN, generator),
        )
        prompt = build_writing_prompt(self._task, order)
        return WritingPrompt(prompt, draw, order.label, wanted, tuple(seeds))


def _draw(values: Sequence[T], count: int, generator: np.random.Generator) -> list[T]:
    drawn = generator.choice(len(values), min(count, len(values)), replace=False)
    return [values[place] for place in drawn.tolist()]
