"""A training apart from what else its process does: it needs little of that, and changes none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import parse_flag_from_env

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["apart"]


@contextmanager
def apart(device: torch.device) -> Iterator[Accelerator]:
    """Compute gradients also where none are asked for; put back what is set for all of a process.

    That is torch's random numbers and accelerate's state. Accelerate goes on knowing which
    processes there are, and where they compute.

    Args:
        device: Where to compute, if accelerate was not told of a device before.
    """
    with (
        torch.inference_mode(mode=False),
        torch.random.fork_rng(devices=range(torch.accelerator.device_count())),
        _own_accelerator(cpu=device.type == "cpu") as accelerator,
    ):
        yield accelerator


@contextmanager
def _own_accelerator(*, cpu: bool) -> Iterator[Accelerator]:
    """Give an accelerator that leaves precision and passes to its user."""
    PartialState(cpu=cpu or parse_flag_from_env("ACCELERATE_USE_CPU"))
    kinds = (PartialState, AcceleratorState, GradientState)
    states = [kind._shared_state for kind in kinds]  # noqa: SLF001 - no other way
    before = [dict(state) for state in states]
    _, precision, passes = states
    if precision:  # the rest is kept, as it says how weights are shared out
        precision["_mixed_precision"] = "no"
    passes.clear()
    try:
        accelerator = Accelerator(mixed_precision="no")
        accelerator.gradient_accumulation_steps = 1
        yield accelerator
    finally:
        for state, values in zip(states, before, strict=True):
            state.clear()
            state.update(values)
