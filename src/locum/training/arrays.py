"""Distil any classifier of arrays into a small network, in scikit-learn's manner and without torch.

Shapes: N inputs, D features, C classes, H hidden values.
"""

# ruff: noqa: N803, N806 - names end in their shapes; X as in scikit-learn

from __future__ import annotations

import inspect
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from locum.errors import UsageError
from locum.losses import soft_target_cross_entropy, soften, softmax
from locum.students.columns import (
    column_names,
    feature_names,
    places_of_classes,
    refuse_other_features,
)
from locum.training.small_network import Scaling, Weights, backward, forward, initial, shaped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["DistilledClassifier"]


class _Teacher(Protocol):
    """A fitted classifier of scikit-learn's kind."""

    classes_: Any

    def predict_proba(self, X: Any) -> Any: ...  # noqa: ANN401 - as scikit-learn


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
        classes_: Those of the teacher; of soft labels without one, the sorted names of their
            columns, or the sorted labels, or their columns' numbers.
        n_features_in_: ``D``.
        feature_names_in_: Names of the columns, where ``X`` was a table whose columns have such.
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
                A table's columns, also of one that the teacher returns, are matched to the classes
                by their names, an array's by order.

        Raises:
            UsageError: An argument cannot be used, or there is neither teacher nor soft labels. It
                then answers as before.
        """
        self._check_settings()
        features_ND = _features(X)
        asked_NC, classes_C = self._asked(X, soft_labels, y)
        if asked_NC.shape != (len(features_ND), len(classes_C)):
            raise UsageError(
                f"soft labels are {asked_NC.shape}, expected {len(features_ND):,} rows by "
                f"{len(classes_C):,} classes"
            )
        hard_NC = None if y is None else _one_hot(y, classes_C, len(features_ND))
        scaling = Scaling.of(features_ND)
        soft_NC = soften(asked_NC, self.temperature)
        weights = self._learn(scaling.scaled(features_ND), soft_NC, hard_NC)
        self._fitted(weights, scaling, classes_C, feature_names(X))
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return probabilities at temperature one, ``[N, C]``.

        Raises:
            UsageError: It is not fitted, or there are other features than it was fitted on, or
                the same in another order.
        """
        if not hasattr(self, "_weights"):
            raise UsageError("this DistilledClassifier is not fitted: call fit first")
        features_ND = _features(X)
        if features_ND.shape[1] != self.n_features_in_:
            raise UsageError(
                f"X has {features_ND.shape[1]:,} features, expected the {self.n_features_in_:,} "
                "that it was fitted on"
            )
        refuse_other_features(X, getattr(self, "feature_names_in_", None))
        return softmax(forward(self._weights, self._scaling.scaled(features_ND))[1])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class of each input."""
        likeliest_N = self.predict_proba(X).argmax(axis=1)
        classes: NDArray[Any] = np.asarray(self.classes_)[likeliest_N]
        return classes

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the share of inputs whose likeliest class is their label.

        Raises:
            UsageError: As `predict_proba`, or there is not one label for each input.
        """
        predicted_N = self.predict(X)
        return float(np.mean(predicted_N == _labels(y, len(predicted_N))))

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
        names = column_names(given)
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
        classes_C = self._classes(asked_NC.shape[1], names, y)
        if names is not None:
            asked_NC = asked_NC.take(places_of_classes(names, classes_C.tolist()), axis=1)
        return asked_NC, classes_C

    def _classes(self, columns: int, names: list[Any] | None, y: ArrayLike | None) -> NDArray[Any]:
        if self.teacher is not None:
            return np.asarray(self.teacher.classes_)
        if names is not None:
            return np.unique(np.asarray(names))
        return np.arange(columns) if y is None else np.unique(np.asarray(y))

    def _fitted(
        self,
        weights: Weights,
        scaling: Scaling,
        classes_C: NDArray[Any],
        names_D: NDArray[Any] | None,
    ) -> None:
        """Take over all that was learned at once, as what fails on the way changes nothing."""
        self._weights, self._scaling = weights, scaling
        self.classes_, self.n_features_in_ = classes_C, len(scaling.centre_D)
        self.__dict__.pop("feature_names_in_", None)
        if names_D is not None:
            self.feature_names_in_ = names_D

    def _learn(self, scaled_ND: Floats, soft_NC: Floats, hard_NC: Floats | None) -> Weights:
        from scipy.optimize import minimize

        start = initial(scaled_ND.shape[1], self.hidden, soft_NC.shape[1], self.seed)
        shapes = [part.shape for part in start]
        share = 1.0 if hard_NC is None else self.soft_share

        def judge(flat: Floats) -> tuple[float, Floats]:
            weights = shaped(flat, shapes)
            hidden_NH, logits_NC = forward(weights, scaled_ND)
            soft = soft_target_cross_entropy(logits_NC, soft_NC, self.temperature)
            value, slope_NC = share * soft.value, share * np.asarray(soft.gradient, np.float64)
            if hard_NC is not None:
                hard = soft_target_cross_entropy(logits_NC, hard_NC)
                value += (1 - share) * hard.value
                slope_NC += (1 - share) * hard.gradient
            gradient = backward(weights, scaled_ND, hidden_NH, slope_NC)
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
        return shaped(found.x, shapes)


def _features(X: ArrayLike) -> Floats:
    try:
        features_ND = np.asarray(X, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"X is a {type(X).__name__}, and no array of numbers can be made of it ({error}): "
            "encode texts and categories, fill in what is missing, and give X.toarray() of a "
            "sparse matrix"
        ) from None
    if features_ND.ndim != 2 or not features_ND.size or not np.isfinite(features_ND).all():
        raise UsageError(
            f"X is {features_ND.shape}, expected rows by features of finite numbers: fill in what "
            "is missing first"
        )
    return features_ND


def _labels(y: ArrayLike, rows: int) -> NDArray[Any]:
    labels_N = np.asarray(y)
    if labels_N.shape != (rows,):
        raise UsageError(
            f"y is {labels_N.shape}, expected {rows:,} labels, one for each input, along one axis"
        )
    return labels_N


def _one_hot(y: ArrayLike, classes_C: NDArray[Any], rows: int) -> Floats:
    labels_N = _labels(y, rows)
    unknown_M = labels_N[~np.isin(labels_N, classes_C)]
    if unknown_M.size:
        raise UsageError(
            f"y has the label {unknown_M.tolist()[0]!r}, expected labels out of the classes "
            f"{shortened(classes_C.tolist())}"
        )
    right_NC: Floats = (labels_N[:, None] == classes_C[None]).astype(np.float64)
    return right_NC
