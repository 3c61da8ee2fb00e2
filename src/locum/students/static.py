"""The static family: token embeddings, and a softmax that is folded into them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from locum.errors import ArtefactError, UsageError
from locum.students.base import BaseStudent, read_lesson, write_parameters
from locum.students.encoder_source import shown_name
from locum.students.piece_design import CutTexts, PieceDesign
from locum.students.piece_index import PieceIndex, add_rows
from locum.students.piece_vocabulary import PieceVocabulary
from locum.students.pieces import PieceTokenizer, check_static_extra
from locum.students.protocol import Judgement
from locum.students.softmax_regression import build_terms, fit_softmax_regression
from locum.students.token_embeddings import load_token_embeddings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["StaticStudent"]

Floats = NDArray[np.float32]

_WEIGHTS, _PARAMETERS, _TOKENIZER = "weights.safetensors", "student.json", "tokenizer.json"
_UNREADABLE = (
    OSError,
    SafetensorError,
    orjson.JSONDecodeError,
    AttributeError,
    TypeError,
    KeyError,
    UsageError,
)
_OVERHEAD = 8_192
_LARGEST = 127
_TEXTS_AT_ONCE = 1_024


class StaticStudent(BaseStudent):
    """Softmax regression on pooled token embeddings, and on pieces and pairs of pieces.

    A piece's logits are those of its pre-trained vector under a head that all pieces share, plus
    a correction of its own if a training input holds it; neighbouring pieces that two training
    inputs hold have logits, too (see `PieceDesign`). Head and corrections are learned together:
    the loss is ``(1 - w) * T^2 * CE(soft labels at T, softmax(z / T)) + w * CE(human label,
    softmax(z)) + l2 / 2 * |W|^2`` averaged over the inputs (Hinton, Vinyals and Dean 2015), convex
    in the weights. L-BFGS starts at zero and stops where two steps gain less than 3e-5 of it;
    no random number takes part. The head is then folded into the vocabulary: prediction adds up
    rows of 8-bit logits, also those of pieces that no training input holds, and divides by the
    text's length.

    The novelty of an input is the mean of two shares: of its pieces that no training input holds,
    and of its pairs of neighbouring pieces that fewer than two held (see `PieceIndex`).

    Args:
        classes: The labels, in the order of the soft labels' columns.
        embeddings: A folder in Model2Vec's format, a folder that holds a sentence encoder, or the
            name of either on the Hugging Face hub; see `load_token_embeddings`.
        l2: Strength of the penalty on the weights.
        temperature: Distillation temperature ``T``.
        human_weight: ``w``, between 0 and 1: how much a human label counts where there is one.
        embedding_weight: How much pre-trained vectors count against the pieces themselves.
        max_iterations: Bound on the iterations of L-BFGS.
        max_bytes: Bound on what is saved, as far as the tokenizer leaves room; see `choose_pieces`.
    """

    family: ClassVar[str] = "static"
    searched: ClassVar[bool] = True
    extra: ClassVar[str] = "static"

    def __init__(
        self,
        classes: Sequence[str],
        embeddings: str,
        l2: float = 1.5e-5,
        temperature: float = 1.0,
        human_weight: float = 0.0,
        embedding_weight: float = 1.0,
        max_iterations: int = 200,
        max_bytes: int = 8_000_000,
    ) -> None:
        positive = (l2, temperature, embedding_weight, max_bytes)
        if not (all(number > 0 for number in positive) and 0 <= human_weight <= 1):
            raise UsageError(
                f"l2={l2}, temperature={temperature}, human_weight={human_weight}, "
                f"embedding_weight={embedding_weight}, max_bytes={max_bytes}: expected l2 > 0, "
                "temperature > 0, 0 <= human_weight <= 1, embedding_weight > 0 and max_bytes > 0"
            )
        self.classes_ = tuple(classes)
        self.embeddings = str(embeddings)
        self.l2 = l2
        self.temperature = temperature
        self.human_weight = human_weight
        self.embedding_weight = embedding_weight
        self.max_iterations = max_iterations
        self.max_bytes = max_bytes

    def prepare(self, inputs: Sequence[str]) -> Sequence[str]:
        """Return inputs that several students can be fitted to without cutting them again."""
        return CutTexts(inputs, load_token_embeddings(self.embeddings))

    @property
    def tried(self) -> Mapping[str, Sequence[float]]:
        """Values of settings of its own that are worth trying, the most telling first."""
        return {"embedding_weight": (3.0,)}

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each."""
        texts, soft_labels, human_labels = read_lesson(
            inputs, soft_labels, self.classes_, human_labels
        )
        cut = texts if isinstance(texts, CutTexts) else None
        if cut is None or cut.embeddings is not load_token_embeddings(self.embeddings):
            cut = CutTexts(texts, load_token_embeddings(self.embeddings))
        design = self._design(cut)
        terms = build_terms(soft_labels, human_labels, self.temperature, self.human_weight)
        weights, intercept = fit_softmax_regression(design, terms, self.l2, self.max_iterations)
        rows = design.fold(weights)
        scale = np.abs(rows).max(axis=0, initial=0) / _LARGEST
        scale[scale == 0] = 1
        quantised = np.rint(rows / scale).astype(np.int8)
        self._take(cut.embeddings.tokenizer, design.vocabulary, quantised, scale, intercept)
        return self

    def _design(self, cut: CutTexts) -> PieceDesign:
        """Return the design of these texts; it is kept with them for students like this one."""
        labels = len(self.classes_)
        key = (labels, self.max_bytes, self.embedding_weight)
        if key not in cut.designs:
            room = self.max_bytes - _OVERHEAD - 8 * labels - len(cut.embeddings.tokenizer.content)
            cut.designs[key] = PieceDesign(cut, labels, room, self.embedding_weight)
        return cut.designs[key]

    def _take(
        self,
        tokenizer: PieceTokenizer,
        vocabulary: PieceVocabulary,
        quantised: NDArray[np.int8],
        scale: Floats,
        intercept: Floats,
    ) -> None:
        """Take the fitted state."""
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self._index = PieceIndex(vocabulary)
        self.quantised_, self.scale_, self.intercept_ = quantised, scale, intercept

    def _judge(self, texts: list[str]) -> Judgement:
        if len(texts) == 1:
            return self._judge_one(texts[0])
        parts = [self._judge_some(some) for some in _batches(texts)]
        if not parts:
            return Judgement(np.zeros((0, len(self.classes_)), np.float32), np.zeros(0, np.float32))
        return Judgement(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _judge_one(self, text: str) -> Judgement:
        """Do as `_judge_some` does, with the fewest calls."""
        rows, squares, novelty = self._index.find_one(self._tokenizer.cut_one(text))
        proba = np.add.reduce(
            self.quantised_.take(np.array(rows, np.int64), axis=0), axis=0, dtype=np.float32
        )
        proba *= self.scale_
        proba /= np.float32(math.sqrt(squares or 1))
        proba += self.intercept_
        proba -= np.maximum.reduce(proba)
        np.exp(proba, out=proba)
        proba /= np.add.reduce(proba)
        return Judgement(proba.reshape(1, -1), np.array([novelty], np.float32))

    def _judge_some(self, texts: Sequence[str]) -> Judgement:
        found = self._index.find(self._tokenizer.cut(texts))
        logits = add_rows(self.quantised_, found)
        logits *= self.scale_
        logits /= np.sqrt(np.maximum(found.squares, 1)).astype(np.float32)[:, None]
        logits += self.intercept_
        logits -= np.maximum.reduce(logits, axis=1)[:, None]
        np.exp(logits, out=logits)
        logits /= np.add.reduce(logits, axis=1)[:, None]
        return Judgement(logits, found.novelty)

    @property
    def splits_at_spaces(self) -> bool:
        """Whether its tokenizer takes a text word by word, by rules that are known."""
        return self._tokenizer.splits_at_spaces

    def _save(self, directory: Path) -> list[Path]:
        tensors = {
            "quantised": self.quantised_,
            "scale": self.scale_,
            "intercept": self.intercept_,
            **self._vocabulary._asdict(),
        }
        (directory / _WEIGHTS).write_bytes(save(tensors))
        (directory / _TOKENIZER).write_bytes(self._tokenizer.content)
        shown = self.get_params() | {"embeddings": shown_name(self.embeddings)}
        write_parameters(directory / _PARAMETERS, shown)
        return [directory / name for name in (_WEIGHTS, _TOKENIZER, _PARAMETERS)]

    @classmethod
    def _load(cls, directory: Path) -> Self:
        check_static_extra()
        try:
            student = cls(**orjson.loads((directory / _PARAMETERS).read_bytes()))
            tensors = load_file(directory / _WEIGHTS)
            tokenizer = PieceTokenizer((directory / _TOKENIZER).read_bytes())
            student._restore(tensors, tokenizer)
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no static student: {error}") from None
        return student

    def _restore(self, tensors: dict[str, NDArray[Any]], tokenizer: PieceTokenizer) -> None:
        vocabulary = PieceVocabulary.unpack(tensors)
        quantised, scale, intercept = (
            tensors[name] for name in ("quantised", "scale", "intercept")
        )
        labels = len(self.classes_)
        sound = (
            quantised.dtype == np.int8
            and quantised.shape == (vocabulary.rows, labels)
            and all(t.dtype == np.float32 and t.shape == (labels,) for t in (scale, intercept))
            and bool(np.isfinite(scale).all() and np.isfinite(intercept).all())
            and tokenizer.size <= len(vocabulary.squares)
        )
        if not sound:
            raise ArtefactError(
                f"the weights do not fit {vocabulary.rows} rows, {labels} labels and "
                f"{tokenizer.size} pieces, or are not finite: save the student again"
            )
        self._take(tokenizer, vocabulary, quantised, scale, intercept)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(texts), _TEXTS_AT_ONCE):
        yield texts[first : first + _TEXTS_AT_ONCE]
