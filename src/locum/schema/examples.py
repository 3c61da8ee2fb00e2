"""Inputs, and what teachers say of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from locum.schema.calls import TokenPosition, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SPLITS", "Example", "SoftLabelSource", "SoftLabels", "Split", "TeacherAnswer"]

SoftLabelSource = Literal["distributions", "distributions and single answers", "single answers"]
Split = Literal["train", "validation", "certify", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "certify", "test")


@dataclass(frozen=True, slots=True)
class Example:
    """One input of a task with what is known about it.

    Args:
        text: The input, as it was sent.
        answer: The teacher's answer, as it was written; ``None`` where it is not known.
        distribution: The teacher's probabilities by label, where they were recorded. What they lack
            of 1 is outside the label set.
        positions: The answer token by token, where its log-probabilities were recorded.
        human: A person's label, where there is one.
        time: When the call was made, in seconds since 1970.
        latency_ms: How long the teacher took.
        cost_usd: What the call cost.
        held_out: Whether the input belongs to a test set that its owner chose.
        call_id: The recorded call that the input stems from.
        synthetic: Whether a model wrote the input; such inputs are learned from, and never
            certified or tested on.
        train_only: Whether the input came to be known because a student was unsure of it: such
            inputs are no fair sample, and are neither certified nor tested on.
        outdated: Whether the call was made before a student of its task was last found to break its
            promise: teacher or traffic may have changed since, and nothing is judged on it either.
        cut_off: Whether the answer broke off at the most tokens that it might have.
    """

    text: str
    answer: str | None = None
    distribution: Mapping[str, float] | None = None
    positions: tuple[TokenPosition, ...] | None = None
    human: str | None = None
    time: float | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None
    held_out: bool = False
    call_id: str | None = None
    synthetic: bool = False
    train_only: bool = False
    outdated: bool = False
    cut_off: bool = False

    @property
    def judges(self) -> bool:
        """Whether students may be chosen, certified and tested on it."""
        return not (self.train_only or self.outdated)


@dataclass(frozen=True, slots=True)
class TeacherAnswer:
    """What a teacher said of one input.

    Args:
        text: The answer as it was written.
        distribution: Probability of every label of the task, in the order of its labels, with
            what is missing to one being mass outside the label set or not seen; ``None`` where
            the teacher gave no log-probabilities.
        usage: Tokens of the call, where they were said.
        latency_ms: How long the call took.
        version: The model that answered, as it calls itself, with its fingerprint where it has one.
        refused: Whether the teacher declined to answer.
        cost_usd: What the call cost, where its price is known.
        votes: From how many answers to the same question the distribution was counted; ``None``
            where it was not.
        cut_off: Whether the answer broke off at the most tokens that it might have.
        cost_assumed: Whether ``cost_usd`` is the most that the call may have cost, as it did not
            say its tokens.
    """

    text: str
    distribution: tuple[float, ...] | None = None
    usage: Usage | None = None
    latency_ms: float | None = None
    version: str | None = None
    refused: bool = False
    cost_usd: float | None = None
    votes: int | None = None
    cut_off: bool = False
    cost_assumed: bool = False


@dataclass(frozen=True)
class SoftLabels:
    """The teacher's distributions over the labels of a task.

    Args:
        probabilities: ``[N, C]`` float64; rows sum to one.
        source: Where they came from.
    """

    probabilities: NDArray[np.float64]
    source: SoftLabelSource
