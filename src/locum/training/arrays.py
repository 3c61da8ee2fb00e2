"""Distil any classifier of arrays into a small network, in scikit-learn's manner and without torch.

Shapes: N inputs, D features, C classes, H hidden values.
"""

# ruff: noqa: N803, N806, N815 - names end in their shapes; X as in scikit-learn

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from locum.errors import UsageError
from locum.losses import soft_target_cross_entropy, soften, softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["DistilledClassifier"]

_FARTHEST = 5.0


class _Teacher(Protocol):
    """A fitted classifier of scikit-learn's kind."""

    classes_: Any

    def predict_proba(self, X: Any) -> Any: ...  # noqa: ANN401 - as scikit-learn


class _Weights(NamedTuple):
    """Of a network with one hidden layer, or with none where ``hidden_DH`` has no columns."""

    hidden_DH: Floats
    hidden_H: Floats
    output_HC: Floats
    output_C: Floats


class DistilledClassifier:
    """A network of one hidden layer that learns what a fitted classifier says.

    Its loss is that of Hinton, Vinyals and Dean (2015, section 2): ``soft_share`` of the
    soft-target cross-entropy at the temperature, times its square, and the rest of the
    cross-entropy to the labels, where there are any. Features are standardised, and cut to five
    standard deviations, as one that hardly varies in training may be far out in use. All inputs are
    learned at once, by L-BFGS; with the same seed the weights are the same.

    Args:
        teacher: A fitted classifier with ``predict_proba`` and ``classes_``, such as any of
            scikit-learn; none where soft labels are given to `fit`. What clones estimators (cross-
            validation, a search) forgets what they were fitted to, unless it is told not to:
            ``sklearn.frozen.FrozenEstimator(teacher)``.
        hidden: ``H``, values of the hidden layer (tanh); zero for softmax regression.
        temperature: ``T > 0``. Above one it magnifies what a teacher gives its unlikeliest classes,
            which networks know and forests do not.
        soft_share: From zero to one; one where there are no labels.
        l2: Penalty on half the sum of squares of the weights.
        iterations: Of L-BFGS, at the most.
        seed: Of the weights at the beginning.

    Attributes:
        classes_: Those of the teacher; of soft labels without one, the sorted labels, or their
            columns' numbers.
        n_features_in_: ``D``.
    """

    def __init__(
        self,
        teacher: _Teacher | None = None,
        *,
        hidden: int = 64,
        temperature: float = 1.0,
        soft_share: float = 0.9,
        l2: float = 1e-2,
        iterations: int = 300,
        seed: int = 0,
    ) -> None:
        self.teacher = teacher
        self.hidden = hidden
        self.temperature = temperature
        self.soft_share = soft_share
        self.l2 = l2
        self.iterations = iterations
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, soft_labels: ArrayLike | None = None
    ) -> Self:
        """Learn.

        Args:
            X: Features, ``[N, D]``; the teacher is asked about them as they are.
            y: Labels, ``[N]``, if any are known.
            soft_labels: Probabilities ``[N, C]`` in the place of the teacher's, at temperature one.

        Raises:
            UsageError: An argument cannot be used, or there is neither teacher nor soft labels.
        """
        self._check_settings()
        features_ND = _features(X)
        asked_NC, self.classes_ = self._asked(X, soft_labels, y)
        if asked_NC.shape != (len(features_ND), len(self.classes_)):
            raise UsageError(
                f"soft labels are {asked_NC.shape}, expected {len(features_ND):,} rows by "
                f"{len(self.classes_):,} classes"
            )
        spread_D = features_ND.std(axis=0)
        self.n_features_in_ = features_ND.shape[1]
        self._centre_D, self._scale_D = features_ND.mean(axis=0), np.where(spread_D, spread_D, 1.0)
        soft_NC = soften(asked_NC, self.temperature)
        self._weights = self._learn(self._scaled(features_ND), soft_NC, self._one_hot(y, asked_NC))
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return probabilities at temperature one, ``[N, C]``.

        Raises:
            UsageError: It is not fitted, or there are other features than it was fitted on.
        """
        if not hasattr(self, "_weights"):
            raise UsageError("this DistilledClassifier is not fitted: call fit first")
        features_ND = _features(X)
        if features_ND.shape[1] != self.n_features_in_:
            raise UsageError(
                f"X has {features_ND.shape[1]:,} features, expected the {self.n_features_in_:,} "
                "that it was fitted on"
            )
        return softmax(_forward(self._weights, self._scaled(features_ND))[1])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each input."""
        likeliest_N = self.predict_proba(X).argmax(axis=1)
        classes: NDArray[Any] = np.asarray(self.classes_)[likeliest_N]
        return classes

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the share of inputs whose likeliest class is their label."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - as scikit-learn
        """Return what it was made with."""
        names = list(inspect.signature(type(self)).parameters)
        return {name: getattr(self, name) for name in names}

    def set_params(self, **values: Any) -> Self:  # noqa: ANN401 - as scikit-learn
        """Change what it was made with.

        Raises:
            UsageError: There is no such parameter.
        """
        unknown = sorted(values.keys() - self.get_params().keys())
        if unknown:
            raise UsageError(
                f"no parameter {', '.join(unknown)}: expected {', '.join(self.get_params())}"
            )
        for name, value in values.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn's
        """Tell scikit-learn that this is a classifier."""
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(),
        )

    def _check_settings(self) -> None:
        if not (self.temperature > 0 and 0 <= self.soft_share <= 1 and self.l2 >= 0):
            raise UsageError(
                f"temperature={self.temperature}, soft_share={self.soft_share}, l2={self.l2}: "
                "expected above zero, a share from zero to one, and at least zero"
            )
        if self.hidden < 0 or self.iterations < 1:
            raise UsageError(
                f"hidden={self.hidden}, iterations={self.iterations}: expected at least 0 and 1"
            )

    def _asked(
        self, X: ArrayLike, soft_labels: ArrayLike | None, y: ArrayLike | None
    ) -> tuple[Floats, NDArray[Any]]:
        """Return what is learned and of which classes."""
        if soft_labels is None and self.teacher is None:
            raise UsageError(
                "neither a teacher nor soft labels are given: DistilledClassifier(teacher), or "
                "fit(X, soft_labels=...)"
            )
        given = (
            self.teacher.predict_proba(X)
            if soft_labels is None and self.teacher is not None
            else soft_labels
        )
        asked_NC = np.asarray(given, np.float64)
        if asked_NC.ndim != 2 or not np.isfinite(asked_NC).all() or (asked_NC < 0).any():
            raise UsageError(
                f"soft labels are {asked_NC.shape}, expected rows by classes of finite numbers of "
                "at least zero"
            )
        empty_M = np.flatnonzero(~asked_NC.any(axis=1))
        if empty_M.size:
            raise UsageError(
                f"the soft labels of {empty_M.size:,} rows are all zero, the first at row "
                f"{empty_M[0]:,}: expected probabilities, or leave those rows out"
            )
        if self.teacher is not None:
            return asked_NC, np.asarray(self.teacher.classes_)
        return asked_NC, np.arange(asked_NC.shape[1]) if y is None else np.unique(np.asarray(y))

    def _one_hot(self, y: ArrayLike | None, asked_NC: Floats) -> Floats | None:
        if y is None:
            return None
        labels_N = np.asarray(y)
        if labels_N.shape != (len(asked_NC),) or not np.isin(labels_N, self.classes_).all():
            raise UsageError(
                f"y is {labels_N.shape}, expected {len(asked_NC):,} labels out of the "
                f"{len(self.classes_):,} classes of the teacher"
            )
        right_NC: Floats = (labels_N[:, None] == np.asarray(self.classes_)[None]).astype(np.float64)
        return right_NC

    def _scaled(self, features_ND: Floats) -> Floats:
        scaled_ND: Floats = (features_ND - self._centre_D) / self._scale_D
        return scaled_ND.clip(-_FARTHEST, _FARTHEST)

    def _learn(self, scaled_ND: Floats, soft_NC: Floats, hard_NC: Floats | None) -> _Weights:
        from scipy.optimize import minimize

        start = _initial(self.n_features_in_, self.hidden, len(self.classes_), self.seed)
        shapes = [part.shape for part in start]
        share = 1.0 if hard_NC is None else self.soft_share

        def judge(flat: Floats) -> tuple[float, Floats]:
            weights = _shaped(flat, shapes)
            hidden_NH, logits_NC = _forward(weights, scaled_ND)
            soft = soft_target_cross_entropy(logits_NC, soft_NC, self.temperature)
            value, slope_NC = share * soft.value, share * np.asarray(soft.gradient, np.float64)
            if hard_NC is not None:
                hard = soft_target_cross_entropy(logits_NC, hard_NC)
                value += (1 - share) * hard.value
                slope_NC += (1 - share) * hard.gradient
            gradient = _backward(weights, scaled_ND, hidden_NH, slope_NC)
            for matrix, slope in (
                (weights.hidden_DH, gradient[0]),
                (weights.output_HC, gradient[2]),
            ):
                value += self.l2 / 2 * float(np.vdot(matrix, matrix))
                np.add(slope, self.l2 * matrix, out=slope)
            return value, np.concatenate([part.ravel() for part in gradient])

        flat = np.concatenate([part.ravel() for part in start])
        found = minimize(
            judge, flat, jac=True, method="L-BFGS-B", options={"maxiter": self.iterations}
        )
        return _shaped(found.x, shapes)


