"""Token embeddings of a few words, with a real tokenizer, made without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers

from locum.students.pieces import PieceTokenizer
from locum.students.token_embeddings import TokenEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["CLUSTERS", "clustered_embeddings", "random_embeddings", "train_tokenizer"]

# Words that mean about the same, spelled without a letter sequence in common.
CLUSTERS = (
    ("money", "cash", "funds", "coin", "salary", "wages"),
    ("train", "bus", "tram", "ferry", "plane", "coach"),
    ("rain", "snow", "hail", "storm", "fog", "sleet"),
)
_FILLERS = ("the", "a", "is", "it", "was", "my", "and", "##s", "##ed", "!", "?", ".", "x", "##x")
_SPECIAL = _, _UNKNOWN = ("[PAD]", "[UNK]")


def _tokenizer(words: Iterable[str]) -> tokenizers.Tokenizer:
    vocabulary = {word: number for number, word in enumerate([*_SPECIAL, *words])}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def clustered_embeddings(dimensions: int = 16, *, normalise: bool = True) -> TokenEmbeddings:
    """Embeddings in which the words of a cluster lie near each other."""
    dice = np.random.default_rng(3)
    words = [word for cluster in CLUSTERS for word in cluster] + list(_FILLERS)
    centres = np.repeat(dice.normal(size=(len(CLUSTERS), dimensions)), len(CLUSTERS[0]), axis=0)
    vectors = dice.normal(scale=0.3, size=(len(words) + len(_SPECIAL), dimensions))
    vectors[len(_SPECIAL) : len(_SPECIAL) + len(centres)] += centres
    tokenizer = PieceTokenizer(_tokenizer(words).to_str().encode())
    return TokenEmbeddings(vectors.astype(np.float32), tokenizer, normalise)


def train_tokenizer(texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
    """A tokenizer as that of BERT, trained on some texts."""
    tokenizer = _tokenizer(())
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(_SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def random_embeddings(tokenizer: tokenizers.Tokenizer, dimensions: int) -> TokenEmbeddings:
    """Embeddings without any meaning."""
    dice = np.random.default_rng(4)
    size = tokenizer.get_vocab_size()
    vectors: NDArray[np.float32] = dice.normal(size=(size, dimensions)).astype(np.float32)
    return TokenEmbeddings(vectors, PieceTokenizer(tokenizer.to_str().encode()), normalise=True)
