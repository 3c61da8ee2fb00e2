"""Softmax regression with weights of low rank: gradients, averaging, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.sparse import csr_array, random_array

from locum.errors import UsageError
from locum.losses import softmax
from locum.students.linear import LinearStudent
from locum.students.low_rank import (
    Adam,
    Factors,
    fit_low_rank_regression,
    loss_gradients,
    train_factors,
)
from locum.students.softmax_regression import Term, build_terms
from locum.training import Labelled, train
from tests.traffic import make_examples

CLASSES = [f"class {number}" for number in range(20)]


def make_design(generator: np.random.Generator, inputs: int, columns: int) -> csr_array:
    made = random_array((inputs, columns), density=0.2, format="csr", random_state=generator)
    return csr_array(made, dtype=np.float32)


def make_terms(generator: np.random.Generator, inputs: int, classes: int) -> list[Term]:
    soft_labels = generator.dirichlet(np.ones(classes), inputs)
    people = generator.integers(-1, classes, inputs)
    return build_terms(soft_labels, people, 2.0, 0.25)


def value_of(factors: Factors, design: csr_array, terms: list[Term]) -> float:
    """The loss that is to go down, written out."""
    total = 0.0
    rank = factors.outer.shape[1]
    for start, outer in enumerate(factors.outer):
        inner = factors.inner[:, start * rank : (start + 1) * rank]
        logits = design @ inner @ outer + factors.intercept[start]
        for term in terms:
            log_proba = np.log(softmax(logits / term.temperature))
            total -= term.temperature**2 * (term.targets * log_proba).sum(axis=1).mean()
    return total


def test_gradients_are_those_of_the_loss(generator: np.random.Generator) -> None:
    design = make_design(generator, 6, 9)
    terms = make_terms(generator, 6, 4)
    shapes = ((9, 2 * 3), (2, 3, 4), (2, 1, 4))
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def unpack(flat: np.ndarray) -> Factors:
        parts = np.split(flat, ends[:-1])
        return Factors(*(p.reshape(s) for p, s in zip(parts, shapes, strict=True)))

    def gradient(flat: np.ndarray) -> np.ndarray:
        found = loss_gradients(unpack(flat), design, terms)
        return np.concatenate([part.ravel() for part in found])

    error = check_grad(
        lambda flat: value_of(unpack(flat), design, terms),
        gradient,
        generator.normal(size=ends[-1]),
        epsilon=1e-5,
    )
    assert error < 1e-4


def test_the_mean_of_the_models_is_one_matrix(generator: np.random.Generator) -> None:
    design, terms = make_design(generator, 80, 30), make_terms(generator, 80, 5)
    found = fit_low_rank_regression(design, terms, 3)
    assert found.weights.shape == (30, 5)
    assert found.weights.dtype == found.intercept.dtype == np.float32
    factors = train_factors(design, terms, 3)
    logits = [
        design @ factors.inner[:, 3 * s : 3 * s + 3] @ factors.outer[s] + factors.intercept[s]
        for s in range(len(factors.outer))
    ]
    expected = np.mean(logits, axis=0)
    np.testing.assert_allclose(design @ found.weights + found.intercept, expected, atol=1e-5)
    again = fit_low_rank_regression(design, terms, 3)
    np.testing.assert_array_equal(again.weights, found.weights)


def test_the_loss_falls_and_the_models_differ(generator: np.random.Generator) -> None:
    design = make_design(generator, 1_000, 40)
    answers = (design @ generator.normal(size=(40, 5))).argmax(axis=1)
    terms = build_terms(np.eye(5)[answers], None, 1.0, 0.0)
    factors = train_factors(design, terms, 4)
    start = factors._replace(
        outer=np.zeros_like(factors.outer), intercept=np.zeros_like(factors.intercept)
    )
    assert value_of(factors, design, terms) < 0.9 * value_of(start, design, terms)
    products = [factors.inner[:, 4 * s : 4 * s + 4] @ factors.outer[s] for s in range(4)]
    assert all(np.abs(products[0] - other).max() > 1e-3 for other in products[1:])


@pytest.mark.parametrize("rows", [0, 1, 256, 600])
def test_adam_moves_the_rows_that_it_is_given(generator: np.random.Generator, rows: int) -> None:
    array = generator.random((700, 3), np.float32)
    expected = array.astype(np.float64)
    first, second, adam = np.zeros_like(expected), np.zeros_like(expected), Adam(array)
    for step in range(1, 5):
        chosen = np.sort(generator.choice(700, rows, replace=False))
        gradient = generator.normal(size=(rows, 3)).astype(np.float32)
        adam.move(gradient, 0.01, step, chosen)
        # Kingma and Ba 2015, algorithm 1, with the moments of the other rows left as they are.
        first[chosen] = 0.9 * first[chosen] + 0.1 * gradient
        second[chosen] = 0.999 * second[chosen] + 0.001 * gradient.astype(np.float64) ** 2
        unbiased = first[chosen] / (1 - 0.9**step), second[chosen] / (1 - 0.999**step)
        expected[chosen] -= 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    np.testing.assert_allclose(array, expected, atol=2e-5)


def test_adam_moves_all_rows_of_any_shape(generator: np.random.Generator) -> None:
    array = np.zeros((4, 2, 3), np.float32)
    Adam(array).move(generator.normal(size=array.shape).astype(np.float32), 0.01, 1)
    np.testing.assert_allclose(np.abs(array), 0.01, rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 3), (5, 0), (70, 2)])
def test_small_and_empty_designs(generator: np.random.Generator, shape: tuple[int, int]) -> None:
    found = fit_low_rank_regression(csr_array(shape), make_terms(generator, shape[0], 3), 2)
    assert found.weights.shape == (shape[1], 3)
    assert np.isfinite(found.intercept).all()


def make_coded(count: int, seed: int, wrong: float = 0.0) -> Labelled:
    """Texts of twenty classes, each named by either of two words, and some of them wrongly."""
    generator = np.random.default_rng(seed)
    answers = generator.integers(0, 20, count)
    texts = [
        f"{e.text} {'alpha' if generator.random() < 0.5 else 'omega'}{chr(97 + label)}x"
        for e, label in zip(make_examples(count, seed=seed), answers.tolist(), strict=True)
    ]
    answers = np.where(generator.random(count) < wrong, (answers + 1) % 20, answers)
    return Labelled(texts, np.eye(20)[answers], answers, np.full(count, -1))


def test_a_student_of_low_rank_learns_and_is_saved_like_another(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    learned, tested = make_coded(2_000, 1), make_coded(300, 2)
    student = LinearStudent(CLASSES, rank=8).fit(learned.texts, learned.soft_labels)
    right = student.predict_proba(tested.texts).argmax(axis=1) == tested.answers
    assert right.mean() > 0.9
    folder = tmp_path_factory.mktemp("student")
    student.save(folder)
    loaded = LinearStudent.load(folder)
    assert loaded.get_params()["rank"] == 8
    np.testing.assert_array_equal(
        loaded.predict_proba(tested.texts), student.predict_proba(tested.texts)
    )
    convex = LinearStudent(CLASSES).fit(learned.texts, learned.soft_labels)
    assert convex.coef_.shape == student.coef_.shape
    assert np.abs(convex.coef_ - student.coef_).max() > 0.1


def test_a_rank_is_tried_where_there_are_many_labels() -> None:
    assert LinearStudent(CLASSES[:15]).tried == {"word_weight": (1, 4)}
    assert list(LinearStudent(CLASSES).tried) == ["word_weight", "l2", "rank"]
    found = train(
        lambda **chosen: LinearStudent(CLASSES, **chosen),
        make_coded(400, 3),
        make_coded(150, 4, wrong=0.1),
        lambda _: None,
    )
    ranks = [trial.settings.get("rank", 0) for trial in found.trials]
    assert sorted(set(ranks)) == [0, 32]
    assert ranks.count(32) == 1


@pytest.mark.parametrize("rank", [-1, 513, 1.5])
def test_a_rank_that_cannot_be_used_is_refused(rank: int) -> None:
    with pytest.raises(UsageError, match="a whole rank from 0 to 512"):
        LinearStudent(CLASSES, rank=rank)
