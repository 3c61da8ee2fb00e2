"""Errors of the packages that an encoder goes through, as a refusal of that encoder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from locum.errors import LocumError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["check_finite", "refusing"]

_MOST_CHARACTERS = 200


@contextmanager
def refusing(encoder: str, step: str) -> Iterator[None]:
    """Turn what torch, onnx and onnxruntime raise into a refusal of the encoder.

    Their errors share no class, and an encoder's own code within transformers may raise any. Errors
    of Locum pass as they are.

    Args:
        encoder: As the caller named it.
        step: What is done to it; the message says that it cannot be.

    Raises:
        UsageError: Another error was raised; it is the cause.
    """
    try:
        yield
    except LocumError:
        raise
    except Exception as error:
        raise UsageError(
            f"encoder {encoder!r} cannot be {step}: {_describe(error)}; expected one that "
            "torch runs and exports to ONNX, as it does those like BERT: take another encoder"
        ) from error


def check_finite(encoder: str, vectors: NDArray[np.float32]) -> None:
    """Refuse an encoder by what it gives.

    Raises:
        UsageError: Some of the vectors are not finite.
    """
    if not np.isfinite(vectors).all():
        raise UsageError(
            f"encoder {encoder!r} gives numbers that are not finite: expected weights that float32 "
            "holds; fetch it again, or take another encoder"
        )


def _describe(error: BaseException) -> str:
    """The class and the first line of what an error was raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = str(error).strip().split("\n", maxsplit=1)[0]
    return f"{type(error).__name__}: {reason[:_MOST_CHARACTERS]}"
