"""Which type an encoder computes in while it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

__all__ = ["computing_short"]

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def computing_short() -> torch.autocast:
    """Return a context in which matrix products are in bfloat16, if the processor has it.

    Weights, their gradients, normalisations and softmax stay in float32 (Micikevicius et al. 2018).
    Nothing changes on a processor without such instructions, where bfloat16 takes longer, or with a
    torch that cannot tell.
    """
    import torch

    tell: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    known = tell()
    has_it = any(known.get(name) for name in _INSTRUCTIONS)
    return torch.autocast("cpu", torch.bfloat16, enabled=has_it)
