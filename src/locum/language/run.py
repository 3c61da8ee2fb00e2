"""A training while it runs: model, optimizer, processes, and where it is."""

from __future__ import annotations

from math import ceil, isfinite
from time import monotonic
from typing import TYPE_CHECKING

import torch

from locum.errors import UsageError
from locum.language.checkpoints import Checkpoints, Identity, model_hash
from locum.language.history import TrainingStep
from locum.language.measuring import held_out_loss
from locum.language.on_policy import Writer
from locum.language.packing import refuse_other_tokens
from locum.language.schedule import Schedule
from locum.language.student_step import StudentStep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelerate import Accelerator
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from locum.language.packing import Packed
    from locum.language.settings import LanguageSettings
    from locum.language.teachers import TokenTeacher

    Tell = Callable[[TrainingStep, int], None]

__all__ = ["Run", "refuse_shared_out"]


class Run:
    """See `locum.language.train_language_model` for other arguments and errors.

    Args:
        accelerator: See `locum.language.apart.apart`.
    """

    def __init__(
        self,
        student: PreTrainedModel,
        packed: Packed,
        teacher: TokenTeacher | None,
        settings: LanguageSettings,
        vocabulary: int | None,
        held_out: Packed | None,
        folder: Path | None,
        accelerator: Accelerator,
    ) -> None:
        self.packed, self.teacher, self.held_out = packed, teacher, held_out
        self.settings = settings
        self.schedule = Schedule(len(packed.ids_SL), settings)
        self.history: list[TrainingStep] = []
        self._accelerator = accelerator
        known = vocabulary or (
            teacher.vocabulary if teacher else student.config.get_text_config().vocab_size
        )
        for texts in (packed, held_out):
            if texts is not None:
                refuse_other_tokens(texts, known)
        self._writer = Writer(student, settings.prompt_tokens, settings.precision, known)
        step = StudentStep(student, known, settings.loss, settings.precision)
        self._checkpoints = None
        if folder is not None:
            self._checkpoints = Checkpoints(folder, self._identify(student, known))
        prepared = self._accelerator.prepare(step, _adamw(step, settings))
        self._module: Module = prepared[0]
        self._optimizer: Optimizer = prepared[1]
        refuse_shared_out(self._module, settings)

    def _identify(self, student: PreTrainedModel, vocabulary: int) -> Identity:
        return Identity(
            self.settings.as_object(),
            model_hash(student),
            self.packed.fingerprint,
            self.held_out.fingerprint if self.held_out else "none",
            vocabulary,
            self.teacher.fingerprint if self.teacher else "none",
            self._accelerator.num_processes,
        )

    @property
    def done(self) -> int:
        """After how many steps it is."""
        return self.history[-1].number if self.history else 0

    def resume(self) -> int:
        """Go on from the last checkpoint, if there is one; return after how many steps it is."""
        if self._checkpoints is not None:
            self.history = self._checkpoints.load(self._module, self._optimizer)
        return self.done

    def begin(self, tell: Tell | None) -> None:
        """Measure what the student can do before it learns."""
        self._note(TrainingStep(0, 0, None, self._measure(), None, 0.0), tell)

    def step(self, tell: Tell | None) -> None:
        """Take a step, and do what is due after it."""
        started, before = monotonic(), self.history[-1]
        number = before.number + 1
        torch.manual_seed(self.schedule.seed_of(before.number) + self._accelerator.process_index)
        batch = self._batch(before.number)
        rows = int(self._over_all(batch.rows))
        loss = self._learn(batch, rows, written=self.schedule.writes(before.number))
        norm = float(
            self._accelerator.clip_grad_norm_(self._module.parameters(), self.settings.most_norm)
        )
        if not (isfinite(loss) and isfinite(norm)):
            raise UsageError(
                f"the loss is {loss} and the norm of its gradient {norm} in step {number:,}, "
                "expected finite numbers: try a lower learning rate, and see that the teacher's "
                "weights are finite"
            )
        for group in self._optimizer.param_groups:
            group["lr"] = self.schedule.rate(before.number)
        self._optimizer.step()
        self._optimizer.zero_grad()
        torch.clear_autocast_cache()  # where all is under autocast, it holds weights of before
        seconds = before.seconds + monotonic() - started
        held_out = self._measure() if self._is_measured(number) else None
        taken = TrainingStep(number, before.tokens + rows, loss, held_out, norm, seconds)
        self._note(taken, tell)
        self._save_if_due(number)

    def _batch(self, step: int) -> Packed:
        """Return this process's share of a step's sequences, as many as every other one's."""
        numbers = self.schedule.of_step(step)
        rank, world = self._accelerator.process_index, self._accelerator.num_processes
        mine = numbers[rank::world]
        short = ceil(len(numbers) / world) - len(mine)
        batch = self.packed.some([*mine, *numbers[:short]])
        batch.learned_SL[len(mine) :] = False
        batch = batch.to(self._accelerator.device)
        return self._writer.rewrite(batch) if self.schedule.writes(step) else batch

    def _learn(self, batch: Packed, rows: int, *, written: bool) -> float:
        """Add up a step's gradients; return its loss over all processes."""
        self._module.train()
        # Processes' gradients are averaged where the loss of a step is a sum over all of them.
        world: int = self._accelerator.num_processes
        count = max(rows, 1) / world
        total = 0.0
        passes = list(batch.pieces(self.settings.sequences_per_pass))
        for some in passes[:-1]:
            with self._accelerator.no_sync(self._module):
                total += self._pass(some, count, written=written)
        total += self._pass(passes[-1], count, written=written)
        return self._over_all(total) / world

    def _pass(self, batch: Packed, count: float, *, written: bool) -> float:
        # Processes have as many passes each, and some of them no target.
        signal = self.teacher.ask(batch) if self.teacher and batch.rows else None
        loss: Tensor = self._module(batch, signal, count, written=written)
        self._accelerator.backward(loss)
        return float(loss.detach())

    def _measure(self) -> float | None:
        """Return the cross-entropy of the held-out targets."""
        if self.held_out is None:
            return None
        size, device = self.settings.sequences_per_pass, self._accelerator.device
        return held_out_loss(self._module, self.held_out, size, device)

    def _over_all(self, value: float) -> float:
        """Return the sum over all processes."""
        if self._accelerator.num_processes == 1:
            return value
        one = torch.tensor(value, dtype=torch.float64, device=self._accelerator.device)
        return float(self._accelerator.reduce(one, reduction="sum"))

    def _is_measured(self, number: int) -> bool:
        every = self.settings.measure_every
        return number == self.schedule.steps or (every > 0 and number % every == 0)

    def _save_if_due(self, number: int) -> None:
        due = number % self.settings.save_every == 0 or number == self.schedule.steps
        if self._checkpoints is not None and due:
            main = self._accelerator.is_main_process
            self._checkpoints.save(self._module, self._optimizer, self.history, writes=main)
            self._accelerator.wait_for_everyone()

    def _note(self, step: TrainingStep, tell: Tell | None) -> None:
        self.history.append(step)
        if tell is not None and self._accelerator.is_main_process:
            tell(step, self.schedule.steps)


def _adamw(module: StudentStep, settings: LanguageSettings) -> torch.optim.AdamW:
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.dim() >= 2]
    vectors = [parameter for parameter in learning if parameter.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate
    )


def refuse_shared_out(module: Module, settings: LanguageSettings) -> None:
    """See that weights which processes share out are so in a way that this training knows.

    Raises:
        UsageError: They are in that of FSDP's first version, or the student is to write, for which
            each process needs all of it.
    """
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.tensor import DTensor

    if isinstance(module, FullyShardedDataParallel):
        raise UsageError("the weights are shared out by FSDP 1, expected 2: --fsdp_version 2")
    shared_out = any(isinstance(parameter, DTensor) for parameter in module.parameters())
    if shared_out and settings.on_policy_share:
        raise UsageError(
            f"on_policy_share={settings.on_policy_share} with weights that processes share out: "
            "expected the student whole in each, where it can write (no FSDP)"
        )
