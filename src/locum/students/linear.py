"""The base family: words and n-grams into a softmax that is trained on whole distributions."""

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
from locum.students.low_rank import fit_low_rank_regression
from locum.students.protocol import Judgement
from locum.students.row_table import RowTable
from locum.students.softmax_regression import build_terms, fit_softmax_regression
from locum.students.vocabulary import Vocabulary, choose_vocabulary
from locum.students.word_counts import CountedTexts
from locum.students.word_design import WordDesign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["LinearStudent"]

Floats = NDArray[np.float32]

_WEIGHTS, _PARAMETERS = "weights.safetensors", "student.json"
_UNREADABLE = (
    OSError,
    SafetensorError,
    orjson.JSONDecodeError,
    TypeError,
    KeyError,
    UsageError,
)
_OVERHEAD = 8_192
_BYTES_OF_LABEL = 12  # scale, intercept, and the quotes and comma of its name
_LARGEST = 127
_TOLERANCE = 1e-4
_WORD_WEIGHTS = range(1, 17)
_RANKS = range(513)
_LABELS_FOR_RANK = 16


class LinearStudent(BaseStudent):
    """Softmax regression on words, n-grams of characters inside words, and pairs of words.

    A text's features are its words' weights over the text's length (see `WordDesign`), so that a
    word is looked up with all its n-grams at once. The loss is
    ``(1 - w) * T^2 * CE(soft labels at T, softmax(z / T)) + w * CE(human label, softmax(z)) +
    l2 / 2 * |W|^2`` averaged over the inputs (Hinton, Vinyals and Dean 2015): convex in the
    weights. L-BFGS starts at zero and stops where two steps in a row gain less than 1e-4 of the
    loss each; no random number takes part. With a ``rank`` the weights are the mean of four
    matrices of that rank instead, and the end of training takes the place of the penalty (see
    `fit_low_rank_regression`): better where there are many labels, slower to train, and the same to
    predict with. The weights are then rounded to 8 bits, each label with a power of two as its
    unit, and it is these that predict.

    The novelty of an input is the share of its words and n-grams that have no column, which fewer
    than two training inputs held, each by its weight; 1 where an input has no word at all.

    Args:
        classes: The labels, in the order of the soft labels' columns.
        l2: Strength of the penalty on the weights; there is none with a ``rank``.
        temperature: Distillation temperature ``T``.
        human_weight: ``w``, between 0 and 1: how much a human label counts where there is one.
        word_weight: How much words and pairs of words count against n-grams of characters.
        rank: Of the weights; 0 for no bound on it.
        max_iterations: Bound on the iterations of L-BFGS; it bounds the time for many inputs.
        max_bytes: Bound on what is saved; of more columns those that the most inputs hold are kept.
    """

    family: ClassVar[str] = "linear"
    searched: ClassVar[bool] = True

    def __init__(
        self,
        classes: Sequence[str],
        l2: float = 5e-6,
        temperature: float = 1.0,
        human_weight: float = 0.0,
        word_weight: int = 2,
        rank: int = 0,
        max_iterations: int = 40,
        max_bytes: int = 3_000_000,
    ) -> None:
        positive = all(number > 0 for number in (l2, temperature, max_bytes))
        whole = word_weight in _WORD_WEIGHTS and rank in _RANKS
        if not (positive and 0 <= human_weight <= 1 and whole):
            raise UsageError(
                f"l2={l2}, temperature={temperature}, human_weight={human_weight}, "
                f"word_weight={word_weight}, rank={rank}, max_bytes={max_bytes}: expected l2 > 0, "
                "temperature > 0, 0 <= human_weight <= 1, a whole word_weight from 1 to 16, a "
                "whole rank from 0 to 512 and max_bytes > 0"
            )
        self.classes_ = tuple(classes)
        self.l2 = l2
        self.temperature = temperature
        self.human_weight = human_weight
        self.word_weight = int(word_weight)
        self.rank = int(rank)
        self.max_iterations = max_iterations
        self.max_bytes = max_bytes

    @property
    def tried(self) -> Mapping[str, Sequence[float]]:
        """Values of settings of its own that are worth trying, the most telling first.

        A rank is among them where there are at least 16 labels: with two to eight it gained nothing
        (``benchmarks/linear_rank.py``).
        """
        ranks = {"l2": (), "rank": (32,)} if len(self.classes_) >= _LABELS_FOR_RANK else {}
        return {"word_weight": (1, 4), **ranks}

    @staticmethod
    def prepare(inputs: Sequence[str]) -> Sequence[str]:
        """Return inputs that several students can be fitted to without splitting them again."""
        return CountedTexts(inputs)

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
        counted = texts if isinstance(texts, CountedTexts) else CountedTexts(texts)
        design = self._design(counted)
        terms = build_terms(soft_labels, human_labels, self.temperature, self.human_weight)
        if self.rank:
            weights, intercept = fit_low_rank_regression(design.matrix(), terms, self.rank)
        else:
            weights, intercept = fit_softmax_regression(
                design, terms, self.l2, self.max_iterations, _TOLERANCE
            )
        weights *= design.vocabulary.values[:, None]
        largest = np.abs(weights).max(axis=0, initial=0)
        largest[largest == 0] = _LARGEST
        scale = np.exp2(np.ceil(np.log2(largest / _LARGEST)))
        quantised = np.rint(weights / scale).astype(np.int8)
        self._take(design.vocabulary, quantised, scale, intercept)
        return self

    def _design(self, counted: CountedTexts) -> WordDesign:
        """Return the design of these texts; it is kept with them for students like this one."""
        key = (len(self.classes_), self.max_bytes, self.word_weight)
        if key not in counted.designs:
            names = sum(len(name.encode("utf-8", "surrogatepass")) for name in self.classes_)
            room = self.max_bytes - _OVERHEAD - names - _BYTES_OF_LABEL * len(self.classes_)
            vocabulary = choose_vocabulary(counted, len(self.classes_), room, self.word_weight)
            counted.designs[key] = WordDesign(counted, vocabulary)
        return counted.designs[key]

    def _take(
        self,
        vocabulary: Vocabulary,
        quantised: NDArray[np.int8],
        scale: Floats,
        intercept: Floats,
    ) -> None:
        """Take the fitted state."""
        self.vocabulary_ = vocabulary
        self.quantised_, self.scale_, self.intercept_ = quantised, scale, intercept
        self._table = RowTable(vocabulary, quantised * scale)

    @property
    def coef_(self) -> Floats:
        """Weights of the columns, ``[D, C]``, as they are after rounding."""
        weights: Floats = self.quantised_ * self.scale_ / self.vocabulary_.values[:, None]
        return weights

    def _judge(self, texts: list[str]) -> Judgement:
        if len(texts) == 1:
            return self._judge_one(texts[0])
        parts = [self._judge_totals(totals) for totals in self._table.totals(texts)]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Judgement(np.zeros((0, len(self.classes_)), np.float32), np.zeros(0, np.float32))
        return Judgement(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _judge_one(self, text: str) -> Judgement:
        """Do as `_judge_totals` does, with the fewest calls."""
        total = self._table.total(text)
        labels = len(self.classes_)
        square, unknown, mass = total[labels:].tolist()
        proba = total[:labels]
        proba /= math.sqrt(square or 1.0)
        proba += self.intercept_
        proba -= proba.item(proba.argmax())
        np.exp(proba, proba)
        proba /= np.add.reduce(proba)
        novelty = unknown / mass if mass else 1.0
        return Judgement(proba.reshape(1, labels), np.array([novelty], np.float32))

    def _judge_totals(self, totals: Floats) -> Judgement:
        labels = len(self.classes_)
        square, unknown, mass = totals[:, labels:].T
        proba = totals[:, :labels] / np.sqrt(np.maximum(square, 1))[:, None]
        proba += self.intercept_
        proba -= np.maximum.reduce(proba, axis=1)[:, None]
        np.exp(proba, out=proba)
        proba /= np.add.reduce(proba, axis=1)[:, None]
        novelty = np.where(mass > 0, unknown / np.maximum(mass, 1), np.float32(1))
        return Judgement(proba, novelty)

    def _save(self, directory: Path) -> list[Path]:
        tensors: dict[str, NDArray[Any]] = {
            "quantised": self.quantised_,
            "scale": self.scale_,
            "intercept": self.intercept_,
            **self.vocabulary_.pack(),
        }
        (directory / _WEIGHTS).write_bytes(save(tensors))
        write_parameters(directory / _PARAMETERS, self.get_params())
        return [directory / _WEIGHTS, directory / _PARAMETERS]

    @classmethod
    def _load(cls, directory: Path) -> Self:
        try:
            student = cls(**orjson.loads((directory / _PARAMETERS).read_bytes()))
            tensors = load_file(directory / _WEIGHTS)
            student._restore(tensors)
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no linear student: {error}") from None
        return student

    def _restore(self, tensors: dict[str, NDArray[Any]]) -> None:
        vocabulary = Vocabulary.unpack(tensors)
        quantised, scale, intercept = (
            tensors[name] for name in ("quantised", "scale", "intercept")
        )
        labels = len(self.classes_)
        sound = (
            quantised.dtype == np.int8
            and quantised.shape == (len(vocabulary), labels)
            and all(t.dtype == np.float32 and t.shape == (labels,) for t in (scale, intercept))
            and bool(np.isfinite(scale).all() and np.isfinite(intercept).all())
        )
        if not sound:
            raise ArtefactError(
                f"the weights do not fit {len(vocabulary)} columns and {labels} labels, or are "
                "not finite: save the student again"
            )
        self._take(vocabulary, quantised, scale, intercept)
