"""How alike two texts are to a sentence encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.students.encoder_source import load_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.writers.acceptance import Pair

__all__ = ["Embedder"]

_A_BATCH = 32
_MOST_TOKENS = 512


class Embedder:
    """Compares answers by their embeddings.

    Args:
        encoder: Folder or Hugging Face name of a sentence encoder.

    Raises:
        UsageError: There is none, or the extra ``encoder`` is not installed.
    """

    def __init__(self, encoder: str) -> None:
        from tokenizers import Tokenizer

        self._encoder = load_encoder(encoder)
        self._encoder.model.train(mode=False)
        self._tokenizer = Tokenizer.from_str(self._encoder.tokenizer.decode())
        self._tokenizer.enable_truncation(min(_MOST_TOKENS, self._encoder.most_tokens))
        self._tokenizer.enable_padding()

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return the cosine of each answer and its teacher's, ``[N]``; 0 where it is negative."""
        texts = list(dict.fromkeys(text for pair in pairs for text in (pair.written, pair.answer)))
        row_of = {text: row for row, text in enumerate(texts)}
        unit = self._embed(texts)
        written = unit[[row_of[pair.written] for pair in pairs]]
        answers = unit[[row_of[pair.answer] for pair in pairs]]
        cosines: NDArray[np.float64] = np.maximum(np.vecdot(written, answers), 0.0)
        return cosines

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the embedding of each text, of length 1, ``[N, D]``."""
        import torch

        found: list[NDArray[np.float64]] = [np.zeros((0, 1))]
        for start in range(0, len(texts), _A_BATCH):
            encoded = self._tokenizer.encode_batch(list(texts[start : start + _A_BATCH]))
            ids = torch.tensor([one.ids for one in encoded])
            mask = torch.tensor([one.attention_mask for one in encoded])
            with torch.inference_mode():
                states = self._encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
            if self._encoder.pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = mask[:, :, None].to(states.dtype)
                pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
            found.append(torch.nn.functional.normalize(pooled, dim=1).double().numpy())
        return np.concatenate(found[1:] or found)
