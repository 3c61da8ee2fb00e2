"""Teach a language model what the teacher wrote, and keep the round that validates best."""

from __future__ import annotations

import time
from dataclasses import replace
from math import ceil
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import is_above_zero
from locum.errors import InputError, UsageError
from locum.writers import window_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.distillation import Progress
    from locum.generation.parts import Part
    from locum.language import Document, LanguageSettings
    from locum.writers import Prompts

__all__ = ["Taught", "TeachingSettings", "count_unfit", "teach"]

_LONGEST_PACKED = 512
_ANSWERS_A_STEP = 16
_TOKENS_A_PASS = 4_096


class TeachingSettings(NamedTuple):
    """How a writer is taught.

    Args:
        rounds: Passes over the train inputs at the most.
        learning_rate: Highest rate of the first round; each later one has half of the one before.
        seconds: No round is begun after so long; ``None`` for no such end.
        seed: Of the order of the inputs.
    """

    rounds: int
    learning_rate: float
    seconds: float | None
    seed: int

    def check(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            UsageError: One is out of its range.
        """
        if not _is_count(self.rounds) or not is_above_zero(self.learning_rate):
            raise UsageError(
                f"{self.rounds} rounds at a learning rate of {self.learning_rate}: expected one "
                "round or more, a whole number, and a rate above 0"
            )
        if self.seconds is not None and not is_above_zero(self.seconds):
            raise UsageError(f"{self.seconds} seconds of training: expected more than 0")


class Taught(NamedTuple):
    """What came of it; the fields are as those of `WriterFacts`."""

    losses: tuple[float, ...]
    kept: int
    seconds: float
    parameters: int


def teach(
    model: PreTrainedModel,
    prompts: Prompts,
    train: Part,
    validation: Part,
    settings: TeachingSettings,
    told: Progress,
) -> Taught:
    """Teach a model where it stands.

    It takes a pass after the other over the train inputs, as long as each makes the answers to the
    validation inputs likelier, and ends with the weights that made them likeliest. Answers that end
    behind the model's last position are left out, see `count_unfit`.

    Args:
        model: A causal language model, in float32.
        prompts: What it reads.
        train: What it learns from.
        validation: What tells when to stop.
        settings: How it is taught.
        told: Is told how it goes on.

    Raises:
        InputError: No answer to learn from, or to validate on, ends before the last position.
        UsageError: The model cannot be trained on texts side by side.
    """
    from locum.language import pack, train_language_model

    started, window = time.monotonic(), window_of(model)
    documents, held_out = (_documents(part, prompts, window) for part in (train, validation))
    if not (documents and held_out):
        raise InputError(
            f"no answer to {'validate on' if documents else 'learn from'} fits, after its input, "
            f"into the {window:,} tokens that the model has positions for: take a student model "
            "that reads more"
        )
    sizes = [len(document.tokens) for document in (*documents, *held_out)]
    mean = sum(sizes) / len(sizes)
    length = max(*sizes, min(_LONGEST_PACKED, ceil(_ANSWERS_A_STEP * mean)))
    end = prompts.end_token
    learned, measured = pack(documents, length, end), pack(held_out, length, end)
    plan = _plan(length, mean)
    losses: list[float] = []
    kept, best = 0, _weights(model)
    for number in range(settings.rounds):
        over = settings.seconds is not None and time.monotonic() - started > settings.seconds
        if number and over:
            break
        told.stage(f"pass {number + 1} over {len(train.texts):,} answers to learn from")
        chosen = replace(
            plan,
            learning_rate=settings.learning_rate / 2**number,
            seed=settings.seed + number,
        )
        run = train_language_model(
            model,
            learned,
            None,
            chosen,
            held_out=measured,
            tell=lambda step, steps: told.advance(step.number, steps),
        )
        before, after = run.steps[0].held_out or 0.0, run.held_out or 0.0
        losses += [before, after] if not losses else [after]
        if after >= min(losses[:-1]):
            break
        kept, best = number + 1, _weights(model)
    model.load_state_dict(best)
    model.train(mode=False)
    parameters = sum(weight.numel() for weight in model.parameters())
    return Taught(tuple(losses), kept, time.monotonic() - started, parameters)


def count_unfit(part: Part, prompts: Prompts, window: int) -> int:
    """Return how many answers do not fit, after what is read of their inputs, into a window."""
    return len(part.texts) - len(_documents(part, prompts, window))


def _documents(part: Part, prompts: Prompts, window: int) -> list[Document]:
    from locum.language import Document

    found = []
    for text, answer in zip(*part, strict=True):
        read, written = prompts.prompt(text), [*prompts.tokens(answer), prompts.end_token]
        if len(read) + len(written) <= window:
            found.append(Document(read + written, [False] * len(read) + [True] * len(written)))
    return found


def _plan(length: int, mean: float) -> LanguageSettings:
    """Return settings by which a step learns from about so many answers."""
    from locum.language import LanguageSettings

    a_step = max(1, round(_ANSWERS_A_STEP * mean / length))
    a_pass = max(1, min(a_step, _TOKENS_A_PASS // length))
    return LanguageSettings(sequences_per_step=a_step, sequences_per_pass=a_pass)


def _weights(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and int(value) > 0
