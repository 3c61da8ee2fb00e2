"""Fine-tunes an encoder together with its head."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy, soft_target_loss
from locum.students.encoder_graph import pooled
from locum.students.encoder_head import Head, Scale
from locum.students.encoder_plan import StepPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from locum.students.encoder_source import Pooling
    from locum.students.softmax_regression import Term

__all__ = ["Lesson", "Schedule", "TunedEncoder", "tune"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_BATCH = 32
_BATCHES_SORTED = 16
_BATCH_JUDGED = 128
_WEIGHT_DECAY = 0.01
_HEAD_RATE = 10.0
_CLIPPED_NORM = 1.0
_TEMPERATURES = tuple(float(t) for t in np.geomspace(0.5, 4.0, 13))


class Lesson(NamedTuple):
    """What an encoder is to learn.

    Args:
        model: The encoder.
        pooling: How its hidden states become an embedding.
        head: Where the head starts from.
        scale: Of the embeddings that it was learned on.
        rows: Tokens of each of ``N`` inputs.
        terms: Of the loss.
        soft_labels: Teacher's distributions, ``[N, C]``.
        held_out: Inputs to judge by, and not to learn from, ``[N]``.
    """

    model: PreTrainedModel
    pooling: Pooling
    head: Head
    scale: Scale
    rows: Sequence[Rows]
    terms: Sequence[Term]
    soft_labels: Floats
    held_out: NDArray[np.bool_]


class Schedule(NamedTuple):
    """How long an encoder is trained, and how fast; see `EncoderStudent`."""

    epochs: int
    learning_rate: float
    seconds: float | None
    seed: int


class TunedEncoder(NamedTuple):
    """The state that did best on the inputs held out.

    Args:
        weights: Those that were trained, by the model's names; none where the start did best.
        head: Of the same state.
        epochs: After how many epochs that was.
        losses: On the inputs held out: at the start, and after each epoch.
    """

    weights: dict[str, Floats]
    head: Head
    epochs: int
    losses: list[float]


def tune(lesson: Lesson, schedule: Schedule) -> TunedEncoder:
    """Train an encoder and its head, and return the state that did best.

    AdamW (Loshchilov and Hutter 2019) on batches of 32 inputs of like length; the rate rises over
    the first tenth of the steps and then falls in a line to zero (see `StepPlan`). The head learns
    ten times as fast as the encoder. The vectors of the vocabulary stay as they are: most are not
    in the inputs, and half of the time would go into them.

    States are compared after each epoch by their cross-entropy to the soft labels held out, at
    the temperature at which it is least, as students are calibrated later. Training goes on where
    an epoch brings nothing: most is gained at the end, as the rate falls. The result depends on
    nothing but the arguments, torch's version and its number of threads: only a bound in seconds
    that binds, as all steps do not fit into it, makes a run depend on the machine's speed. The
    global random state is left as it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(schedule.seed)
        return _Tuning(lesson, schedule).run()


