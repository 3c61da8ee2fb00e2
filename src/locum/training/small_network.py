"""A network of one hidden layer, or of none, with its gradients in numpy.

Shapes: N inputs, D features, C classes, H hidden values.
"""

# ruff: noqa: N803, N806, N815 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Scaling", "Weights", "backward", "forward", "initial", "shaped"]

_FARTHEST = 5.0


class Weights(NamedTuple):
    """Of a network with one hidden layer, or with none where ``hidden_DH`` has no columns."""

    hidden_DH: Floats
    hidden_H: Floats
    output_HC: Floats
    output_C: Floats


class Scaling(NamedTuple):
    """What standardises features, and cuts what is far out."""

    centre_D: Floats
    scale_D: Floats

    @classmethod
    def of(cls, features_ND: Floats) -> Self:
        """Return that of these features; one that never varies is only centred."""
        spread_D = features_ND.std(axis=0)
        spread_D[np.ptp(features_ND, axis=0) == 0] = 0.0  # of equal numbers it may be a rounding
        return cls(features_ND.mean(axis=0), np.where(spread_D, spread_D, 1.0))

    def scaled(self, features_ND: Floats) -> Floats:
        """Return features within five standard deviations of the mean."""
        scaled_ND: Floats = (features_ND - self.centre_D) / self.scale_D
        return scaled_ND.clip(-_FARTHEST, _FARTHEST)


def initial(features: int, hidden: int, classes: int, seed: int) -> Weights:
    """Begin as Glorot and Bengio (2010) do; softmax regression begins with zeros."""
    dice = np.random.default_rng(seed)
    wide = hidden or features
    spread = (6 / (features + hidden)) ** 0.5 if hidden else 0.0
    return Weights(
        dice.uniform(-spread, spread, (features, hidden)),
        np.zeros(hidden),
        dice.uniform(-1, 1, (wide, classes)) * ((6 / (wide + classes)) ** 0.5 if hidden else 0.0),
        np.zeros(classes),
    )


def shaped(flat: Floats, shapes: list[tuple[int, ...]]) -> Weights:
    """Return weights that were laid out in a row."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(flat, ends[:-1])
    return Weights(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


def forward(weights: Weights, scaled_ND: Floats) -> tuple[Floats, Floats]:
    """Return what enters the last layer, and the logits."""
    if weights.hidden_DH.shape[1]:
        scaled_ND = np.tanh(scaled_ND @ weights.hidden_DH + weights.hidden_H)
    return scaled_ND, scaled_ND @ weights.output_HC + weights.output_C


def backward(weights: Weights, scaled_ND: Floats, hidden_NH: Floats, slope_NC: Floats) -> Weights:
    """Return the gradients of all weights."""
    output_HC, output_C = hidden_NH.T @ slope_NC, slope_NC.sum(axis=0)
    if not weights.hidden_DH.shape[1]:
        return Weights(weights.hidden_DH.copy(), weights.hidden_H, output_HC, output_C)
    inside_NH = (slope_NC @ weights.output_HC.T) * (1 - hidden_NH**2)
    return Weights(scaled_ND.T @ inside_NH, inside_NH.sum(axis=0), output_HC, output_C)
