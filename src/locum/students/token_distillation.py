"""Token embeddings out of a sentence encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from locum.errors import UsageError
from locum.students.encoder_refusal import check_finite, refusing
from locum.students.encoder_source import load_model
from locum.students.pieces import PieceTokenizer
from locum.students.token_embeddings import TokenEmbeddings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedModel

__all__ = ["distil_token_embeddings"]

_BATCH = 1024
_SMOOTHING = 1e-4


def distil_token_embeddings(folder: Path, dimensions: int = 256) -> TokenEmbeddings:
    """Return a vector for each piece of an encoder's vocabulary.

    The method of Model2Vec (Tulkens and van Dongen 2024): each piece goes through the encoder by
    itself, its last hidden states are averaged, special tokens included, and rotated to principal
    components. Beside these stand the principal components of the encoder's input embeddings,
    which keep what the encoder's context washes out. Both halves have the same root mean square.
    A piece of rank ``r`` weighs ``a / (a + p_r)`` with ``a = 1e-4`` (smooth inverse frequency;
    Arora, Liang and Ma 2017), where ``p_r`` is proportional to ``1 / (r + 1)`` (Zipf's law) and
    the vocabulary is taken to be in the order of frequency.

    Args:
        folder: Encoder and tokenizer as transformers reads them. No code in it is run.
        dimensions: Most components of each half.

    Raises:
        UsageError: The encoder cannot be loaded or run, or the extra is not installed.
    """
    place = str(folder)
    tokenizer = PieceTokenizer((folder / "tokenizer.json").read_bytes())
    try:
        model = load_model(place)
    except UsageError as error:
        raise UsageError(f"{error}; or give token embeddings in Model2Vec's format") from None
    with refusing(place, "distilled"):
        lexical = _input_embeddings(model)
        if len(lexical) < tokenizer.size:
            raise UsageError(
                f"encoder {place!r} knows {len(lexical)} pieces, its tokenizer {tokenizer.size}"
            )
        halves = [_encode(model, tokenizer), lexical[: tokenizer.size]]
        for half in halves:
            check_finite(place, half)
    joined = np.concatenate([_principal(half, dimensions) for half in halves], axis=1)
    weights = _inverse_frequency(tokenizer.size)
    vectors = (joined * weights[:, None] / np.sqrt(2)).astype(np.float32)
    return TokenEmbeddings(vectors, tokenizer, normalise=True)


def _input_embeddings(model: PreTrainedModel) -> NDArray[np.float32]:
    layer: Any = model.get_input_embeddings()
    weights: NDArray[np.float32] = layer.weight.detach().numpy()
    return weights


def _encode(model: PreTrainedModel, tokenizer: PieceTokenizer) -> NDArray[np.float32]:
    """Mean last hidden state of each piece by itself, ``[V, d]``."""
    import torch

    before, after = tokenizer.around()
    encoded = []
    with torch.inference_mode():
        for first in range(0, tokenizer.size, _BATCH):
            pieces = torch.arange(first, min(first + _BATCH, tokenizer.size))
            columns = [torch.full_like(pieces, token) for token in before]
            columns += [pieces, *(torch.full_like(pieces, token) for token in after)]
            found: Any = model(input_ids=torch.stack(columns, dim=1))
            encoded.append(found.last_hidden_state.mean(dim=1).numpy())
    return np.concatenate(encoded)


def _principal(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float64]:
    """Most varied directions of centred vectors, scaled to a root mean square length of 1."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    rotated = centred @ axes[:, ::-1][:, :dimensions]
    length = np.sqrt((rotated**2).sum(axis=1).mean())
    scaled: NDArray[np.float64] = rotated / max(length, np.finfo(np.float64).tiny)
    return scaled


def _inverse_frequency(count: int) -> NDArray[np.float64]:
    probability = 1 / np.arange(2, count + 2)
    probability /= probability.sum()
    weights: NDArray[np.float64] = _SMOOTHING / (_SMOOTHING + probability)
    return weights
