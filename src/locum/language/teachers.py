"""What a training step asks of a teacher: what it says of the next token, row by row.

Shapes: N rows (targets that count, in reading order), C of them, V tokens of the vocabulary.
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from locum.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.language.packing import Packed
    from locum.language.settings import Precision
    from locum.losses import SampledTargets, SparseTargets

__all__ = ["ClassTargets", "ModelTeacher", "Said", "Signal", "TokenTeacher", "refuse_unasked"]

Said: TypeAlias = "Tensor | SparseTargets | SampledTargets | ClassTargets"
Signal: TypeAlias = Callable[[slice], Said]


class ClassTargets(NamedTuple):
    """What a teacher says of classes of tokens.

    Attributes:
        targets: Of the classes.
        project: Makes logits of the classes of a student's.
    """

    targets: Said
    project: Callable[[Tensor], Tensor]


class TokenTeacher(Protocol):
    """Says what it expects of each target of a batch.

    Attributes:
        fingerprint: A text that changes when what it says does.
        vocabulary: ``V``, with how many tokens it knows the student's vocabulary to begin.

    One that was asked already, and speaks of no other texts, says so by ``asked_before = True``.
    """

    @property
    def fingerprint(self) -> str: ...  # noqa: D102 - see the attributes

    @property
    def vocabulary(self) -> int: ...  # noqa: D102 - see the attributes

    def ask(self, batch: Packed) -> Signal:
        """Return what gives, for a slice of the batch's rows, what the teacher says of them.

        That is its logits ``[C, V]``, its likeliest tokens, or weighted samples.
        """
        ...


def refuse_unasked(teacher: object) -> None:
    """See that a teacher can be asked.

    Raises:
        UsageError: It cannot, such as a model.
    """
    if not hasattr(teacher, "ask"):
        raise UsageError(
            f"the teacher is a {type(teacher).__name__}, expected a TokenTeacher: "
            "ModelTeacher(model) makes one of a model"
        )


class ModelTeacher:
    """A language model that is asked when it is needed.

    Its hidden states of a batch are computed at once, and the logits of rows when they are asked
    for, so that those of the whole batch are never held.

    Args:
        model: The teacher; it is put into evaluation mode, and its weights do not learn. It is
            asked in that mode, whatever mode it is in later.
        vocabulary: How many of its logits are of tokens, the rest being padding; by default all.
        fingerprint: A text that changes with what it says; by default a hash of its weights and
            its config, and the precision.
        precision: What it computes in, where its weights are float32; others compute in their own.

    Raises:
        UsageError: As `locum.language.models.split_model`, or it has fewer logits.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        vocabulary: int | None = None,
        fingerprint: str | None = None,
        precision: Precision = "bfloat16",
    ) -> None:
        from locum.language.models import split_model

        self.model = model.train(mode=False).requires_grad_(requires_grad=False)
        self._fingerprint = fingerprint
        self._halves = split_model(model)
        self._precision = precision
        held = self._halves.head.weight.shape[0]
        self.vocabulary = held if vocabulary is None else vocabulary
        if not 1 <= self.vocabulary <= held:
            raise UsageError(
                f"vocabulary is {self.vocabulary:,}, expected one to the {held:,} logits of the "
                "teacher"
            )

    @property
    def fingerprint(self) -> str:
        """A text that changes with the model, which is read anew each time."""
        from locum.language.checkpoints import model_hash

        if self._fingerprint is not None:
            return self._fingerprint
        return f"{model_hash(self.model)} {self._precision}"

    def ask(self, batch: Packed) -> Signal:
        """Return what gives the logits of a slice of rows."""
        import torch

        from locum.language.models import hidden_states
        from locum.language.precision import computing_in
        from locum.training.modes import evaluated

        with torch.no_grad(), evaluated(self.model), computing_in(self._precision, self.model):
            states_ND = hidden_states(self._halves, batch.to(self.model.device))

        def logits(rows: slice) -> Tensor:
            with torch.no_grad(), computing_in(self._precision, self.model):
                return self._halves.logits(states_ND[rows], self.vocabulary).to(batch.ids_SL.device)

        return logits
