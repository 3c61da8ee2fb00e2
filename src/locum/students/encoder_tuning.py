"""Fine-tunes an encoder together with what is learned on top of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from locum.students.encoder_plan import StepPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

__all__ = ["Objective", "Schedule", "TunedEncoder", "hold_out", "pad_tokens", "seeded", "tune"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
State = TypeVar("State")
State_co = TypeVar("State_co", covariant=True)

_BATCH = 32
_BATCHES_SORTED = 16
_BATCH_JUDGED = 128
_WEIGHT_DECAY = 0.01
_HEAD_RATE = 10.0
_CLIPPED_NORM = 1.0
_HELD_OUT = 0.1
_MOST_HELD_OUT = 1_000


class Objective(Protocol[State_co]):
    """What an encoder is to learn, and what is learned on top of it."""

    @property
    def head(self) -> nn.Module:
        """What is learned besides the encoder."""
        ...

    def loss(self, rows: Rows) -> Tensor:
        """Return the loss of a batch, given as the places of its inputs."""
        ...

    def judge(self, batches: Sequence[Rows]) -> float:
        """Return the loss of inputs held out; the smaller the better. No gradient is needed."""
        ...

    def state(self) -> State_co:
        """Return a copy of what was learned on top of the encoder."""
        ...


class Schedule(NamedTuple):
    """How long an encoder is trained, and how fast; see `EncoderStudent`."""

    epochs: int
    learning_rate: float
    seconds: float | None
    seed: int


class TunedEncoder(NamedTuple, Generic[State]):
    """The state that did best on the inputs held out.

    Args:
        weights: Those that were trained, by the model's names; none where the start did best.
        state: What was learned on top of them; ``None`` likewise.
        epochs: After how many epochs that was.
        losses: On the inputs held out: at the start, and after each epoch.
    """

    weights: dict[str, Floats]
    state: State | None
    epochs: int
    losses: list[float]


def tune(
    model: PreTrainedModel,
    objective: Objective[State],
    lengths: Rows,
    held_out: NDArray[np.bool_],
    schedule: Schedule,
) -> TunedEncoder[State]:
    """Train an encoder and what is on top of it, and return the state that did best.

    AdamW (Loshchilov and Hutter 2019) on batches of 32 inputs of like length; the rate rises over
    the first tenth of the steps and then falls in a line to zero (see `StepPlan`). The head learns
    ten times as fast as the encoder. The vectors of the vocabulary stay as they are: most are not
    in the inputs, and half of the time would go into them.

    States are compared after each epoch by the objective's loss on the inputs held out. Training
    goes on where an epoch brings nothing: most is gained at the end, as the rate falls. The result
    depends on nothing but the arguments, torch's version and its number of threads, and what the
    processor can compute in (see `computing_short`): only a bound in seconds that binds, as all
    steps do not fit into it, makes a run depend on the machine's speed. The global random state is
    left as it was.

    Args:
        model: The encoder.
        objective: What it is to learn.
        lengths: Tokens of each input, ``[N]``.
        held_out: Inputs to judge by, and not to learn from, ``[N]``.
        schedule: How long and how fast.
    """
    with seeded(schedule.seed):
        return _Tuning(model, objective, lengths, held_out, schedule).run()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's random numbers begin at a seed; its own state is left as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def hold_out(count: int, seed: int) -> NDArray[np.bool_]:
    """Which inputs are held out to judge by: a tenth, one at least and 1,000 at most."""
    chosen = np.random.default_rng(seed).permutation(count)
    held_out = np.zeros(count, np.bool_)
    held_out[chosen[: min(max(1, int(_HELD_OUT * count)), _MOST_HELD_OUT)]] = True
    return held_out


class _Tuning(Generic[State]):
    """The training of one encoder."""

    def __init__(
        self,
        model: PreTrainedModel,
        objective: Objective[State],
        lengths: Rows,
        held_out: NDArray[np.bool_],
        schedule: Schedule,
    ) -> None:
        self._model, self._objective, self._lengths = model, objective, lengths
        self._schedule = schedule
        self._learned = np.flatnonzero(~held_out)
        judged = np.flatnonzero(held_out)
        judged = judged[np.argsort(lengths[judged], kind="stable")]
        self._judged = [
            judged[at : at + _BATCH_JUDGED] for at in range(0, len(judged), _BATCH_JUDGED)
        ]
        self._trained = _trained_parameters(model)
        self._optimizer = self._make_optimizer()
        self._dice = np.random.default_rng(schedule.seed)
        steps = schedule.epochs * -(-len(self._learned) // _BATCH)
        self._plan = StepPlan(steps, schedule.seconds)

    def _make_optimizer(self) -> Optimizer:
        import torch

        rate = self._schedule.learning_rate
        head = self._objective.head.parameters()
        matrices = [p for p in self._trained.values() if p.ndim > 1]
        others = [p for p in self._trained.values() if p.ndim <= 1]
        groups = [
            {"params": matrices, "lr": rate, "weight_decay": _WEIGHT_DECAY},
            {"params": others, "lr": rate, "weight_decay": 0.0},
            {"params": head, "lr": rate * _HEAD_RATE, "weight_decay": 0.0},
        ]
        for group in groups:
            group["highest"] = group["lr"]
        return torch.optim.AdamW(groups)

    def run(self) -> TunedEncoder[State]:
        """Train until the epochs or the seconds end."""
        losses = [self._judge()]
        self._plan.start()
        best: TunedEncoder[State] = TunedEncoder({}, None, 0, losses)
        for epoch in range(1, self._schedule.epochs + 1):
            self._train_epoch()
            losses.append(self._judge())
            if losses[-1] < losses[best.epochs]:
                best = TunedEncoder(self._weights(), self._objective.state(), epoch, losses)
            if self._plan.over:
                break
        return best

    def _train_epoch(self) -> None:
        import torch

        self._model.train()
        for rows in self._deal():
            if self._plan.over:
                break
            for group in self._optimizer.param_groups:
                group["lr"] = group["highest"] * self._plan.factor
            loss = self._objective.loss(rows)
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self._trained.values(), _CLIPPED_NORM)
            self._optimizer.step()
            self._plan.step()

    def _deal(self) -> Iterator[Rows]:
        """Deal the inputs into batches of like length, in random order."""
        order = self._dice.permutation(self._learned)
        batches: list[Rows] = []
        for start in range(0, len(order), _BATCH * _BATCHES_SORTED):
            some = order[start : start + _BATCH * _BATCHES_SORTED]
            some = some[np.argsort(self._lengths[some], kind="stable")]
            batches += [some[at : at + _BATCH] for at in range(0, len(some), _BATCH)]
        return (batches[place] for place in self._dice.permutation(len(batches)))

    def _judge(self) -> float:
        import torch

        self._model.train(mode=False)
        with torch.no_grad():
            return self._objective.judge(self._judged)

    def _weights(self) -> dict[str, Floats]:
        return {
            name: parameter.detach().numpy().copy() for name, parameter in self._trained.items()
        }


def _trained_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """All but the vocabulary's vectors, which no longer ask for a gradient."""
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def pad_tokens(rows: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Return tokens ``[N, T]`` and where there are some, as a 0 or 1 each."""
    import torch

    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