def _features(X: ArrayLike) -> Floats:
    features_ND = np.asarray(X, np.float64)
    if features_ND.ndim != 2 or not features_ND.size or not np.isfinite(features_ND).all():
        raise UsageError(
            f"X is {features_ND.shape}, expected rows by features of finite numbers: fill in what "
            "is missing first"
        )
    return features_ND


def _initial(features: int, hidden: int, classes: int, seed: int) -> _Weights:
    """Begin as Glorot and Bengio (2010) do; softmax regression begins with zeros."""
    dice = np.random.default_rng(seed)
    wide = hidden or features
    spread = (6 / (features + hidden)) ** 0.5 if hidden else 0.0
    return _Weights(
        dice.uniform(-spread, spread, (features, hidden)),
        np.zeros(hidden),
        dice.uniform(-1, 1, (wide, classes)) * ((6 / (wide + classes)) ** 0.5 if hidden else 0.0),
        np.zeros(classes),
    )


def _shaped(flat: Floats, shapes: list[tuple[int, ...]]) -> _Weights:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(flat, ends[:-1])
    return _Weights(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))


def _forward(weights: _Weights, scaled_ND: Floats) -> tuple[Floats, Floats]:
    """Return what enters the last layer, and the logits."""
    if weights.hidden_DH.shape[1]:
        scaled_ND = np.tanh(scaled_ND @ weights.hidden_DH + weights.hidden_H)
    return scaled_ND, scaled_ND @ weights.output_HC + weights.output_C


def _backward(
    weights: _Weights, scaled_ND: Floats, hidden_NH: Floats, slope_NC: Floats
) -> _Weights:
    """Return the gradients of all weights."""
    output_HC, output_C = hidden_NH.T @ slope_NC, slope_NC.sum(axis=0)
    if not weights.hidden_DH.shape[1]:
        return _Weights(weights.hidden_DH.copy(), weights.hidden_H, output_HC, output_C)
    inside_NH = (slope_NC @ weights.output_HC.T) * (1 - hidden_NH**2)
    return _Weights(scaled_ND.T @ inside_NH, inside_NH.sum(axis=0), output_HC, output_C)
