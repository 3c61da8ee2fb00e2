"""Positions of models in GGUF files, of which transformers reads the plain ones alone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedConfig

__all__ = ["with_positions"]

# The lengths that models of Llama 3's kind were trained on before their positions were stretched.
_LENGTHS = tuple(2**power for power in range(17, 3, -1))
_ALIKE = 1e-3


def with_positions(config: PreTrainedConfig, file: Path) -> PreTrainedConfig:
    """Return a model's config with the stretched positions that its file holds.

    llama.cpp keeps what Llama 3.1 and later divide their frequencies by (``rope_freqs.weight``),
    and transformers passes over it.

    Args:
        config: As transformers read it from the file.
        file: The file.

    Raises:
        UsageError: The file stretches positions in a way that is not read.
    """
    from gguf import GGUFReader

    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type", "default") != "default":
        return config
    reader = GGUFReader(file)
    scaling = [field for name, field in reader.fields.items() if name.endswith("rope.scaling.type")]
    kinds = {str(field.contents()) for field in scaling} - {"none"}
    factors = [tensor.data for tensor in reader.tensors if tensor.name == "rope_freqs.weight"]
    if kinds:
        raise _unread(file, f"rope.scaling.type {kinds.pop()!r}")
    if not factors or np.allclose(factors[0], 1):
        return config
    for length in _LENGTHS:
        stretched = copy.deepcopy(config)
        stretched.rope_parameters = rope | {
            "rope_type": "llama3",
            "factor": float(np.max(factors[0])),
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": length,
        }
        if np.allclose(_factors(stretched), factors[0], rtol=_ALIKE):
            return stretched
    raise _unread(file, "rope_freqs.weight of another kind than Llama 3's")


def _factors(config: PreTrainedConfig) -> NDArray[np.float64]:
    """What plain frequencies are divided by, as Llama 3 stretches slow ones."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    frequencies = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")[0].double().numpy()
    places = np.arange(len(frequencies)) / len(frequencies)
    plain = float(config.rope_parameters["rope_theta"]) ** -places
    found: NDArray[np.float64] = plain / frequencies
    return found


def _unread(file: Path, what: str) -> UsageError:
    return UsageError(
        f"{file} holds {what}, which transformers does not read: take the model's safetensors"
    )
