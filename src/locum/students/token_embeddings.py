"""A vector for each piece of a vocabulary: read, written, and pooled as Model2Vec does."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from locum.errors import UsageError
from locum.folders import find_folder
from locum.students.encoder_source import may_be_on_hub
from locum.students.pieces import PieceTokenizer, missing_static_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["TokenEmbeddings", "load_token_embeddings"]

_CONFIG, _VECTORS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_FOLDERS = (".", "0_StaticEmbedding")
_NAMES = ("embeddings", "embedding.weight")
_PATTERNS = [_CONFIG, "*.safetensors", _TOKENIZER, "0_StaticEmbedding/*"]
_CURE = "expected a folder, or the name of one on the Hugging Face hub"


class TokenEmbeddings(NamedTuple):
    """Static token embeddings.

    Args:
        vectors: A vector for each number that the tokenizer gives, float32 ``[V, d]``. Its length
            is how much the piece counts.
        tokenizer: Cuts texts into pieces.
        normalise: Whether a pooled vector is scaled to length 1.
    """

    vectors: NDArray[np.float32]
    tokenizer: PieceTokenizer
    normalise: bool

    def pool(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the mean vector of each text's pieces, ``[N, d]``; zeros where it has none.

        Pieces that the vocabulary lacks do not count (Tulkens and van Dongen 2024).
        """
        starts, ids = self.tokenizer.cut(texts)
        rows = np.repeat(np.arange(len(texts)), np.diff(starts))
        known = ids != self.tokenizer.unknown_id
        pooled = np.zeros((len(texts), self.vectors.shape[1]), np.float32)
        np.add.at(pooled, rows[known], self.vectors[ids[known]])
        counts = np.bincount(rows[known], minlength=len(texts))
        pooled /= np.maximum(counts, 1)[:, None].astype(np.float32)
        if self.normalise:
            lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
            pooled /= np.maximum(lengths, np.float32(1e-32))
        return pooled

    def save(self, folder: Path) -> None:
        """Write them into a folder in Model2Vec's format."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _VECTORS).write_bytes(save({"embeddings": self.vectors}))
        (folder / _TOKENIZER).write_bytes(self.tokenizer.content)
        config = {
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "hidden_dim": self.vectors.shape[1],
            "normalize": self.normalise,
            "embedding_dtype": "float32",
        }
        (folder / _CONFIG).write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2))


def load_token_embeddings(place: str) -> TokenEmbeddings:
    """Read token embeddings, or distil them from a sentence encoder.

    Those read or distilled last are kept in memory, as long as their files stay the same. The hub
    is asked once for each name.

    Args:
        place: A folder in Model2Vec's format, a folder that holds a sentence encoder as
            transformers reads it, or the name of either on the Hugging Face hub.

    Raises:
        UsageError: There is nothing of the kind, it cannot be read, or an extra is not installed.
    """
    folder = find_folder(place) or _download(place)
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".safetensors"})
    stamps = [(path.as_posix(), path.stat()) for path in files]
    stamp = tuple((name, found.st_size, found.st_mtime_ns) for name, found in stamps)
    return _load(folder.resolve(), stamp)


@lru_cache(maxsize=2)
def _load(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> TokenEmbeddings:  # noqa: ARG001 - a key
    for inner in _FOLDERS:
        vectors = folder / inner / _VECTORS
        tokenizer = folder / inner / _TOKENIZER
        if vectors.is_file() and tokenizer.is_file() and _is_static(vectors):
            return _read(folder, vectors, tokenizer)
    if not (folder / _CONFIG).is_file() or not (folder / _TOKENIZER).is_file():
        raise UsageError(
            f"{str(folder)!r} holds no token embeddings and no sentence encoder: expected "
            f"{_CONFIG}, {_VECTORS} and {_TOKENIZER}"
        )
    from locum.students.token_distillation import distil_token_embeddings

    return distil_token_embeddings(folder)


def _is_static(path: Path) -> bool:
    """Whether a file holds token embeddings: its header tells."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return any(name in file.keys() for name in _NAMES)  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}") from None


def _read(folder: Path, path: Path, tokenizer_path: Path) -> TokenEmbeddings:
    try:
        tensors = load_file(path)
        config = folder / _CONFIG
        settings = dict(orjson.loads(config.read_bytes())) if config.is_file() else {}
        tokenizer = PieceTokenizer(tokenizer_path.read_bytes())
        vectors = _vectors(tensors)
    except (OSError, SafetensorError, ValueError, TypeError, IndexError, KeyError) as error:
        raise UsageError(f"{str(folder)!r} holds no token embeddings: {error}") from None
    if len(vectors) < tokenizer.size or not np.isfinite(vectors).all():
        raise UsageError(
            f"{str(folder)!r}: {len(vectors)} vectors for {tokenizer.size} pieces, all of them "
            "expected to be finite"
        )
    return TokenEmbeddings(vectors, tokenizer, bool(settings.get("normalize", False)))


def _vectors(tensors: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    """Vectors by piece: clusters of pieces and weights (vocabulary quantisation) are resolved."""
    stored = next(tensors[name] for name in _NAMES if name in tensors)
    vectors = stored.astype(np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"embeddings of shape {vectors.shape}, expected two dimensions")
    if "mapping" in tensors:
        vectors = vectors[tensors["mapping"].astype(np.int64)]
    if "weights" in tensors:
        vectors = vectors * tensors["weights"].astype(np.float32)[:, None]
    return np.ascontiguousarray(vectors)


@cache
def _download(place: str) -> Path:
    if not may_be_on_hub(place):
        raise UsageError(f"token embeddings {place!r} do not exist: {_CURE}")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_static_extra(error) from None
    try:
        return Path(snapshot_download(place, allow_patterns=_PATTERNS))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise UsageError(
            f"token embeddings {place!r} cannot be fetched: {type(error).__name__}: "
            f"{reason[:200]}; {_CURE}: where the hub cannot be reached, give a folder"
        ) from None
