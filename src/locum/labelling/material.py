"""What the real inputs of a task give to a model that is to write others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np

from locum.dataset import CopyFinder, likely_answer, may_seed
from locum.errors import InputError, UsageError
from locum.labelling.acceptance import is_clean
from locum.teachers import AskedTeacher, LabelParser, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Example, Task
    from locum.store import LabelStore
    from locum.teachers import Teacher

__all__ = ["Balance", "Material", "Sizes", "share_out"]

Balance = Literal["even", "traffic"]
_BOUNDS = (0.05, 1 / 3, 2 / 3, 0.95)
_TEXTS_A_PROMPT = 10
_USUAL_TOKENS = 4_096
_MOST_TOKENS = 8_192
_BYTES_A_TOKEN = 2
_TOKENS_AROUND_A_TEXT = 16


class Sizes(NamedTuple):
    """How long inputs are, and what that allows.

    Args:
        bounds: Characters between short, medium and long ones, and at either end: 5%, a third, two
            thirds and 95% of the real ones are shorter.
        longest: Characters of the longest real one.
        texts_a_prompt: Texts that one answer may hold.
        answer_tokens: Tokens of an answer at most.
    """

    bounds: tuple[int, int, int, int]
    longest: int
    texts_a_prompt: int
    answer_tokens: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Measure real inputs."""
        lengths = np.array([len(text) for text in texts])
        low, short, long, high = (max(1, int(b)) for b in np.quantile(lengths, _BOUNDS))
        size = np.quantile([len(text.encode("utf-8", "surrogatepass")) for text in texts], 0.95)
        tokens = int(size) // _BYTES_A_TOKEN + _TOKENS_AROUND_A_TEXT
        count = min(_TEXTS_A_PROMPT, max(1, _USUAL_TOKENS // tokens))
        longest = int(lengths.max())
        answer = min(_MOST_TOKENS, max(_USUAL_TOKENS // 4, count * tokens))
        return cls((low, short, long, high), longest, count, answer)


class Material(NamedTuple):
    """The real inputs of a task.

    Args:
        texts: All of them.
        seeds: Those that a writer may be shown, by the index of their label.
        samples: The same, whatever their label.
        counts: How many real inputs have each label, ``[C]``.
        sizes: How long they are.
        copies: Finds which others are copies of them; it knows these already.
    """

    texts: list[str]
    seeds: list[list[Example]]
    samples: list[Example]
    counts: list[int]
    sizes: Sizes
    copies: CopyFinder

    @classmethod
    def of(
        cls, task: Task, teacher: Teacher, examples: Sequence[Example], store: LabelStore
    ) -> Self:
        """Sort real inputs by their labels: a person's, else the teacher's where it is known.

        What may be shown to a writer is what a student will be trained on in any case: see
        `locum.dataset.may_seed`. Synthetic inputs are left aside.

        Raises:
            InputError: There are too few inputs to show any.
        """
        real = [example for example in examples if not example.synthetic]
        texts = [example.text for example in real]
        copies = CopyFinder()
        shown = _may_be_shown(real, copies)
        samples = [example for example, may in zip(real, shown, strict=True) if may]
        if not samples:
            raise InputError(
                f"{len(real)} real inputs are too few to write others after them: half are kept "
                "from the writer, as they may certify the student; give some dozens"
            )
        labels = _labels(task, teacher, real, store)
        seeds: list[list[Example]] = [[] for _ in task.labels]
        for example, label, may in zip(real, labels, shown, strict=True):
            if may and label is not None:
                seeds[label].append(example)
        found = Counter(label for label in labels if label is not None)
        counts = [found[label] for label in range(len(task.labels))]
        return cls(texts, seeds, samples, counts, Sizes.of(texts), copies)


def _may_be_shown(real: Sequence[Example], copies: CopyFinder) -> list[bool]:
    if not real:
        return []
    texts = [example.text for example in real]
    times = [example.time for example in real]
    held_out = np.array([example.held_out for example in real], np.bool_)
    learned_alone = np.array([not example.judges for example in real], np.bool_)
    may = may_seed(texts, copies.group(texts).group, times, held_out, learned_alone)
    return [shown and is_clean(text) for shown, text in zip(may.tolist(), texts, strict=True)]


def _labels(
    task: Task, teacher: Teacher, real: Sequence[Example], store: LabelStore
) -> list[int | None]:
    parse = LabelParser(task.labels)
    said = [example.human or likely_answer(example) for example in real]
    missing = [e.text for e, answer in zip(real, said, strict=True) if answer is None]
    bought = _bought(task, teacher, missing, store)
    answers = [
        bought.get(example.text) if answer is None else answer
        for example, answer in zip(real, said, strict=True)
    ]
    return [None if answer is None else parse(answer) for answer in answers]


def _bought(
    task: Task, teacher: Teacher, texts: Sequence[str], store: LabelStore
) -> dict[str, str]:
    """Answers that the teacher gave before; to look for them costs nothing."""
    if not isinstance(teacher, AskedTeacher):
        return {}
    answers = read_labels(task, teacher, texts, store).answers
    return {
        text: answer.text for text, answer in zip(texts, answers, strict=True) if answer is not None
    }


def share_out(count: int, balance: Balance, counts: Sequence[int]) -> list[int]:
    """Return how many of ``count`` texts each label gets; they sum to it.

    Args:
        count: How many there are to be in all.
        balance: ``even``, or ``traffic``: in proportion to the real inputs, by largest remainders.
        counts: Real inputs by label.

    Raises:
        UsageError: The proportions are wanted, and no real input has a label.
    """
    if balance == "even":
        counts = [1] * len(counts)
    elif not any(counts):
        raise UsageError(
            "--balance traffic needs real inputs with labels: label some first (locum label), or "
            "leave it out"
        )
    exact = np.array(counts, np.float64) * count / sum(counts)
    shares = np.floor(exact).astype(int)
    first = np.argsort(shares - exact, kind="stable")[: count - int(shares.sum())]
    shares[first] += 1
    return [int(share) for share in shares]
