"""Distil an encoder into a smaller one, which `EncoderStudent` takes as any other encoder."""

from __future__ import annotations

from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError
from locum.losses import first_unusable
from locum.students import as_texts
from locum.students.encoder_source import import_encoder_extra
from locum.students.encoder_tokens import LEAST_TOKENS, TokenReader
from locum.training.devices import refuse_device
from locum.training.imitation import Imitation, ImitationLoss, check_losses
from locum.training.initialisation import load_pair
from locum.training.lesson import LabelTask, Lesson
from locum.training.sentence_folder import check_empty, filled_folder, save_student
from locum.training.token_batches import TokenBatches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch.optim import Optimizer

    from locum.training.token_batches import TokenBatch

__all__ = ["DistilledEncoder", "EncoderTraining", "distil_encoder"]

_HIDDEN_ALONE: Mapping[ImitationLoss, float] = MappingProxyType({"hidden": 1.0})
_WARM_UP_SHARE = 0.1
_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0
_LARGEST_NUMBER = 2**63 - 1


class EncoderTraining(NamedTuple):
    """How an encoder is trained: AdamW, its rate rising over a tenth of the steps, then falling.

    Args:
        epochs: Passes over the texts.
        learning_rate: At its highest.
        batch_size: Texts a step.
        max_tokens: Longer texts are cut off, also at the number the encoders have positions for; at
            least 8, as `EncoderStudent` wants.
        seconds: Stop at the first step after so long; ``None`` sets no bound.
        seed: Of the order of texts, of dropout and of new weights. With the same seed, texts,
            versions and number of torch's threads, and no stop before the end, all weights are the
            same.
        device: As torch calls it; by default ``cuda`` where there is one, else ``cpu``.
    """

    epochs: int = 3
    learning_rate: float = 1e-4
    batch_size: int = 32
    max_tokens: int = 128
    seconds: float | None = None
    seed: int = 0
    device: str | None = None


_USUAL = EncoderTraining()


class DistilledEncoder(NamedTuple):
    """A smaller encoder on disk.

    Args:
        folder: In the format of sentence-transformers; the setting ``encoder`` of `EncoderStudent`.
        losses: Mean loss of each epoch that was begun.
        steps: How many were taken.
        stopped: Whether time ran out before the last epoch ended.
    """

    folder: Path
    losses: list[float]
    steps: int
    stopped: bool


def distil_encoder(
    teacher: str | Path,
    texts: Sequence[str],
    folder: str | Path,
    *,
    layers: int | None = None,
    student: str | Path | None = None,
    losses: Mapping[ImitationLoss, float] = _HIDDEN_ALONE,
    relation_heads: int = 48,
    soft_labels: NDArray[np.float64] | None = None,
    temperature: float = 1.0,
    training: EncoderTraining = _USUAL,
    progress: Callable[[str], None] | None = None,
) -> DistilledEncoder:
    """Teach a smaller encoder to compute what a larger one does, and save it.

    Without labels the student learns the teacher's representations of any texts of the domain.
    With ``soft_labels`` it learns the task besides, through a linear head on its pooled states that
    is dropped in the end: `EncoderStudent` fits its own. With ``losses={}`` it learns the task
    alone.

    The losses, each a mean over real tokens:

    - ``hidden``: squared error of the embeddings and of each layer's output, averaged over the
      student's layers, through a learned map where the widths differ (TinyBERT, Jiao et al. 2020);
    - ``cosine``: one less the cosine of the last hidden states (DistilBERT, Sanh et al. 2019);
    - ``attention``: squared error of attention scores, averaged over the student's layers
      (TinyBERT), before any position that the attention itself adds to them;
    - ``minilm``: divergences of attention and of value relations in the last layers, added up
      (MiniLM, Wang et al. 2020);
    - ``relation``: divergences of relations of queries, keys and values in the last layers, added
      up (MiniLMv2, Wang et al. 2021).

    Each of the student's layers is compared with the teacher's at the same share of the depth.

    Args:
        teacher: A BERT-like encoder: a folder, or a name on the Hugging Face hub.
        texts: ``N`` inputs of the domain.
        folder: Where the student goes; made if it is not there, and empty otherwise. Nothing is in
            it before the end, nor after an error.
        layers: How many of the teacher's layers the student starts from, evenly spread.
        student: In the place of ``layers``: a smaller encoder of the same vocabulary to start from.
        losses: What to imitate, each with its weight.
        relation_heads: Heads of ``relation``; a divisor of both widths.
        soft_labels: Distributions over the labels, ``[N, C]``, best of the teacher fine-tuned.
        temperature: At which the soft labels are learned; the weight of their loss is one.
        training: Epochs, rate, time, seed.
        progress: Is told what is being done.

    Raises:
        UsageError: An argument cannot be used, an encoder cannot be loaded, the two cannot be
            compared, the loss is no longer finite, the folder cannot be written, or the extra is
            not installed.
    """
    if soft_labels is not None:
        soft_labels = np.asarray(soft_labels)
    texts = as_texts(texts)
    _check_task(texts, losses, soft_labels)
    _check_training(training)
    _check_positive("temperature", temperature)
    _check_whole("relation_heads", relation_heads, 1)
    if layers is not None:
        _check_whole("layers", layers, 1)
    deadline = monotonic() + (np.inf if training.seconds is None else training.seconds)
    place = Path(folder).expanduser()
    check_empty(place)
    device = _device(training.device)
    pair = load_pair(teacher, layers, student)
    max_tokens = int(min(training.max_tokens, pair.most_tokens))
    reader = TokenReader(pair.tokenizer, max_tokens)
    batches = TokenBatches(reader, texts, training.batch_size, device)
    width = pair.student.config.hidden_size
    with filled_folder(place) as scratch, _seeded(training.seed):
        imitation = Imitation(pair.teacher, pair.student, losses, relation_heads)
        task = None
        if soft_labels is not None:
            task = LabelTask(width, pair.pooling, soft_labels, temperature)
        with Lesson(pair, imitation if losses else None, task, device) as lesson:
            outcome = _train(lesson, batches, training, deadline, progress or (lambda _: None))
        save_student(pair, max_tokens, scratch)
    return DistilledEncoder(place, *outcome)


