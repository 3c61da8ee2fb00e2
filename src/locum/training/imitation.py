"""What a smaller encoder imitates of a larger one: a weighted sum of losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from locum.errors import UsageError
from locum.losses import cosine_loss, hidden_state_loss, relation_loss, relation_scores, score_loss
from locum.training.initialisation import match_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from locum.training.observing import Observed

__all__ = ["Imitation", "ImitationLoss", "check_losses"]

ImitationLoss = Literal["hidden", "cosine", "attention", "minilm", "relation"]
_NAMES: tuple[ImitationLoss, ...] = get_args(ImitationLoss)


class _Pass(NamedTuple):
    """A batch as both saw it; the mask ``[B, L]`` is true at real tokens."""

    teacher: Observed
    student: Observed
    mask: Tensor


class Imitation:
    """How far a student's insides are from its teacher's.

    Args:
        teacher: The larger encoder.
        student: The smaller one.
        weights: Of each loss.
        relation_heads: Into how many heads the loss ``relation`` divides the vectors.

    Attributes:
        to_teacher: Maps from the student's width to the teacher's, learned where they differ; one
            for each hidden state.

    Raises:
        UsageError: The two are of shapes that a loss cannot compare.
    """

    def __init__(
        self,
        teacher: PreTrainedModel,
        student: PreTrainedModel,
        weights: Mapping[ImitationLoss, float],
        relation_heads: int,
    ) -> None:
        self._weights = weights
        self._relation_heads = relation_heads
        layers = student.config.num_hidden_layers
        self._matched = match_layers(teacher.config.num_hidden_layers, layers)
        self._heads: int = teacher.config.num_attention_heads
        self._check_shapes(teacher, student)
        self.to_teacher = _maps_between(student, teacher, layers + 1)

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Places in the teacher and in the student of layers whose projections are compared."""
        pairs = [(matched - 1, layer) for layer, matched in enumerate(self._matched[1:])]
        if "attention" in self._weights:
            return pairs
        return pairs[-1:] if {"minilm", "relation"} & set(self._weights) else []

    def __call__(self, teacher: Observed, student: Observed, mask: Tensor) -> Tensor:
        """Return the weighted sum of the losses of a batch; ``mask`` is ``[B, L]``."""
        losses = {
            "hidden": self._hidden,
            "cosine": self._cosine,
            "attention": self._attention,
            "minilm": self._minilm,
            "relation": self._relation,
        }
        seen = _Pass(teacher, student, mask)
        return sum(
            (weight * losses[name](seen) for name, weight in self._weights.items()),
            start=mask.new_zeros((), dtype=student.hidden[-1].dtype),
        )

    def _hidden(self, seen: _Pass) -> Tensor:
        losses = [
            hidden_state_loss(
                to_teacher(seen.student.hidden[layer]), seen.teacher.hidden[matched], seen.mask
            )
            for layer, (to_teacher, matched) in enumerate(
                zip(self.to_teacher, self._matched, strict=True)
            )
        ]
        return _mean(losses)

    def _cosine(self, seen: _Pass) -> Tensor:
        student = self.to_teacher[-1](seen.student.hidden[-1])
        return cosine_loss(student, seen.teacher.hidden[-1], seen.mask)

    def _attention(self, seen: _Pass) -> Tensor:
        losses = [
            score_loss(
                self._attention_scores(seen.student, layer),
                self._attention_scores(seen.teacher, matched),
                seen.mask,
            )
            for matched, layer in self.layers
        ]
        return _mean(losses)

    def _minilm(self, seen: _Pass) -> Tensor:
        matched, layer = self.layers[-1]
        attention = relation_loss(
            self._attention_scores(seen.student, layer),
            self._attention_scores(seen.teacher, matched),
            seen.mask,
        )
        return attention + self._relation_of("value", seen, self._heads)

    def _relation(self, seen: _Pass) -> Tensor:
        parts = ("query", "key", "value")
        losses = [self._relation_of(part, seen, self._relation_heads) for part in parts]
        return losses[0] + losses[1] + losses[2]

    def _relation_of(self, part: str, seen: _Pass, heads: int) -> Tensor:
        """Relation of one kind of vector to itself, in the last layers."""
        matched, layer = self.layers[-1]
        student: Tensor = getattr(seen.student.projections[layer], part)
        teacher: Tensor = getattr(seen.teacher.projections[matched], part)
        return relation_loss(
            relation_scores(student, student, heads),
            relation_scores(teacher, teacher, heads),
            seen.mask,
        )

    def _attention_scores(self, observed: Observed, layer: int) -> Tensor:
        projections = observed.projections[layer]
        return relation_scores(projections.query, projections.key, self._heads)

    def _check_shapes(self, teacher: PreTrainedModel, student: PreTrainedModel) -> None:
        heads = student.config.num_attention_heads
        if {"attention", "minilm"} & set(self._weights) and heads != self._heads:
            raise UsageError(
                f"the student has {heads} attention heads, the teacher {self._heads}: the losses "
                "attention and minilm need as many in both; use relation"
            )
        widths = (student.config.hidden_size, teacher.config.hidden_size)
        if "relation" in self._weights and any(width % self._relation_heads for width in widths):
            raise UsageError(
                f"relation_heads={self._relation_heads}: expected a divisor of both widths, "
                f"{widths[0]} and {widths[1]}"
            )


def check_losses(weights: Mapping[ImitationLoss, float]) -> None:
    """Refuse losses that there are not, and weights that are none.

    Raises:
        UsageError: A name is unknown or a weight is not positive.
    """
    for name, weight in weights.items():
        if name not in _NAMES or not 0 < weight < float("inf"):
            raise UsageError(
                f"losses: {name!r} with weight {weight}: expected {', '.join(_NAMES)} with "
                "positive weights"
            )


def _maps_between(student: PreTrainedModel, teacher: PreTrainedModel, count: int) -> nn.ModuleList:
    """One map for each hidden state: a learned one where the widths differ (TinyBERT's ``W_h``)."""
    from torch import nn

    narrow, wide = student.config.hidden_size, teacher.config.hidden_size
    if narrow == wide:
        return nn.ModuleList(nn.Identity() for _ in range(count))
    return nn.ModuleList(nn.Linear(narrow, wide, bias=False) for _ in range(count))


def _mean(losses: list[Tensor]) -> Tensor:
    import torch

    return torch.stack(losses).mean()
