"""What is kept of what a teacher says: its likeliest tokens, or tokens drawn from it.

Shapes: N rows, V tokens of the vocabulary, K listed or drawn ones.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from locum.errors import UsageError
from locum.language.distributions import Drawn, DrawnTokens, Listed, TopTokens
from locum.losses import SampledTargets, SparseTargets

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from locum.language.teachers import Said

__all__ = ["draw_tokens", "keep", "likeliest_tokens"]


def keep(said: Said, settings: TopTokens | DrawnTokens, generator: Generator) -> Listed | Drawn:
    """Keep of rows what the settings say.

    Args:
        said: Logits ``[N, V]``; or what was listed or drawn already, as the settings say.
        settings: What to keep.
        generator: Of draws, on the CPU.

    Raises:
        UsageError: It was listed or drawn in another way.
    """
    if isinstance(said, SparseTargets | SampledTargets):
        return _kept_already(said, settings)
    if isinstance(settings, TopTokens):
        return likeliest_tokens(said, settings)
    return draw_tokens(said, settings, generator)


def _kept_already(
    said: SparseTargets | SampledTargets, settings: TopTokens | DrawnTokens
) -> Listed | Drawn:
    if said.temperature != settings.temperature:
        raise UsageError(
            f"the teacher speaks at temperature {said.temperature} and the cache keeps what it "
            f"says at {settings.temperature}: make the cache at that temperature"
        )
    if isinstance(said, SparseTargets) and isinstance(settings, TopTokens):
        return _likeliest_of(said, settings)
    if isinstance(said, SampledTargets) and isinstance(settings, DrawnTokens):
        return Drawn(_numbers(said.ids_NK), _numbers(said.weights_NK.float()))
    raise UsageError(
        f"the teacher says {type(said).__name__} and the cache keeps {type(settings).__name__}: "
        "make a cache of what it says, or take a teacher that gives logits"
    )


def _likeliest_of(said: SparseTargets, settings: TopTokens) -> Listed:
    if said.ids_NK.shape[1] < settings.count:
        raise UsageError(
            f"the teacher lists {said.ids_NK.shape[1]:,} tokens and the cache keeps "
            f"{settings.count:,}: keep as many"
        )
    logs_NK, places_NK = said.log_probabilities_NK.float().topk(settings.count, dim=-1)
    return Listed(_numbers(said.ids_NK.gather(-1, places_NK)), _numbers(logs_NK))


def likeliest_tokens(logits_NV: Tensor, settings: TopTokens) -> Listed:
    """List the likeliest tokens.

    Raises:
        UsageError: There are fewer tokens, or logits that are no numbers.
    """
    if settings.count > logits_NV.shape[-1]:
        raise UsageError(
            f"count is {settings.count:,}, expected at most the {logits_NV.shape[-1]:,} tokens of "
            "the teacher"
        )
    logs_NK, ids_NK = _soft(logits_NV, settings.temperature).topk(settings.count, dim=-1)
    return Listed(_numbers(ids_NK), _numbers(logs_NK))


def draw_tokens(logits_NV: Tensor, settings: DrawnTokens, generator: Generator) -> Drawn:
    """Draw tokens from the teacher's distribution to a power, and weigh them.

    Args:
        logits_NV: The teacher's.
        settings: How many, and of what.
        generator: On the CPU, so that all devices draw alike but for rounding.

    Raises:
        UsageError: There are logits that are no numbers.
    """
    logs_NV = _soft(logits_NV, settings.temperature)
    proposal_NV = (settings.power * logs_NV.double()).softmax(dim=-1)
    reached_NV = proposal_NV.cumsum(dim=-1)
    chances_NK = torch.rand(
        len(logits_NV), settings.draws, dtype=torch.float64, generator=generator
    ).to(logits_NV.device)
    drawn_NK = torch.searchsorted(reached_NV, chances_NK * reached_NV[:, -1:], right=True)
    drawn_NK = drawn_NK.clamp(max=logits_NV.shape[-1] - 1).sort(dim=-1).values
    ids_NK, counts_NK = _counted(drawn_NK)
    weights_NK = counts_NK / settings.draws
    if settings.power != 1:
        proposed_NK = proposal_NV.gather(-1, ids_NK)
        weights_NK = weights_NK * logs_NV.gather(-1, ids_NK).double().exp() / proposed_NK
        weights_NK = weights_NK.where(counts_NK > 0, 0.0)
    return Drawn(_numbers(ids_NK), _numbers(weights_NK.float()))


def _counted(drawn_NK: Tensor) -> tuple[Tensor, Tensor]:
    """Return each token of sorted rows once, with how often it stands there; then zeros."""
    new_NK = torch.ones_like(drawn_NK)
    new_NK[:, 1:] = (drawn_NK[:, 1:] != drawn_NK[:, :-1]).long()
    places_NK = new_NK.cumsum(dim=-1) - 1
    ids_NK = torch.zeros_like(drawn_NK).scatter(-1, places_NK, drawn_NK)
    counts_NK = torch.zeros_like(drawn_NK).scatter_add(-1, places_NK, torch.ones_like(drawn_NK))
    return ids_NK, counts_NK.double()


def _soft(logits_NV: Tensor, temperature: float) -> Tensor:
    if not torch.isfinite(logits_NV.amax(dim=-1)).all():
        raise UsageError(
            "the teacher's logits are not all numbers: see that its weights are finite, and that "
            "it computes in a type that holds them"
        )
    return (logits_NV.float() / temperature).log_softmax(dim=-1)


def _numbers(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().cpu().numpy())
