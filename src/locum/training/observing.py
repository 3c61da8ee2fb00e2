"""What an encoder computes on its way: hidden states, and queries, keys and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from locum.errors import UsageError
from locum.students.encoder_layers import find_stack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["EncoderObserver", "Observed", "Projections"]

# As BERT and its kin, MPNet and DistilBERT call them.
_NAMES = (("query", "key", "value"), ("q", "k", "v"), ("q_lin", "k_lin", "v_lin"))


class Projections(NamedTuple):
    """What one layer's attention works on, each ``[B, L, D]`` with its heads side by side."""

    query: Tensor
    key: Tensor
    value: Tensor


class Observed(NamedTuple):
    """One pass of an encoder.

    Args:
        hidden: The embeddings and the output of each layer, each ``[B, L, D]``.
        projections: Of each layer that was asked for, by its place.
    """

    hidden: tuple[Tensor, ...]
    projections: dict[int, Projections]


class EncoderObserver:
    """Runs an encoder and keeps what it computes; a context manager, which removes its hooks.

    Queries, keys and values are read at the layers' linear maps, before any position is added to
    them. So nothing depends on how the attention itself is computed: transformers returns
    attention maps from its slowest implementation alone.

    Args:
        model: The encoder.
        layers: Places of the layers whose queries, keys and values are kept.

    Raises:
        UsageError: The maps of a layer cannot be found.
    """

    def __init__(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        self._model = model
        self._seen: dict[tuple[int, str], Tensor] = {}
        self._maps = {layer: _find_maps(model, layer) for layer in layers}
        self._hooks: list[Any] = []

    def __enter__(self) -> Self:
        """Begin to watch."""
        for layer, maps in self._maps.items():
            for part, module in zip(Projections._fields, maps, strict=True):
                self._hooks.append(module.register_forward_hook(self._keep(layer, part)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the encoder as it was."""
        for hook in self._hooks:
            hook.remove()

    def __call__(self, batch: Mapping[str, Tensor]) -> Observed:
        """Run the encoder on tokens ``[B, L]``."""
        output = self._model(**batch, output_hidden_states=True)
        projections = {
            layer: Projections(*(self._seen[layer, part] for part in Projections._fields))
            for layer in self._maps
        }
        self._seen.clear()
        return Observed(output.hidden_states, projections)

    def _keep(self, layer: int, part: str) -> Any:  # noqa: ANN401 - a hook
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self._seen[layer, part] = output

        return hook


def _find_maps(model: PreTrainedModel, layer: int) -> tuple[nn.Module, ...]:
    """The linear maps to queries, keys and values in a layer."""
    from torch import nn

    found_at = find_stack(model)
    stack = getattr(*found_at) if found_at else {layer: nn.Module()}
    linear: dict[str, list[nn.Module]] = {}
    for path, module in stack[layer].named_modules():
        if isinstance(module, nn.Linear):
            linear.setdefault(path.rpartition(".")[2], []).append(module)
    for names in _NAMES:
        found = [linear.get(name, []) for name in names]
        if all(len(modules) == 1 for modules in found):
            return tuple(modules[0] for modules in found)
    raise UsageError(
        f"losses: no queries, keys and values are found in the layers of {type(model).__name__}, "
        "which the losses attention, minilm and relation compare: use hidden or cosine"
    )
