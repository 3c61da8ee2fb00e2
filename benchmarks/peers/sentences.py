"""Embeddings of a sentence encoder, kept in a file over runs: they are the same for all heads."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["EmbeddedTexts", "WithEncoder", "embed_texts", "encode"]

_BATCH = 32


class WithEncoder(Protocol):
    """Says which encoder is used, and where what it embeds is kept."""

    @property
    def encoder(self) -> str:
        """Its folder."""
        ...

    @property
    def embeddings(self) -> str:
        """File of embeddings."""
        ...


class EmbeddedTexts(NamedTuple):
    """Embeddings of length 1, ``[N, D]``, and how long the encoder took for them, in seconds."""

    vectors: NDArray[np.float32]
    seconds: float


@lru_cache(maxsize=1)
def _encoder(folder: str) -> Any:  # noqa: ANN401 - sentence-transformers need not be installed
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, device="cpu")


def encode(folder: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return embeddings of length 1, ``[N, D]``, without a look at what is kept."""
    found: NDArray[np.float32] = _encoder(folder).encode(
        list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
    )
    return found


def embed_texts(given: WithEncoder, texts: Sequence[str]) -> EmbeddedTexts:
    """Return embeddings and the time that they took when they were made.

    Args:
        given: Says which encoder, and where its embeddings are kept.
        texts: What to embed; those not kept yet are embedded now.
    """
    kept = _read(Path(given.embeddings))
    missing = [text for text in dict.fromkeys(texts) if text not in kept]
    if missing:
        started = time.process_time()
        vectors = encode(given.encoder, missing)
        each = (time.process_time() - started) / len(missing)
        kept |= {text: (vector, each) for text, vector in zip(missing, vectors, strict=True)}
        _write(Path(given.embeddings), kept)
    found = [kept[text] for text in texts]
    return EmbeddedTexts(np.stack([row[0] for row in found]), sum(row[1] for row in found))


def _read(path: Path) -> dict[str, tuple[NDArray[np.float32], float]]:
    if not path.exists():
        return {}
    with np.load(path) as kept:
        texts = kept["texts"].tobytes().decode("utf-8", "surrogatepass").split("\0")
        return dict(
            zip(texts, zip(kept["vectors"], kept["seconds"].tolist(), strict=True), strict=True)
        )


def _write(path: Path, kept: dict[str, tuple[NDArray[np.float32], float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    joined = "\0".join(kept).encode("utf-8", "surrogatepass")
    np.savez(
        part,
        texts=np.frombuffer(joined, np.uint8),
        vectors=np.stack([vector for vector, _ in kept.values()]),
        seconds=np.array([seconds for _, seconds in kept.values()]),
    )
    part.replace(path)