class _Tuning:
    """The training of one encoder."""

    def __init__(self, lesson: Lesson, schedule: Schedule) -> None:
        import torch

        self._lesson, self._schedule = lesson, schedule
        self._learned = np.flatnonzero(~lesson.held_out)
        self._judged = np.flatnonzero(lesson.held_out)
        self._targets = [torch.from_numpy(term.targets) for term in lesson.terms]
        start = lesson.scale.unfold(lesson.head)
        self._head = torch.nn.Linear(*start.weights.shape)
        with torch.no_grad():
            self._head.weight.copy_(torch.from_numpy(start.weights.T))
            self._head.bias.copy_(torch.from_numpy(start.intercept))
        self._centre = torch.from_numpy(lesson.scale.centre)
        self._spread = float(lesson.scale.spread)
        self._trained = _trained_parameters(lesson.model)
        self._optimizer = self._make_optimizer()
        self._dice = np.random.default_rng(schedule.seed)
        steps = schedule.epochs * -(-len(self._learned) // _BATCH)
        self._plan = StepPlan(steps, schedule.seconds)

    def _make_optimizer(self) -> Optimizer:
        import torch

        rate = self._schedule.learning_rate
        matrices = [p for p in self._trained.values() if p.ndim > 1]
        others = [p for p in self._trained.values() if p.ndim <= 1]
        groups = [
            {"params": matrices, "lr": rate, "weight_decay": _WEIGHT_DECAY},
            {"params": others, "lr": rate, "weight_decay": 0.0},
            {"params": self._head.parameters(), "lr": rate * _HEAD_RATE, "weight_decay": 0.0},
        ]
        for group in groups:
            group["highest"] = group["lr"]
        return torch.optim.AdamW(groups)

    def run(self) -> TunedEncoder:
        """Train until the epochs or the seconds end."""
        losses = [self._judge()]
        self._plan.start()
        best = TunedEncoder({}, self._lesson.head, 0, losses)
        for epoch in range(1, self._schedule.epochs + 1):
            self._train_epoch()
            losses.append(self._judge())
            if losses[-1] < losses[best.epochs]:
                best = TunedEncoder(self._state(), self._read_head(), epoch, losses)
            if self._plan.over:
                break
        return best

    def _train_epoch(self) -> None:
        import torch

        model = self._lesson.model
        model.train()
        for rows in self._deal():
            if self._plan.over:
                break
            for group in self._optimizer.param_groups:
                group["lr"] = group["highest"] * self._plan.factor
            logits = self._logits(rows)
            temperatures = [term.temperature for term in self._lesson.terms]
            losses = [
                soft_target_loss(logits, target[rows], temperature)
                for target, temperature in zip(self._targets, temperatures, strict=True)
            ]
            loss = torch.stack(losses).sum()
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self._trained.values(), _CLIPPED_NORM)
            self._optimizer.step()
            self._plan.step()

    def _deal(self) -> Iterator[Rows]:
        """Deal the inputs into batches of like length, in random order."""
        order = self._dice.permutation(self._learned)
        lengths = np.array([len(row) for row in self._lesson.rows])
        batches: list[Rows] = []
        for start in range(0, len(order), _BATCH * _BATCHES_SORTED):
            some = order[start : start + _BATCH * _BATCHES_SORTED]
            some = some[np.argsort(lengths[some], kind="stable")]
            batches += [some[at : at + _BATCH] for at in range(0, len(some), _BATCH)]
        return (batches[place] for place in self._dice.permutation(len(batches)))

    def _logits(self, rows: Rows) -> Tensor:
        ids, mask = _pad([self._lesson.rows[row] for row in rows])
        embeddings = pooled(self._lesson.model, self._lesson.pooling, ids, mask)
        logits: Tensor = self._head((embeddings - self._centre) / self._spread)
        return logits

    def _judge(self) -> float:
        import torch

        self._lesson.model.train(mode=False)
        order = sorted(self._judged.tolist(), key=lambda row: len(self._lesson.rows[row]))
        rows = np.array(order)
        with torch.no_grad():
            parts = [
                self._logits(rows[at : at + _BATCH_JUDGED]).numpy()
                for at in range(0, len(rows), _BATCH_JUDGED)
            ]
        logits, soft = np.concatenate(parts), self._lesson.soft_labels[rows]
        return min(
            soft_target_cross_entropy(logits / np.float32(t), soft).value for t in _TEMPERATURES
        )

    def _state(self) -> dict[str, Floats]:
        return {
            name: parameter.detach().numpy().copy() for name, parameter in self._trained.items()
        }

    def _read_head(self) -> Head:
        weight, bias = self._head.weight.detach().numpy(), self._head.bias.detach().numpy()
        return self._lesson.scale.fold(Head(weight.T.copy(), bias.copy()))


def _trained_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """All but the vocabulary's vectors, which no longer ask for a gradient."""
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _pad(rows: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Tokens ``[N, T]`` and where there are some."""
    import torch

    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
