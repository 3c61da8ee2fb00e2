"""Train a causal language model on texts, and on what a teacher says of their tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.language.refusals import refuse_training
from locum.language.settings import LanguageSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from locum.language.history import TrainingStep
    from locum.language.packing import Packed
    from locum.language.teachers import TokenTeacher

__all__ = ["LanguageTraining", "train_language_model"]


class LanguageTraining(NamedTuple):
    """How a training went.

    Args:
        steps: All of them, the beginning first.
        resumed_at: After how many steps it went on from a checkpoint; zero if it did not.
    """

    steps: list[TrainingStep]
    resumed_at: int

    @property
    def held_out(self) -> float | None:
        """Cross-entropy of the held-out targets at the end, in nats a token."""
        return self.steps[-1].held_out


def train_language_model(
    student: PreTrainedModel,
    packed: Packed,
    teacher: TokenTeacher | None = None,
    settings: LanguageSettings | None = None,
    *,
    vocabulary: int | None = None,
    held_out: Packed | None = None,
    folder: str | Path | None = None,
    tell: Callable[[TrainingStep, int], None] | None = None,
) -> LanguageTraining:
    """Train a student where it stands.

    Torch's random numbers are seeded for it, and left as they were; so is what an ``Accelerator``
    or a ``Trainer`` of the same process set up, which computes on their device.

    Under ``accelerate launch`` or ``torchrun`` the processes share every step: its loss is over the
    targets of all of them, so that their number changes nothing but rounding.

    Args:
        student: A causal language model of transformers, with float32 weights. It is left in
            evaluation mode, also after an error.
        packed: What it learns from, see `locum.language.pack`.
        teacher: What is imitated; without one the student learns the tokens of the texts.
        settings: How; by default those of `LanguageSettings`.
        vocabulary: How many of the student's logits are of tokens, the rest being padding; by
            default the teacher's, or all.
        held_out: What it is measured on.
        folder: Where checkpoints are kept, and looked for: a training that was stopped goes on from
            the last, and ends with the weights, bit by bit, that it would have had. The one of the
            end stays, until the student is saved and nobody needs it. Without it there are none.
        tell: Is told of each step, and how many there are in all.

    Returns:
        The steps.

    Raises:
        UsageError: The model, the teacher or a setting cannot be used, a checkpoint is of another
            training, or the loss is no longer finite.
    """
    from locum.language.apart import apart
    from locum.language.run import Run

    settings = settings or LanguageSettings()
    refuse_training(student, packed, teacher, held_out, settings)
    place = None if folder is None else Path(folder)
    with apart(student.device) as accelerator:
        run = Run(student, packed, teacher, settings, vocabulary, held_out, place, accelerator)
        try:
            resumed_at = run.resume()
            if not run.history:
                run.begin(tell)
            while run.done < run.schedule.steps:
                run.step(tell)
        finally:
            student.train(mode=False)
        accelerator.wait_for_everyone()
    return LanguageTraining(run.history, resumed_at)
