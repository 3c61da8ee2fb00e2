"""How the weights of an encoder may be kept."""

from __future__ import annotations

from typing import Literal

__all__ = ["WEIGHTS", "Weights"]

Weights = Literal["int8", "int8 with float32 second layers", "float32"]
WEIGHTS: tuple[Weights, ...] = ("int8", "int8 with float32 second layers", "float32")
