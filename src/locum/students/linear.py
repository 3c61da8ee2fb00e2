"""The base family: hashed n-grams into a softmax that is trained on whole distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from locum.errors import ArtefactError, UsageError
from locum.losses import soft_target_cross_entropy, soften, softmax
from locum.students.ngrams import NgramFeatures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from locum.students.ngrams import SparseRows

__all__ = ["LinearStudent"]

_WEIGHTS, _PARAMETERS = "weights.safetensors", "student.json"
_STOP = {"ftol": 3e-5, "maxcor": 5}
_UNREADABLE = (
    OSError,
    SafetensorError,
    orjson.JSONDecodeError,
    TypeError,
    KeyError,
    UsageError,
)
_MOST_WEIGHTS = 8_000_000
_GATHERED_FLOATS = 8_000_000


class LinearStudent:
    """Softmax regression on hashed n-grams.

    The loss is ``(1 - w) * T^2 * CE(soft labels at T, softmax(z / T)) + w * CE(human label,
    softmax(z)) + l2 / 2 * |W|^2`` averaged over the inputs (Hinton, Vinyals and Dean 2015): convex
    in the weights. L-BFGS starts at zero and stops where a step gains less than 3e-5 of the loss;
    no random number takes part. At most 8 million weights are learned.

    Args:
        classes: The labels, in the order of the soft labels' columns.
        l2: Strength of the penalty on the weights.
        temperature: Distillation temperature ``T``.
        human_weight: ``w``, between 0 and 1: how much a human label counts where there is one.
        max_iterations: Bound on the iterations of L-BFGS.
    """

    family: ClassVar[str] = "linear"

    def __init__(
        self,
        classes: Sequence[str],
        l2: float = 5e-6,
        temperature: float = 1.0,
        human_weight: float = 0.0,
        max_iterations: int = 200,
    ) -> None:
        if not (l2 > 0 and temperature > 0 and 0 <= human_weight <= 1):
            raise UsageError(
                f"l2={l2}, temperature={temperature}, human_weight={human_weight}: expected "
                "l2 > 0, temperature > 0 and 0 <= human_weight <= 1"
            )
        self.classes_ = tuple(classes)
        self.l2 = l2
        self.temperature = temperature
        self.human_weight = human_weight
        self.max_iterations = max_iterations
        self._features = NgramFeatures(maximum_columns=_MOST_WEIGHTS // len(self.classes_))

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - as scikit-learn
        """Return the parameters that the constructor took."""
        return {
            "classes": list(self.classes_),
            "l2": self.l2,
            "temperature": self.temperature,
            "human_weight": self.human_weight,
            "max_iterations": self.max_iterations,
        }

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each."""
        self._features.fit(inputs)
        design = _to_matrix(self._features, inputs)
        weights = self._minimise(design, self._targets(soft_labels, human_labels))
        self.coef_, self.intercept_ = weights[:-1], weights[-1]
        return self

    def _targets(
        self, soft_labels: NDArray[np.float64], human_labels: NDArray[np.integer] | None
    ) -> list[tuple[float, NDArray[np.float32]]]:
        """Temperatures with the weighted targets of the loss's terms."""
        soft = soften(soft_labels, self.temperature)
        if human_labels is None or not self.human_weight:
            return [(self.temperature, soft.astype(np.float32))]
        known = human_labels >= 0
        human = np.zeros_like(soft)
        human[known, human_labels[known]] = self.human_weight
        soft[known] *= 1 - self.human_weight
        return [
            (self.temperature, soft.astype(np.float32)),
            (1.0, human.astype(np.float32)),
        ]

    def _minimise(
        self, design: csr_array, terms: list[tuple[float, NDArray[np.float32]]]
    ) -> NDArray[np.float32]:
        """Return the weights ``[columns + 1, C]`` at the minimum; the last row is the intercept."""
        from scipy.optimize import minimize

        transposed = design.T.tocsr()
        shape = (design.shape[1] + 1, len(self.classes_))
        scale = _scale(design, self.l2)

        def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = flat.reshape(shape) * scale
            logits = design @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32)
            losses = [soft_target_cross_entropy(logits, target, t) for t, target in terms]
            on_logits = np.sum([loss.gradient for loss in losses], axis=0)
            gradient = self.l2 * weights
            gradient[:-1] += transposed @ on_logits
            gradient[-1] = on_logits.sum(axis=0)
            penalty = self.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
            value = sum(loss.value for loss in losses) + penalty
            return value, (gradient * scale).ravel()

        options = {"maxiter": self.max_iterations, **_STOP}
        start = np.zeros(shape[0] * shape[1])
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        weights: NDArray[np.float32] = (found.x.reshape(shape) * scale).astype(np.float32)
        return weights

    def predict_proba(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of the labels, ``[N, C]``; no scipy object is built."""
        blocks = [self._logits(rows) for rows in self._features.transform(inputs)]
        if not blocks:
            return np.zeros((0, len(self.classes_)), np.float32)
        return softmax(np.concatenate(blocks))

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the most probable label of each input."""
        return [self.classes_[index] for index in self.predict_proba(inputs).argmax(axis=1)]

    def _logits(self, rows: SparseRows) -> NDArray[np.float32]:
        """Sum the weighted rows of ``coef_``, some inputs at a time to bound memory."""
        logits = np.tile(self.intercept_, (len(rows.starts) - 1, 1))
        step = max(1, _GATHERED_FLOATS // len(self.classes_))
        first = 0
        while first < len(logits):
            last = int(np.searchsorted(rows.starts, rows.starts[first] + step, "right")) - 1
            last = min(max(last, first + 1), len(logits))
            chosen = slice(rows.starts[first], rows.starts[last])
            weighted = self.coef_[rows.columns[chosen]] * rows.values[chosen, None]
            starts = rows.starts[first:last] - rows.starts[first]
            filled = np.flatnonzero(np.diff(rows.starts[first : last + 1]))
            if filled.size:
                logits[first + filled] += np.add.reduceat(weighted, starts[filled])
            first = last
        return logits

    def save(self, directory: Path) -> list[Path]:
        """Write the fitted state into an existing folder; return the files written."""
        tensors = {
            "coef": self.coef_,
            "intercept": self.intercept_,
            "buckets": self._features.buckets_.astype(np.int32),
            "bucket_weights": self._features.weights_,
        }
        save_file(tensors, directory / _WEIGHTS)
        (directory / _PARAMETERS).write_bytes(orjson.dumps(self.get_params()))
        return [directory / _WEIGHTS, directory / _PARAMETERS]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run.

        Raises:
            ArtefactError: A file is missing, or holds something else than a linear student.
        """
        try:
            student = cls(**orjson.loads((directory / _PARAMETERS).read_bytes()))
            tensors = load_file(directory / _WEIGHTS)
            student._restore(tensors)
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no linear student: {error}") from None
        return student

    def _restore(self, tensors: dict[str, NDArray[Any]]) -> None:
        self.coef_, self.intercept_ = tensors["coef"], tensors["intercept"]
        buckets, bucket_weights = tensors["buckets"], tensors["bucket_weights"]
        expected = (len(buckets), len(self.classes_))
        sound = (
            buckets.shape == expected[:1]
            and buckets.dtype == np.int32
            and all(t.dtype == np.float32 for t in (self.coef_, self.intercept_, bucket_weights))
            and bool((np.diff(buckets) > 0).all())
            and self.coef_.shape == expected
            and self.intercept_.shape == expected[1:]
            and bucket_weights.shape == expected[:1]
            and all(bool(np.isfinite(t).all()) for t in tensors.values())
            and (not buckets.size or 0 <= buckets.min() <= buckets.max() < 2 << self._features.bits)
        )
        if not sound:
            raise ArtefactError(
                f"the weights do not fit {expected[0]} columns and {expected[1]} labels, or are "
                "not finite: save the student again"
            )
        self._features.restore(buckets, bucket_weights)


def _scale(design: csr_array, l2: float) -> NDArray[np.float64]:
    """Units of the weights in which the loss curves about alike in all directions, ``[D + 1, 1]``.

    The curvature of softmax cross-entropy in a weight is at most a quarter of its column's mean
    square, to which the penalty adds. In these units L-BFGS takes fewer steps.
    """
    mean_squares = np.asarray(design.multiply(design).mean(axis=0)).ravel()
    curvature = np.append(mean_squares / 4 + l2, 1 / 4)
    scale: NDArray[np.float64] = 1 / np.sqrt(curvature)[:, None]
    return scale


def _to_matrix(features: NgramFeatures, inputs: Sequence[str]) -> csr_array:
    from scipy.sparse import csr_array, vstack

    width = len(features.buckets_)
    blocks = [
        csr_array((rows.values, rows.columns, rows.starts), shape=(len(rows.starts) - 1, width))
        for rows in features.transform(inputs)
    ]
    return vstack(blocks, format="csr")