class _Outcome(NamedTuple):
    losses: list[float]
    steps: int
    stopped: bool


def _train(
    lesson: Lesson,
    batches: TokenBatches,
    training: EncoderTraining,
    deadline: float,
    progress: Callable[[str], None],
) -> _Outcome:
    import torch

    optimizer = torch.optim.AdamW(
        lesson.parameters(), lr=training.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    generator = np.random.default_rng(training.seed)
    rates = _rates(training, training.epochs * len(batches))
    means, steps = [], 0
    for epoch in range(1, training.epochs + 1):
        losses = []
        for batch in batches.shuffled(generator):
            if monotonic() >= deadline:
                break
            losses.append(_step(lesson, batch, optimizer, next(rates)))
        steps += len(losses)
        means += [float(np.mean(losses))] if losses else []
        if len(losses) < len(batches):
            progress(f"time is up after {steps:,} steps, in epoch {epoch} of {training.epochs}")
            return _Outcome(means, steps, stopped=True)
        progress(f"epoch {epoch} of {training.epochs}: loss {means[-1]:.4g}")
    return _Outcome(means, steps, stopped=False)


def _step(lesson: Lesson, batch: TokenBatch, optimizer: Optimizer, rate: float) -> float:
    from torch.autograd import backward
    from torch.nn.utils import clip_grad_norm_

    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = lesson.loss(batch)
    value = loss.item()
    if not np.isfinite(value):
        raise UsageError(f"the loss became {value}: take a smaller learning_rate than {rate:g}")
    optimizer.zero_grad()
    backward(loss)
    clip_grad_norm_(lesson.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    return value


def _rates(training: EncoderTraining, steps: int) -> Iterator[float]:
    """Learning rates that rise over the first tenth of the steps and fall to nearly zero."""
    rising = max(1, round(_WARM_UP_SHARE * steps))
    for step in range(steps):
        share = min((step + 1) / rising, (steps - step) / max(1, steps - rising))
        yield training.learning_rate * min(1.0, share)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from a seed, and leave its generators as they were."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _device(wanted: str | None) -> str:
    torch = import_encoder_extra("torch")
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    refuse_device(wanted)
    return wanted


def _check_task(
    texts: Sequence[str],
    losses: Mapping[ImitationLoss, float],
    soft_labels: NDArray[np.float64] | None,
) -> None:
    if not texts:
        raise UsageError("texts: there are none to learn from")
    check_losses(losses)
    if soft_labels is None and not losses:
        raise UsageError("losses={} without soft_labels: there is nothing to learn; give one")
    if soft_labels is not None:
        _check_soft_labels(soft_labels, len(texts))


def _check_training(training: EncoderTraining) -> None:
    _check_whole("epochs", training.epochs, 1)
    _check_whole("batch_size", training.batch_size, 1)
    _check_whole("max_tokens", training.max_tokens, LEAST_TOKENS)
    _check_whole("seed", training.seed, 0)
    _check_positive("learning_rate", training.learning_rate)
    if training.seconds is not None and not training.seconds >= 0:
        raise UsageError(f"seconds={training.seconds}: expected None, or a number from zero on")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise UsageError(f"{name}={value}: expected a positive number")


def _check_whole(name: str, value: object, least: int) -> None:
    if not (isinstance(value, Integral) and least <= int(value) <= _LARGEST_NUMBER):
        raise UsageError(
            f"{name}={value}: expected a whole number from {least} to {_LARGEST_NUMBER:,}"
        )


def _check_soft_labels(soft_labels: NDArray[np.float64], rows: int) -> None:
    fits = soft_labels.ndim == 2 and len(soft_labels) == rows and soft_labels.shape[1] > 1
    if not fits:
        raise UsageError(f"soft_labels of shape {soft_labels.shape}: expected [{rows}, C], C > 1")
    row = first_unusable(soft_labels)
    if row is not None:
        raise UsageError(
            f"soft_labels of text {row + 1}: expected finite probabilities of zero or more, with "
            "one above zero"
        )
