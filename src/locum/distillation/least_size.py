"""How small a student can be at best, known before it is trained."""

from __future__ import annotations

import math

from safetensors import SafetensorError, safe_open

from locum.folders import find_folder

__all__ = ["least_bytes"]

_WEIGHTS = "model.safetensors"
_NOT_SAVED = ("pooler", "position")


def least_bytes(encoder: str) -> int:
    """Return the fewest bytes that a student which keeps a whole encoder can have.

    It saves a byte for each weight at least, but for what some encoders hold and it need not.

    Args:
        encoder: Folder of the encoder, or its name on the hub.

    Returns:
        0 where that is not known: the encoder is not here yet, or is no encoder.
    """
    folder = find_folder(encoder)
    if folder is None or not (folder / _WEIGHTS).is_file():
        return 0
    try:
        with safe_open(folder / _WEIGHTS, framework="numpy") as file:
            kept = [name for name in file.keys() if not any(part in name for part in _NOT_SAVED)]  # noqa: SIM118 - not a dict
            return sum(math.prod(file.get_slice(name).get_shape()) for name in kept)
    except (OSError, SafetensorError):
        return 0
