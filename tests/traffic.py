"""Made-up traffic whose right answers are known, for tests of the whole loop."""

from __future__ import annotations

import numpy as np

from locum.schema import Example, Task

__all__ = ["LABELS", "make_examples", "make_task"]

LABELS = ("billing", "shipping", "returns")
_WORDS = {
    "billing": ["invoice", "charge", "payment", "card", "refund amount"],
    "shipping": ["parcel", "delivery", "courier", "tracking", "address"],
    "returns": ["broken", "send back", "wrong size", "exchange", "defect"],
}
_SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "ra", "su", "ti", "ve"]


def make_task(name: str = "support") -> Task:
    """A task of three labels."""
    return Task(name, LABELS, instruction="Which team should answer?")


def make_examples(
    count: int, *, seed: int = 0, noise: float = 0.02, soft: bool = True, human: bool = False
) -> list[Example]:
    """Texts with one telling word among meaningless ones; the teacher errs on ``noise`` of them."""
    generator = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        right = LABELS[generator.integers(len(LABELS))]
        words = ["".join(generator.choice(_SYLLABLES, 3)) for _ in range(7)]
        words.append(str(generator.choice(_WORDS[right])))
        generator.shuffle(words)
        said = LABELS[generator.integers(len(LABELS))] if generator.random() < noise else right
        rest = {label: 0.05 for label in LABELS if label != said}
        examples.append(
            Example(
                text=" ".join(words),
                answer=said,
                distribution={said: 0.9, **rest} if soft else None,
                human=right if human else None,
                latency_ms=500.0,
                cost_usd=0.0001,
            )
        )
    return examples
