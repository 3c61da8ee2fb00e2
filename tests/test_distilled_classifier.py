"""Classifiers of arrays, distilled in scikit-learn's manner."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from locum import DistilledClassifier
from locum.errors import UsageError
from locum.training.small_network import Scaling, backward, forward, initial, shaped
from tests.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DIGITS = load_digits()
ORDER = np.random.default_rng(0).permutation(len(DIGITS.target))
INPUTS, LABELS = DIGITS.data[ORDER], DIGITS.target[ORDER].astype(str)
FEW = slice(0, 300)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(60, random_state=0).fit(INPUTS[:1200], LABELS[:1200])


def test_a_small_network_says_what_a_forest_says() -> None:
    teacher = forest()
    student = DistilledClassifier(teacher, hidden=32).fit(INPUTS[:1200])
    new = INPUTS[1200:]
    assert np.mean(student.predict(new) == teacher.predict(new)) > 0.85
    assert list(student.classes_) == list(teacher.classes_)
    np.testing.assert_allclose(student.predict_proba(new).sum(axis=1), 1)
    assert student.score(new, LABELS[1200:]) > 0.85


def test_soft_labels_teach_more_than_answers_from_few_inputs() -> None:
    teacher, new = forest(), slice(1200, None)
    answers = np.eye(10)[np.searchsorted(teacher.classes_, teacher.predict(INPUTS[:150]))]
    agreement = {}
    for name, targets in (("soft", teacher.predict_proba(INPUTS[:150])), ("hard", answers)):
        ends = [
            DistilledClassifier(hidden=32, seed=seed)
            .fit(INPUTS[:150], soft_labels=targets)
            .predict(INPUTS[new])
            for seed in range(3)
        ]
        expected = np.searchsorted(teacher.classes_, teacher.predict(INPUTS[new]))
        agreement[name] = np.mean([np.mean(end == expected) for end in ends])
    assert agreement["soft"] > agreement["hard"]


def test_softmax_regression_finds_the_logits_of_its_teacher() -> None:
    teacher = LogisticRegression(C=0.1, max_iter=2000).fit(INPUTS / 16, LABELS)
    student = DistilledClassifier(teacher, hidden=0, temperature=1, l2=0, iterations=2000)
    student.fit(INPUTS / 16)
    np.testing.assert_allclose(
        student.predict_proba(INPUTS / 16), teacher.predict_proba(INPUTS / 16), atol=0.02
    )


@pytest.mark.parametrize("hidden", [0, 5])
def test_gradients_are_those_of_the_loss(hidden: int) -> None:
    dice = np.random.default_rng(0)
    inputs, slopes = dice.normal(size=(7, 3)), dice.normal(size=(7, 4))
    start = initial(3, hidden, 4, 0)
    shapes = [part.shape for part in start]
    size = sum(part.size for part in start)

    def value(flat: Floats) -> float:
        return float((forward(shaped(flat, shapes), inputs)[1] * slopes).sum())

    def gradient(flat: Floats) -> Floats:
        weights = shaped(flat, shapes)
        hidden_values = forward(weights, inputs)[0]
        found = backward(weights, inputs, hidden_values, slopes)
        return np.concatenate([part.ravel() for part in found])

    assert check_grad(value, gradient, dice.normal(size=size)) < 1e-5


def test_labels_have_the_share_that_is_left() -> None:
    """Where all of the loss is theirs, the teacher is not heard."""
    wrong = np.full((300, 10), 0.1)
    student = DistilledClassifier(hidden=16, soft_share=0.0, l2=1e-4)
    student.fit(INPUTS[FEW], LABELS[FEW], soft_labels=wrong)
    assert student.score(INPUTS[FEW], LABELS[FEW]) > 0.95
    assert student.predict_proba(INPUTS[FEW]).max(axis=1).mean() > 0.9
    deaf = DistilledClassifier(hidden=16, soft_share=1.0)
    deaf.fit(INPUTS[FEW], LABELS[FEW], soft_labels=wrong)
    assert deaf.predict_proba(INPUTS[FEW]).max() < 0.12


def test_the_temperature_is_that_of_the_soft_labels_and_of_the_loss() -> None:
    """Where it softens both alike, a student that can say all of it says the same at one."""
    teacher = LogisticRegression(C=0.01, max_iter=2000).fit(INPUTS / 16, LABELS)
    said = [
        DistilledClassifier(teacher, hidden=0, temperature=temperature, l2=0, iterations=2000)
        .fit(INPUTS / 16)
        .predict_proba(INPUTS / 16)
        for temperature in (1.0, 4.0)
    ]
    for probabilities in said:
        np.testing.assert_allclose(probabilities, teacher.predict_proba(INPUTS / 16), atol=0.02)
    assert not np.array_equal(said[0], said[1])


def test_penalty_and_iterations_bound_what_is_learned() -> None:
    soft = forest().predict_proba(INPUTS[FEW])

    def surest(**chosen: Any) -> float:  # noqa: ANN401 - as they are passed on
        student = DistilledClassifier(hidden=8, **chosen).fit(INPUTS[FEW], soft_labels=soft)
        return float(student.predict_proba(INPUTS[FEW]).max(axis=1).mean())

    usual = surest()
    assert surest(l2=10.0) < 0.2 < usual
    assert surest(iterations=1) < 0.5 < usual


def test_what_is_far_out_is_cut() -> None:
    student = DistilledClassifier(forest(), hidden=8, iterations=40).fit(INPUTS[FEW])
    far, farther = (student.predict_proba(INPUTS[:1] + step) for step in (1e4, 1e6))
    centre, scale = INPUTS[FEW].mean(axis=0), INPUTS[FEW].std(axis=0)
    held = student.predict_proba((centre + 5 * np.where(scale, scale, 1))[None])
    assert np.array_equal(far, farther)
    np.testing.assert_allclose(far, held)


def test_what_never_varies_is_only_centred() -> None:
    """The mean of equal numbers is rounded, and so they seem to vary by 1e-16."""
    scaling = Scaling.of(np.full((178, 1), 0.1))
    assert scaling.scale_D.tolist() == [1.0]
    assert abs(scaling.scaled(np.array([[0.1]])).item()) < 1e-12


def test_the_same_seed_gives_the_same_weights() -> None:
    teacher = forest()
    ends = [
        DistilledClassifier(teacher, seed=seed).fit(INPUTS[FEW]).predict_proba(INPUTS)
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_it_goes_where_scikit_learn_takes_classifiers() -> None:
    teacher = FrozenEstimator(LogisticRegression(max_iter=2000).fit(INPUTS[FEW], LABELS[FEW]))
    student = DistilledClassifier(teacher, hidden=8, iterations=40)
    assert clone(student).get_params().keys() == student.get_params().keys()
    scores = cross_val_score(student, INPUTS[FEW], LABELS[FEW], cv=3)
    assert scores.mean() > 0.8
    search = GridSearchCV(student, {"temperature": [1.0, 4.0]}, cv=2)
    assert search.fit(INPUTS[FEW], LABELS[FEW]).best_params_["temperature"] in {1.0, 4.0}
    pipeline = make_pipeline(MinMaxScaler(), DistilledClassifier(teacher, hidden=8, iterations=40))
    assert pipeline.fit(INPUTS[FEW], LABELS[FEW]).predict(INPUTS[:5]).shape == (5,)


FEATURES = [f"pixel {place}" for place in range(64)]


@given(order=st.permutations(range(10)), numbers=st.booleans(), taught=st.booleans())
@settings(max_examples=8)
def test_columns_of_soft_labels_are_matched_by_name(
    order: list[int], *, numbers: bool, taught: bool
) -> None:
    """The same is learned in whatever order they stand; numbers may be names as well as texts."""
    labels = DIGITS.target[ORDER] if numbers else LABELS
    teacher = LogisticRegression(max_iter=50).fit(INPUTS[:60], labels[:60])
    soft = Table(teacher.predict_proba(INPUTS[:60]), teacher.classes_.tolist())
    moved = soft[[soft.columns[place] for place in order]]
    student = DistilledClassifier(teacher if taught else None, hidden=0, iterations=20)
    ends = [
        student.fit(INPUTS[:60], labels[:60], soft_labels=soft).predict_proba(INPUTS[:60])
        for soft in (moved, np.asarray(soft))
    ]
    assert np.array_equal(ends[0], ends[1])
    alone = DistilledClassifier(hidden=0, iterations=20).fit(INPUTS[:60], soft_labels=moved)
    expected = range(10) if numbers and order == sorted(order) else teacher.classes_
    assert list(alone.classes_) == list(expected)
    assert alone.score(INPUTS[:60], labels[:60]) > 0.9


@pytest.mark.parametrize(
    ("columns", "taught"),
    [
        (["a", "c"], True),
        (["a", "a"], True),
        (["column_0", "column_1"], True),
        (["a", "a"], False),
        (["column_0", "column_1"], False),
    ],
)
def test_columns_that_are_not_the_classes_are_refused(columns: list[str], *, taught: bool) -> None:
    labels = ["a", "b", "a", "b"]
    teacher = LogisticRegression().fit(np.eye(4), labels) if taught else None
    with pytest.raises(
        UsageError, match=r"expected one for each class|has the label 'a', expected"
    ):
        DistilledClassifier(teacher, hidden=0).fit(
            np.eye(4), labels, soft_labels=Table(np.eye(2)[[0, 1, 0, 1]], columns)
        )


def test_columns_of_a_teacher_are_matched_by_name_too() -> None:
    """As of one that answers with a table, whose columns stand in an order of their own."""
    inner = LogisticRegression(max_iter=50).fit(INPUTS[:60], LABELS[:60])
    names = [*inner.classes_[::-1]]

    def predict_proba(inputs: Floats) -> Table:
        return Table(inner.predict_proba(inputs)[:, ::-1], names)

    teacher = SimpleNamespace(classes_=inner.classes_, predict_proba=predict_proba)
    ends = [
        DistilledClassifier(one, hidden=0, iterations=20).fit(INPUTS[:60]).predict_proba(INPUTS)
        for one in (teacher, inner)
    ]
    assert np.array_equal(ends[0], ends[1])
    names[0] = "another"
    with pytest.raises(UsageError, match="expected one for each class"):
        DistilledClassifier(teacher, hidden=0).fit(INPUTS[:60])


@pytest.mark.parametrize(
    "inputs", [csr_array(np.eye(4)), [["a"], ["b"]], [[None, 1.0], [1.0, None]]]
)
def test_inputs_that_are_no_numbers_are_refused(inputs: Any) -> None:  # noqa: ANN401 - or what is none
    with pytest.raises(UsageError, match=r"encode texts .* X.toarray\(\) of a sparse|fill in"):
        DistilledClassifier(hidden=0).fit(inputs, soft_labels=np.eye(2))
    student = DistilledClassifier(hidden=0).fit(np.eye(4), soft_labels=np.eye(4))
    with pytest.raises(UsageError, match=r"encode texts .* X.toarray\(\) of a sparse|fill in"):
        student.predict(inputs)


def test_columns_that_are_only_numbered_are_in_the_order_of_the_classes() -> None:
    soft = Table(np.eye(2)[[0, 1, 0, 1]], range(2))
    student = DistilledClassifier(hidden=0).fit(np.eye(4), ["a", "b", "a", "b"], soft_labels=soft)
    assert student.predict(np.eye(4)).tolist() == ["a", "b", "a", "b"]


def test_features_are_expected_in_the_order_they_were_fitted_in() -> None:
    inputs = Table(INPUTS[FEW], FEATURES)
    student = DistilledClassifier(hidden=0, iterations=20)
    student.fit(inputs, soft_labels=np.eye(10)[LABELS[FEW].astype(int)])
    assert list(student.feature_names_in_) == FEATURES
    turned = inputs[FEATURES[::-1]]
    with pytest.raises(UsageError, match="column 0 of X is 'pixel 63', expected 'pixel 0'"):
        student.predict(turned)
    expected = student.predict_proba(INPUTS[FEW])
    again = student.predict_proba(turned[list(student.feature_names_in_)])
    np.testing.assert_allclose(again, expected)
    assert np.array_equal(student.predict_proba(Table(INPUTS[FEW], range(5, 69))), expected)
    student.fit(INPUTS[FEW], soft_labels=np.eye(10)[LABELS[FEW].astype(int)])
    assert not hasattr(student, "feature_names_in_")
    student.predict(turned)


def test_tables_of_arrow_have_names_too() -> None:
    arrow = pytest.importorskip("pyarrow")
    soft = arrow.table({"b": [0.0, 1.0], "a": [1.0, 0.0]})
    student = DistilledClassifier(hidden=0).fit(soft, soft_labels=soft)
    assert student.predict(soft).tolist() == ["a", "b"]
    assert list(student.feature_names_in_) == ["b", "a"]
    with pytest.raises(UsageError, match="column 0 of X is 'a', expected 'b'"):
        student.predict(soft.select(["a", "b"]))


def test_labels_that_are_not_one_for_each_input_have_no_score() -> None:
    student = DistilledClassifier(hidden=0, iterations=20)
    student.fit(INPUTS[FEW], soft_labels=np.eye(10)[LABELS[FEW].astype(int)])
    for labels in (LABELS[FEW, None], LABELS[:10], LABELS[0]):
        with pytest.raises(UsageError, match=r"y is \(.*\), expected 300 labels, one for each"):
            student.score(INPUTS[FEW], labels)


def test_a_fit_that_is_refused_changes_nothing() -> None:
    student = DistilledClassifier(hidden=0, iterations=20).fit(np.eye(3), soft_labels=np.eye(3))
    before, said = dict(vars(student)), student.predict_proba(np.eye(3))
    other = Table(np.ones((4, 2)), ["A", "B"])
    with pytest.raises(UsageError, match=r"has the label 'C', expected .* \['A', 'B'\]"):
        student.fit(Table(np.eye(4), "wxyz"), ["A", "B", "A", "C"], soft_labels=other)
    assert vars(student) == before
    assert np.array_equal(student.predict_proba(np.eye(3)), said)


@pytest.mark.parametrize(
    ("make", "inputs", "options", "message"),
    [
        ({}, INPUTS[FEW], {}, "neither a teacher nor soft labels"),
        ({"temperature": 0}, INPUTS[FEW], {"soft_labels": np.ones((300, 2))}, "above zero"),
        ({"hidden": -1}, INPUTS[FEW], {"soft_labels": np.ones((300, 2))}, "hidden=-1"),
        ({}, INPUTS[FEW], {"soft_labels": np.ones((299, 2))}, "expected 300 rows"),
        ({}, INPUTS[FEW], {"soft_labels": np.full((300, 2), np.nan)}, "finite"),
        (
            {},
            np.eye(3),
            {"soft_labels": np.eye(3)[:, :2]},
            "1 rows are all zero, the first at row 2",
        ),
        ({}, INPUTS[0], {"soft_labels": np.ones((1, 2))}, "rows by features"),
        ({}, np.full((3, 2), np.nan), {"soft_labels": np.ones((3, 2))}, "fill in"),
        ({}, np.ones((3, 2)), {"soft_labels": np.ones((3, 2)), "y": [0, 1]}, "3 labels"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    make: dict[str, Any], inputs: Floats, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        DistilledClassifier(**make).fit(inputs, **options)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(UsageError, match="not fitted"):
        DistilledClassifier().predict(INPUTS)
    student = DistilledClassifier(hidden=0).fit(np.eye(3), soft_labels=np.eye(3))
    with pytest.raises(UsageError, match="2 features, expected the 3"):
        student.predict(np.ones((1, 2)))
    with pytest.raises(UsageError, match="no parameter depth: expected teacher, hidden"):
        student.set_params(depth=3)
