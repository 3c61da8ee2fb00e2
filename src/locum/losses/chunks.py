"""The autograd function behind `locum.losses.projected_loss`.

Shapes: N rows, D values of a hidden state, V tokens, C rows of a chunk.
"""

# ruff: noqa: N803, N806, N815 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from locum.losses.kept import handed_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

__all__ = ["chunked_loss"]

# Numbers of the weight's gradient that are made at once in a shorter type than they are summed in:
# such arrays fit a core's cache; a GPU wants many at once.
OF_A_CORE = 2**20
OF_A_GPU = 2**26


@torch.compiler.disable  # type: ignore[untyped-decorator]
def chunked_loss(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    loss: Callable[[Tensor, slice], Tensor],
    chunk_rows: int,
) -> Tensor:
    """Return the loss of `locum.losses.projected_loss`, which a compiler steps around as one."""
    total: Tensor = _ChunkedLoss.apply(  # type: ignore[no-untyped-call]
        hidden_ND, weight_VD, bias_V, loss, chunk_rows, torch.is_grad_enabled()
    )
    return total


class Head(NamedTuple):
    """What logits are made from, in the type that they are made in."""

    hidden_ND: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None

    def chunks(self, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Make the logits of some rows at a time, all in the same place."""
        room_CV = self.hidden_ND.new_empty((min(rows, len(self.hidden_ND)), len(self.weight_VD)))
        for start in range(0, len(self.hidden_ND), rows):
            chunk = slice(start, min(start + rows, len(self.hidden_ND)))
            logits_CV = room_CV[: chunk.stop - start]
            torch.mm(self.hidden_ND[chunk], self.weight_VD.mT, out=logits_CV)
            yield chunk, logits_CV if self.bias_V is None else logits_CV.add_(self.bias_V)


class Gradients(NamedTuple):
    """Gradients of what logits are made from, where they are asked for."""

    of_hidden_ND: Tensor | None
    of_weight_VD: Tensor | None
    of_bias_V: Tensor | None

    def add(self, head: Head, rows: slice, slopes_CV: Tensor) -> None:
        """Carry the slopes in a chunk's logits back."""
        if self.of_hidden_ND is not None:
            self.of_hidden_ND[rows] = slopes_CV @ head.weight_VD
        if self.of_weight_VD is not None:
            _add_product(self.of_weight_VD, slopes_CV.mT, head.hidden_ND[rows])
        if self.of_bias_V is not None:
            self.of_bias_V.add_(slopes_CV.sum(dim=0, dtype=self.of_bias_V.dtype))


class _ChunkedLoss(torch.autograd.Function):
    """Projection and loss of a chunk at a time, with gradients made in the forward pass."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401 - autograd's own
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        loss: Callable[[Tensor, slice], Tensor],
        chunk_rows: int,
        wanted: bool,  # noqa: FBT001 - autograd passes by place
    ) -> Tensor:
        """Add up the chunks' losses, and their gradients where any is asked for."""
        leaves = (hidden_ND, weight_VD, bias_V)
        needed = context.needs_input_grad if wanted else (False, False, False)
        gradients = Gradients(
            torch.empty_like(hidden_ND) if needed[0] else None,
            *(
                torch.zeros_like(leaf, dtype=_long(leaf)) if leaf is not None and asked else None
                for leaf, asked in zip(leaves[1:], needed[1:3], strict=True)
            ),
        )
        wanted = any(gradient is not None for gradient in gradients)
        kind = _kind(hidden_ND, weight_VD)
        head = Head(
            hidden_ND.to(kind), weight_VD.to(kind), None if bias_V is None else bias_V.to(kind)
        )
        total = hidden_ND.new_zeros((), dtype=_long(hidden_ND))
        context.lift = _lift(kind, len(hidden_ND))
        for rows, logits_CV in head.chunks(chunk_rows):
            leaf_CV = logits_CV.detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                value = loss(leaf_CV, rows)
            total += value.detach()
            if wanted:
                lift = torch.full_like(value, context.lift)
                (slopes_CV,) = torch.autograd.grad(value, leaf_CV, lift)
                gradients.add(head, rows, slopes_CV)
                del slopes_CV, value  # before the next chunk's are made
        context.gradients = [
            None if gradient is None or leaf is None else gradient.to(leaf.dtype)
            for gradient, leaf in zip(gradients, leaves, strict=True)
        ]
        return total

    @staticmethod
    @once_differentiable
    def backward(
        context: Any,  # noqa: ANN401 - autograd's own
        slope: Tensor,
    ) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass made, unless nothing stands between it and the loss."""
        scale = slope / context.lift
        scaled = (
            None if kept is None else handed_out(kept) if scale == 1 else kept * scale
            for kept in context.gradients
        )
        return (*scaled, None, None, None)


def _add_product(sum_VD: Tensor, left_VC: Tensor, right_CD: Tensor) -> None:
    """Add a product of matrices in a shorter type, some rows at a time."""
    if left_VC.dtype == sum_VD.dtype:
        sum_VD.addmm_(left_VC, right_CD)
        return
    at_once = OF_A_CORE if sum_VD.device.type == "cpu" else OF_A_GPU
    for start in range(0, len(sum_VD), rows := max(at_once // sum_VD.shape[1], 1)):
        sum_VD[start : start + rows] += left_VC[start : start + rows] @ right_CD


def _kind(hidden_ND: Tensor, weight_VD: Tensor) -> torch.dtype:
    """What `torch.nn.functional.linear` would make, also where types are chosen for it."""
    device = hidden_ND.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return torch.promote_types(hidden_ND.dtype, weight_VD.dtype)


def _lift(kind: torch.dtype, rows: int) -> int:
    """By what slopes are held larger: those of a mean are lost in a type of so short a range."""
    return 1 << rows.bit_length() if kind == torch.float16 else 1


def _long(leaf: Tensor) -> torch.dtype:
    """Float32 at least: many chunks are added up."""
    return torch.promote_types(leaf.dtype, torch.float32)
