"""Batches of any loader, and what any module in torch says of them.

A batch is a tensor of inputs, a pair of inputs and labels, or a mapping that is passed on by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["logits_of", "parts_of"]


def parts_of(batch: Any, device: str | None) -> tuple[Any, Tensor | None]:  # noqa: ANN401 - any batch
    """Divide a batch into what models are given, on a device if one is named, and labels.

    Raises:
        UsageError: It is none of those.
    """
    import torch

    if isinstance(batch, Mapping):
        if "label" in batch:
            raise UsageError(
                "a batch has 'label', which the models would be given: expected 'labels' for the "
                "labels"
            )
        named = _moved(batch, device)
        return named, named.pop("labels", None)
    if isinstance(batch, torch.Tensor):
        return _moved(batch, device), None
    if isinstance(batch, list | tuple) and 1 <= len(batch) <= 2:
        given, *labels = (_moved(part, device) for part in batch)
        return given, (labels[0] if labels else None)
    raise UsageError(
        f"a batch is a {type(batch).__name__}"
        f"{f' of {len(batch)}' if isinstance(batch, list | tuple) else ''}, expected a tensor of "
        "inputs, a pair of inputs and labels, or a mapping"
    )


def _moved(value: Any, device: str | None) -> Any:  # noqa: ANN401 - any part of a batch
    """Move all tensors of a part; a mapping is copied, as it may be the caller's."""
    if isinstance(value, Mapping):
        return {name: _moved(part, device) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(part, device) for part in value)
    return value if device is None or not hasattr(value, "to") else value.to(device)


def logits_of(model: Module, given: Any, whose: str) -> Tensor:  # noqa: ANN401 - any input
    """Return what a model, the student or the teacher, says of inputs.

    Raises:
        UsageError: That is no logits of several inputs.
    """
    import torch

    answer = model(**given) if isinstance(given, Mapping) else model(given)
    named = isinstance(answer, Mapping)
    logits = answer.get("logits") if named else getattr(answer, "logits", answer)
    if not isinstance(logits, torch.Tensor):
        raise UsageError(
            f"the {whose} returned a {type(answer).__name__}, expected a tensor of logits, or a "
            "mapping or an object with 'logits': wrap it in a module that returns them"
        )
    if logits.ndim < 2:
        raise UsageError(
            f"the {whose}'s logits are {list(logits.shape)}, expected inputs by classes: where the "
            "loader is a data set, give a DataLoader(data_set, batch_size=...)"
        )
    return logits
