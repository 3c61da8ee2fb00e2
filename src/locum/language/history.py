"""What is kept of a training, step by step."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TrainingStep"]


class TrainingStep(NamedTuple):
    """A step of the optimizer.

    Args:
        number: From one; zero stands for the beginning, of which ``held_out`` alone is known.
        tokens: Targets that the student has learned from so far.
        loss: Of the step's targets, in nats.
        held_out: Cross-entropy of the held-out targets after the step, in nats a token; ``None``
            where it was not measured.
        norm: Of the gradient, before it was cut.
        seconds: What the steps have taken so far, without measurements and checkpoints.
    """

    number: int
    tokens: int
    loss: float | None
    held_out: float | None
    norm: float | None
    seconds: float
