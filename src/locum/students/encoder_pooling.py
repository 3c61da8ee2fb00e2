"""From an encoder's hidden states to one vector a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.students.encoder_source import Pooling

__all__ = ["last_width", "pool", "pooled"]

_PARTS = 3


def pooled(model: PreTrainedModel, pooling: Pooling, ids: Tensor, mask: Tensor | None) -> Tensor:
    """Pool the hidden states of inputs ``[N, T]`` to vectors ``[N, 3 d]``.

    Those of the layers at a third, two thirds and the whole of the depth are pooled, and scaled to
    length 1 each; the last layer's ``d`` numbers come last. A model of fewer layers, or whose
    layers are not alike, gives as many as it has. What a task asks for is not always at the top: an
    encoder of sentences forgets there what in a question tells its kind. Features of several layers
    side by side are those of Devlin et al. 2019, section 5.3.
    """
    import torch
    from torch.nn.functional import normalize

    states = _states(model, ids, mask)
    return torch.cat([normalize(pool(one, mask, pooling), dim=-1) for one in states], dim=-1)


def last_width(model: PreTrainedModel) -> int:
    """Return how many numbers of a pooled vector are the last layer's: ``d``.

    A config does not always say so, and that of a model of several parts may mean another part.
    """
    import torch

    with torch.no_grad():
        *_, last = _states(model, torch.ones((1, 1), dtype=torch.int64), None)
    return int(last.shape[-1])


def _states(model: PreTrainedModel, ids: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Hidden states ``[N, T, d]`` of some layers, the last one's last."""
    found = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    last: Tensor = found.last_hidden_state
    layers: tuple[Tensor, ...] = found.hidden_states or (last,)
    depth = len(layers) - 1
    places = sorted({-(-depth * part // _PARTS) for part in range(1, _PARTS)} - {0, depth})
    alike = [layers[place] for place in places if layers[place].shape == last.shape]
    return [*alike, last]


def pool(hidden: Tensor, mask: Tensor | None, pooling: Pooling) -> Tensor:
    """Return one vector a text, ``[N, d]``, from hidden states ``[N, T, d]``.

    Args:
        hidden: Of a layer of an encoder.
        mask: Not 0 at real tokens, ``[N, T]``; all are by default.
        pooling: Mean of the real tokens' states, or the state of the first token.
    """
    if pooling == "cls":
        return hidden[:, 0]
    if mask is None:
        return hidden.mean(dim=1)
    weights = mask.unsqueeze(-1).to(hidden)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
