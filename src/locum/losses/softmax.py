"""Softmax at a temperature, and the same softening of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["log_softmax", "soften", "soften_best", "softmax"]

FloatT = TypeVar("FloatT", np.float32, np.float64)


def log_softmax(logits: NDArray[FloatT], temperature: float = 1.0) -> NDArray[FloatT]:
    """Return ``log softmax(logits / temperature)`` over the last axis, in the logits' type.

    Logits that are whole numbers give float64. The largest logit is subtracted first, so that
    logits of any finite size are safe.
    """
    shifted = (logits - logits.max(axis=-1, keepdims=True)) / float(temperature)
    normaliser = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    result: NDArray[FloatT] = shifted - normaliser
    return result


def softmax(logits: NDArray[FloatT], temperature: float = 1.0) -> NDArray[FloatT]:
    """Return ``softmax(logits / temperature)`` over the last axis, in the logits' type."""
    result: NDArray[FloatT] = np.exp(log_softmax(logits, temperature))
    return result


def soften(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return ``p^(1/T) / sum p^(1/T)`` over the last axis, in float64.

    This is ``softmax(log(p) / T)``: what a teacher with these probabilities says at temperature
    ``T``. A probability of zero stays zero, so a single answer is not changed.

    Args:
        probabilities: ``[..., C]``, non-negative, each row with a positive entry.
        temperature: ``T > 0``; above one flattens, below one sharpens.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.log(probabilities.astype(np.float64))
    return softmax(logarithms, temperature)


def soften_best(
    probabilities: NDArray[np.floating], temperature: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return places and values of the largest entries of `soften`, ``[N]``, in half the time.

    Args:
        probabilities: ``[N, C]``; see `soften`.
        temperature: Likewise.
    """
    with np.errstate(divide="ignore"):
        shifted = np.log(probabilities.astype(np.float64))
    shifted -= np.maximum.reduce(shifted, axis=1)[:, np.newaxis]
    shifted /= temperature
    np.exp(shifted, shifted)
    values: NDArray[np.float64] = np.exp(-np.log(np.add.reduce(shifted, axis=1)))
    return probabilities.argmax(axis=1), values
