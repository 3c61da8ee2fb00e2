"""The linear student: its optimum, its predictions, and what it refuses to load."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize

from locum.errors import ArtefactError, UsageError
from locum.losses import log_softmax, soften, softmax
from locum.students.linear import LinearStudent
from locum.students.ngrams import split_words, word_ngrams, word_pairs
from locum.students.row_table import RowTable
from tests.student_cases import (
    NO_TEXTS,
    ODD_TEXTS,
    Column,
    StudentData,
    copies_of,
    make_data,
    write_trap,
)
from tests.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_CLASSES = ["red", "green", "blue"]
_TENSORS = [
    "quantised",
    "scale",
    "intercept",
    "ngrams",
    "words",
    "pairs",
    "weights",
    "unknown",
    "word_factor",
]


@pytest.fixture(scope="module")
def data() -> StudentData:
    """Training texts with their true distributions."""
    return make_data(300, 1)


@pytest.fixture(scope="module")
def student(data: StudentData) -> LinearStudent:
    """A student of the true distributions."""
    return LinearStudent(_CLASSES).fit(data.texts, data.truth)


def _cross_entropy(truth: NDArray[np.float64], proba: NDArray[np.floating]) -> float:
    return float(-(truth * np.log(proba)).sum(axis=1).mean())


def _design(student: LinearStudent, texts: list[str]) -> NDArray[np.float64]:
    """The documented features, taken a second time."""
    vocabulary = student.vocabulary_
    factors = np.ones(len(vocabulary))
    factors[[*vocabulary.words.values(), *vocabulary.pairs.values()]] = student.word_weight
    matrix = np.zeros((len(texts), len(vocabulary)))
    for row, text in zip(matrix, texts, strict=True):
        words = split_words(text)
        found = [vocabulary.words.get(word) for word in words]
        found += [vocabulary.ngrams.get(ngram) for word in words for ngram in word_ngrams(word)]
        found += [vocabulary.pairs.get(pair) for pair in word_pairs(words)]
        columns = [column for column in found if column is not None]
        values = vocabulary.weights[columns] / 16 * factors[columns]
        np.add.at(row, columns, values)
        squares = np.rint(values**2)
        row[:] /= np.sqrt(max(squares.sum(), 1))
    return matrix


class _Objective(NamedTuple):
    """The documented loss, written down a second time."""

    design: NDArray[np.float64]
    soft: NDArray[np.float64]
    human: NDArray[np.int64]
    student: LinearStudent

    def value(self, coef: NDArray[np.floating], intercept: NDArray[np.floating]) -> float:
        """Return the mean loss of the inputs, and the penalty."""
        logits = self.design @ coef.astype(np.float64) + intercept.astype(np.float64)
        temperature = self.student.temperature
        target = soften(self.soft, temperature)
        soft_loss = -(target * log_softmax(logits, temperature)).sum(axis=1) * temperature**2
        known = self.human >= 0
        weight = np.where(known, self.student.human_weight, 0.0)
        human_loss = -log_softmax(logits)[np.arange(len(logits)), self.human]
        penalty = self.student.l2 / 2 * float((coef.astype(np.float64) ** 2).sum())
        return float(((1 - weight) * soft_loss + weight * human_loss).mean()) + penalty

    def least(self) -> float:
        """Return the smallest value, by the dual of the design: weights are its combinations."""
        gram = self.design @ self.design.T
        root = np.linalg.cholesky(gram + 1e-9 * np.eye(len(gram))).astype(np.float64)
        rotated = _Objective(root, self.soft, self.human, self.student)
        shape = (len(root) + 1, 3)

        def flat(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            held = weights.reshape(shape)
            slope = rotated.slope(held[:-1], held[-1])
            return rotated.value(held[:-1], held[-1]), slope.ravel()

        options = {"maxiter": 3000, "ftol": 1e-12, "gtol": 1e-9, "maxfun": 5000}
        start = np.zeros(shape[0] * shape[1])
        return float(minimize(flat, start, jac=True, method="L-BFGS-B", options=options).fun)

    def slope(
        self, coef: NDArray[np.floating], intercept: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Return the gradient in the weights, and in the intercept as its last row."""
        logits = self.design @ coef.astype(np.float64) + intercept.astype(np.float64)
        temperature = self.student.temperature
        known = self.human >= 0
        weight = np.where(known, self.student.human_weight, 0.0)[:, None]
        human = np.where(known[:, None], np.eye(3)[self.human], 0)
        on_soft = temperature * (softmax(logits, temperature) - soften(self.soft, temperature))
        on_logits = (1 - weight) * on_soft + weight * (softmax(logits) - human)
        on_logits /= len(logits)
        on_coef = self.design.T @ on_logits + self.student.l2 * coef
        return np.vstack([on_coef, on_logits.sum(axis=0)])


@pytest.mark.parametrize(
    ("temperature", "human_weight", "l2"), [(1.0, 0.0, 1e-4), (4.0, 0.0, 1e-4), (2.0, 0.3, 1e-3)]
)
def test_the_documented_loss_is_at_its_minimum(
    data: StudentData, temperature: float, human_weight: float, l2: float
) -> None:
    human = np.where(np.arange(300) % 3 == 0, np.arange(300) % 2, -1)
    found = LinearStudent(_CLASSES, l2, temperature, human_weight)
    found.fit(data.texts, data.truth, human)
    objective = _Objective(_design(found, data.texts), data.truth, human, found)
    value, least = objective.value(found.coef_, found.intercept_), objective.least()
    nothing = np.zeros((len(found.coef_), 3))
    start = objective.value(nothing, nothing[0])
    assert least * (1 - 1e-6) <= value <= least * 1.005
    assert value - least < 0.02 * (start - least)
    steep = np.linalg.norm(objective.slope(nothing, nothing[0]))
    assert np.linalg.norm(objective.slope(found.coef_, found.intercept_)) < 0.05 * steep


def test_more_iterations_change_the_loss_little(data: StudentData) -> None:
    values = []
    for iterations in (60, 400):
        found = LinearStudent(_CLASSES, 1e-4, max_iterations=iterations)
        found.fit(data.texts, data.truth)
        objective = _Objective(_design(found, data.texts), data.truth, np.full(300, -1), found)
        values.append(objective.value(found.coef_, found.intercept_))
    assert values[0] == pytest.approx(values[1], rel=1e-3)


def test_soft_labels_teach_the_distribution_better_than_sampled_answers(
    data: StudentData, generator: np.random.Generator
) -> None:
    unseen = make_data(300, 2)
    sampled = (data.truth.cumsum(axis=1) < generator.random((300, 1))).sum(axis=1)
    of_soft = LinearStudent(_CLASSES, 3e-4).fit(data.texts, data.truth)
    of_hard = LinearStudent(_CLASSES, 3e-4).fit(data.texts, np.eye(3)[sampled])
    soft = _cross_entropy(unseen.truth, of_soft.predict_proba(unseen.texts))
    hard = _cross_entropy(unseen.truth, of_hard.predict_proba(unseen.texts))
    least = _cross_entropy(unseen.truth, unseen.truth)
    assert soft - least < 0.75 * (hard - least)
    agreement = of_soft.predict_proba(unseen.texts).argmax(axis=1) == unseen.truth.argmax(axis=1)
    assert agreement.mean() > 0.85


def test_two_fits_are_bitwise_equal(data: StudentData, student: LinearStudent) -> None:
    again = LinearStudent(_CLASSES).fit(data.texts, data.truth)
    for name in ("quantised_", "scale_", "intercept_"):
        assert getattr(again, name).tobytes() == getattr(student, name).tobytes()


def test_fitting_leaves_the_given_arrays_alone(data: StudentData) -> None:
    soft, human = data.truth.copy(), np.zeros(300, np.int64)
    LinearStudent(_CLASSES, human_weight=0.5, max_iterations=3).fit(data.texts, soft, human)
    np.testing.assert_array_equal(soft, data.truth)
    assert not human.any()


def test_probabilities_of_odd_texts(student: LinearStudent) -> None:
    proba = student.predict_proba(ODD_TEXTS)
    assert proba.shape == (len(ODD_TEXTS), 3)
    assert proba.dtype == np.float32
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(proba[0], softmax(student.intercept_), rtol=1e-6)


def test_no_input_gives_no_prediction(student: LinearStudent) -> None:
    assert student.predict_proba([]).shape == (0, 3)
    assert student.predict([]) == []


def test_predictions_are_the_most_probable_labels(
    data: StudentData, student: LinearStudent
) -> None:
    found = student.predict(data.texts)
    assert found == [_CLASSES[index] for index in student.predict_proba(data.texts).argmax(axis=1)]
    assert set(found) == set(_CLASSES)


def test_learning_from_odd_texts() -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(3), 3 * len(ODD_TEXTS))
    found = LinearStudent(_CLASSES).fit(ODD_TEXTS * 3, soft)
    assert np.isfinite(found.predict_proba(ODD_TEXTS)).all()


def test_texts_without_a_common_ngram_give_the_mean_distribution() -> None:
    # No n-gram is in two texts, so the intercept alone is learned.
    soft = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2]])
    found = LinearStudent(_CLASSES).fit(["abc", "xyz"], soft)
    assert found.coef_.shape == (0, 3)
    np.testing.assert_allclose(found.predict_proba(["abc", "?"]), [[0.4, 0.4, 0.2]] * 2, atol=0.01)


@pytest.mark.parametrize("labels", [2, 3, 77, 400])
def test_inputs_give_the_same_bytes_in_one_call_as_one_by_one(
    data: StudentData, labels: int
) -> None:
    # With 400 labels the rows of a call are summed in several blocks.
    classes = [f"label {index}" for index in range(labels)]
    soft = np.eye(labels)[np.arange(300) % labels]
    found = LinearStudent(classes, max_iterations=5).fit(data.texts, soft)
    texts = [*ODD_TEXTS, *data.texts, "", *make_data(100, 3).texts, "other words", *ODD_TEXTS]
    together = found.judge(texts)
    alone = [found.judge([text]) for text in texts]
    assert together.proba.tobytes() == b"".join(one.proba.tobytes() for one in alone)
    assert together.novelty.tobytes() == b"".join(one.novelty.tobytes() for one in alone)


def test_what_was_asked_before_changes_nothing(
    data: StudentData, student: LinearStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With space for 64 words what is known of them is given up again and again.
    student.save(tmp_path)
    texts = [f"{text} {'xyz'[i % 3]}{i} w{i * i}" for i, text in enumerate(data.texts)]
    expected = student.predict_proba(texts)
    monkeypatch.setattr("locum.students.row_table._MOST_WORDS", 64)
    forgetful = LinearStudent.load(tmp_path)
    for _ in range(3):
        assert forgetful.predict_proba(texts).tobytes() == expected.tobytes()
        one_by_one = [forgetful.predict_proba([text]) for text in texts]
        assert np.concatenate(one_by_one).tobytes() == expected.tobytes()


def test_threads_that_share_a_student_get_the_same(
    data: StudentData, student: LinearStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student.save(tmp_path)
    texts = [f"{text} n{i % 150} w{i * i}" for i, text in enumerate(data.texts * 2)]
    expected = [row.tobytes() for row in student.predict_proba(texts)]
    monkeypatch.setattr("locum.students.row_table._MOST_WORDS", 128)
    shared = LinearStudent.load(tmp_path)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda text: shared.predict_proba([text])[0].tobytes(), texts))
    finally:
        sys.setswitchinterval(before)
    assert found == expected


def test_memory_of_words_is_bounded(
    student: LinearStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.students.row_table._MOST_WORDS", 1_000)
    table = RowTable(student.vocabulary_, student.quantised_ * student.scale_)
    most = 0
    for start in range(0, 5_000, 100):
        table.total(" ".join(f"w{number}" for number in range(start, start + 100)))
        most = max(most, table.known_words)
    assert 900 < most <= 1_000 + 164


def test_words_of_another_domain_are_novel(data: StudentData, student: LinearStudent) -> None:
    other = ["the weather was fine", "many other things", "completely unrelated", "quartz"]
    familiar, strange = student.judge(make_data(50, 5).texts), student.judge(other)
    assert familiar.novelty.max() == 0
    assert strange.novelty.min() > 0.5
    assert student.judge(["", " \n ", "?!"]).novelty.tolist() == [1, 1, 1]
    (mixed,) = student.judge([f"{data.texts[0]} quartz"]).novelty
    assert 0 < mixed < 0.5


def test_novelty_is_the_weighted_share_without_a_column() -> None:
    student = LinearStudent(["x", "y"]).fit(["ab", "ab", "q"], np.eye(2)[[0, 1, 0]])
    known, unknown = round(16 * (np.log(4 / 3) + 1)), round(16 * (np.log(4) + 1))
    # Of "ac": n-grams " a", "ac", "c ", " ac", "ac ", " ac " and the word; the first is known.
    (found,) = student.judge(["ac"]).novelty
    assert found == pytest.approx(6 * unknown / (6 * unknown + known), rel=1e-6)


def test_questions_to_a_bank_are_told_from_news() -> None:
    with (Path(__file__).parents[1] / "benchmarks/data/banking77_deepseek.csv").open() as lines:
        questions = [row["text"] for row in islice(csv.DictReader(lines), 0, 8000, 20)]
    answers = np.arange(400) % 3
    student = LinearStudent(_CLASSES, max_iterations=3).fit(
        questions[:300], np.eye(3)[answers[:300]]
    )
    news = [
        "The senate passed a bill on the protection of wetlands after a long debate.",
        "Researchers found fossils of an unknown dinosaur in the desert of Patagonia.",
        "The orchestra opened its season with a symphony by Mahler.",
        "Heavy snow closed mountain roads and delayed trains across the region.",
        "A striker scored twice as the visitors won the derby in extra time.",
        "The novel follows three sisters through the years before the war.",
    ]
    inside = student.judge(questions[300:]).novelty
    outside = student.judge(news).novelty
    assert (outside[:, None] > inside).mean() + (outside[:, None] == inside).mean() / 2 > 0.97


def test_what_is_saved_keeps_to_its_bound(data: StudentData, tmp_path: Path) -> None:
    whole = LinearStudent(_CLASSES, max_iterations=20).fit(data.texts, data.truth)
    bounded = LinearStudent(_CLASSES, max_iterations=20, max_bytes=12_000)
    bounded.fit(data.texts, data.truth)
    assert 0 < len(bounded.quantised_) < len(whole.quantised_)
    assert sum(path.stat().st_size for path in bounded.save(tmp_path)) <= 12_000


def test_prepared_inputs_give_the_same_student(data: StudentData, student: LinearStudent) -> None:
    prepared = LinearStudent.prepare(data.texts)
    assert list(prepared) == data.texts
    for _ in range(2):
        again = LinearStudent(_CLASSES).fit(prepared, data.truth)
        assert again.quantised_.tobytes() == student.quantised_.tobytes()
    smaller = LinearStudent(_CLASSES, max_bytes=12_000).fit(prepared, data.truth)
    assert len(smaller.quantised_) < len(student.quantised_)


def test_rounding_to_eight_bits_changes_little(data: StudentData, student: LinearStudent) -> None:
    largest = np.abs(student.quantised_.astype(int)).max(axis=0)
    assert ((largest >= 63) & (largest <= 127)).all()
    np.testing.assert_array_equal(np.exp2(np.rint(np.log2(student.scale_))), student.scale_)
    logits = _design(student, data.texts) @ student.coef_ + student.intercept_
    np.testing.assert_allclose(softmax(logits), student.predict_proba(data.texts), atol=1e-5)


def test_human_labels_count_when_they_weigh(data: StudentData) -> None:
    human = (data.truth.argmax(axis=1) + 1) % 3
    taught = LinearStudent(_CLASSES).fit(data.texts, data.truth)
    unweighed = LinearStudent(_CLASSES).fit(data.texts, data.truth, human)
    assert unweighed.quantised_.tobytes() == taught.quantised_.tobytes()
    unknown = LinearStudent(_CLASSES, human_weight=1.0)
    unknown.fit(data.texts, data.truth, np.full(300, -1))
    np.testing.assert_allclose(unknown.coef_, taught.coef_, atol=1e-2)
    human_only = LinearStudent(_CLASSES, human_weight=1.0).fit(data.texts, data.truth, human)
    assert (human_only.predict_proba(data.texts).argmax(axis=1) == human).mean() > 0.95
    between = LinearStudent(_CLASSES, human_weight=0.3).fit(data.texts, data.truth, human)
    rows = np.arange(300)
    shares = [
        s.predict_proba(data.texts)[rows, human].mean() for s in (taught, between, human_only)
    ]
    assert shares[0] < shares[1] - 0.05 < shares[2] - 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"l2": 0.0},
        {"l2": -1.0},
        {"l2": float("nan")},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"human_weight": -0.1},
        {"human_weight": 1.1},
        {"word_weight": 0},
        {"word_weight": 1.5},
        {"word_weight": 17},
        {"max_bytes": 0},
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected l2 > 0"):
        LinearStudent(_CLASSES, **settings)  # type: ignore[arg-type]


def test_parameters_build_an_equal_student() -> None:
    given = {
        "classes": _CLASSES,
        "l2": 0.5,
        "temperature": 2.0,
        "human_weight": 0.2,
        "word_weight": 3,
        "rank": 5,
        "max_iterations": 7,
        "max_bytes": 9_000,
    }
    assert LinearStudent(**given).get_params() == given  # type: ignore[arg-type]


_IN_FRESH_PROCESS = """
import pathlib, sys
import orjson
from locum.students.linear import LinearStudent
student = LinearStudent.load(pathlib.Path(sys.argv[1]))
texts = orjson.loads(sys.stdin.buffer.read())
sys.stdout.write(student.predict_proba(texts).tobytes().hex())
"""


def test_a_fresh_process_predicts_the_same(
    data: StudentData, student: LinearStudent, tmp_path: Path
) -> None:
    written = student.save(tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    texts = [*data.texts[:50], "", "🙂", "unseen words"]
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IN_FRESH_PROCESS, str(tmp_path)],
        input=orjson.dumps(texts),
        capture_output=True,
        check=True,
    )
    assert bytes.fromhex(found.stdout.decode()) == student.predict_proba(texts).tobytes()


def test_loading_restores_the_parameters(student: LinearStudent, tmp_path: Path) -> None:
    student.save(tmp_path)
    assert LinearStudent.load(tmp_path).get_params() == student.get_params()


@pytest.fixture
def saved(student: LinearStudent, tmp_path: Path) -> Path:
    """A folder with a saved student."""
    student.save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["weights.safetensors", "student.json"])
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match="holds no linear student"):
        LinearStudent.load(saved)


def test_a_pickle_is_refused_and_not_run(saved: Path) -> None:
    sprung = write_trap(saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match="holds no linear student"):
        LinearStudent.load(saved)
    assert not sprung.exists()


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_truncated_weights_are_refused(saved: Path, kept: int) -> None:
    weights = saved / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ArtefactError, match="holds no linear student"):
        LinearStudent.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
def test_missing_weights_are_refused(saved: Path, name: str) -> None:
    tensors = load_file(saved / "weights.safetensors")
    del tensors[name]
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match=name):
        LinearStudent.load(saved)


@pytest.mark.parametrize("name", ["scale", "intercept"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(saved: Path, name: str, value: float) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors[name].flat[0] = value
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match="not finite"):
        LinearStudent.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
@pytest.mark.parametrize("change", ["shorter", "deeper", "scalar"])
def test_weights_of_the_wrong_shape_are_refused(saved: Path, name: str, change: str) -> None:
    tensors = load_file(saved / "weights.safetensors")
    held = tensors[name]
    changed = {
        "shorter": held[: len(held) // 2],
        "deeper": held[..., None],
        "scalar": held.reshape(-1)[0],
    }
    tensors[name] = np.array(changed[change])
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError):
        LinearStudent.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
def test_weights_of_another_type_are_refused(saved: Path, name: str) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors[name] = tensors[name].astype(np.int32)
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError):
        LinearStudent.load(saved)


@pytest.mark.parametrize("keys", [b"\xff", b"ab\nab", b"\n", b"one\ntwo"])
@pytest.mark.parametrize("name", ["ngrams", "words", "pairs"])
def test_keys_that_do_not_fit_are_refused(saved: Path, name: str, keys: bytes) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors[name] = np.frombuffer(keys, np.uint8)
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError):
        LinearStudent.load(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff",
        b"{}",
        b'{"classes": ["red", "green"]}',
        b'{"classes": 3}',
        b'{"classes": ["red", "green", "blue"], "unknown": 1}',
        b'{"classes": ["red", "green", "blue"], "l2": "x"}',
        b'{"classes": ["red", "green", "blue"], "l2": -1}',
    ],
)
def test_other_parameters_are_refused(saved: Path, content: bytes) -> None:
    (saved / "student.json").write_bytes(content)
    with pytest.raises(ArtefactError):
        LinearStudent.load(saved)


def test_many_labels_leave_space_for_words_to_be_remembered() -> None:
    # With so many labels there is space for fewer words than are learned.
    labels = [f"label {number}" for number in range(6_000)]
    texts = [" ".join(f"w{n}" for n in range(start, start + 60)) for start in range(0, 900, 30)]
    student = LinearStudent(labels, max_iterations=1, max_bytes=8_000_000)
    student.fit(texts, np.full((len(texts), len(labels)), 1 / len(labels)))
    table = RowTable(student.vocabulary_, student.quantised_ * student.scale_)
    before = table.known_words
    table.total("quite new words")
    assert table.known_words == before + 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda soft: np.where(np.arange(300)[:, None] == 7, np.nan, soft), "of input 8 are"),
        (lambda soft: np.where(np.arange(300)[:, None] == 0, -soft, soft), "of input 1 are"),
        (lambda soft: soft * (np.arange(300) != 299)[:, None], "of input 300 are"),
        (lambda soft: soft[:, :2], r"shape \[300, 2\] for 300 inputs and 3 labels"),
        (lambda soft: soft[:9], r"shape \[9, 3\] for 300 inputs"),
    ],
)
def test_soft_labels_that_cannot_be_learned_are_refused(
    data: StudentData,
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    said: str,
) -> None:
    with pytest.raises(UsageError, match=said):
        LinearStudent(_CLASSES).fit(data.texts, change(data.truth))


def test_columns_of_soft_labels_are_matched_by_name(data: StudentData) -> None:
    """As of a table whose columns a program has put into alphabetical order."""
    table: Any = Table(data.truth[:, [2, 0, 1]], [_CLASSES[place] for place in (2, 0, 1)])
    other: Any = Table(data.truth, ["one", "two", "three"])
    found, expected = (
        LinearStudent(_CLASSES).fit(data.texts, soft).predict_proba(data.texts)
        for soft in (table, data.truth)
    )
    assert np.array_equal(found, expected)
    with pytest.raises(UsageError, match="expected one for each class"):
        LinearStudent(_CLASSES).fit(data.texts, other)


@pytest.mark.parametrize(
    ("human", "said"),
    [
        ([0] * 300, "of type list"),
        (np.zeros(300), "of type float64"),
        (np.array(["red"] * 300), "of type <U3"),
        (np.zeros(299, np.int64), r"of shape \[299\] for 300 inputs"),
        (np.zeros((300, 1), np.int64), r"of shape \[300, 1\] for 300 inputs"),
        (np.where(np.arange(300) == 4, 3, -1), "of input 5 is 3: .* to 2 each"),
        (np.where(np.arange(300) == 4, -2, 0), "of input 5 is -2"),
    ],
)
def test_human_labels_that_cannot_be_learned_are_refused(
    data: StudentData, human: NDArray[np.int64], said: str
) -> None:
    with pytest.raises(UsageError, match=f"human label.*{said}"):
        LinearStudent(_CLASSES).fit(data.texts, data.truth, human)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["red", "blue", "red"], "label 'red' stands there twice"),
        ([0, 1, 2], "label 0 is of type int: expected a text"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(
    data: StudentData, classes: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        LinearStudent(classes).fit(data.texts, data.truth)


def test_parameters_that_are_numbers_of_numpy_are_saved_as_any_others(
    data: StudentData, tmp_path: Path
) -> None:
    given = LinearStudent(
        _CLASSES,
        l2=np.logspace(-6, -4, 3)[1],
        temperature=np.float32(2),  # type: ignore[arg-type]
        max_iterations=np.int64(3),  # type: ignore[arg-type]
    )
    given.fit(data.texts, data.truth).save(tmp_path)
    loaded = LinearStudent.load(tmp_path)
    assert loaded.get_params() == given.get_params()
    assert loaded.predict(data.texts) == given.predict(data.texts)


def test_what_is_saved_may_be_read_as_other_files(student: LinearStudent, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("anything")
    expected = (tmp_path / "other").stat().st_mode
    assert {path.stat().st_mode for path in student.save(tmp_path)} == {expected}


@pytest.mark.parametrize(
    "ask",
    [
        lambda one, _: one.predict(["a text"]),
        lambda one, _: one.judge(["one", "two"]),
        lambda one, folder: one.save(folder),
        lambda one, _: one.coef_,
    ],
    ids=["predict", "judge", "save", "coef_"],
)
def test_what_was_not_fitted_says_so(
    tmp_path: Path, ask: Callable[[LinearStudent, Path], object]
) -> None:
    unfitted = LinearStudent(["a", "b"])
    with pytest.raises(UsageError, match=r"this LinearStudent is not fitted, .*: call fit first"):
        ask(unfitted, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(unfitted, "coef_")
    assert copies_of(unfitted)


def test_a_folder_may_be_named_by_a_text(student: LinearStudent, tmp_path: Path) -> None:
    assert student.save(str(tmp_path))
    assert LinearStudent.load(str(tmp_path)).classes_ == student.classes_
    with pytest.raises(UsageError, match="nowhere is no folder: make it first"):
        student.save(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", NO_TEXTS)
def test_what_holds_no_texts_is_refused(student: LinearStudent, name: str) -> None:
    given, message = NO_TEXTS[name]
    for ask in (student.judge, student.predict, student.predict_proba):
        with pytest.raises(UsageError, match=re.escape(message)):
            ask(given)


def test_a_column_of_one_text_is_read_whatever_its_index(student: LinearStudent) -> None:
    column: Any = Column(["a text"])
    assert student.predict(column) == student.predict(["a text"])


def test_words_of_scripts_with_marks_are_told_apart() -> None:
    words = ["पार्सल", "पैसा", "कार्ड", "खाता"]
    source = np.random.default_rng(0)
    chosen = source.integers(0, 4, (400, 4))
    texts = [" ".join(words[index] for index in row) for row in chosen]
    answers = (chosen == 0).any(axis=1).astype(np.int64)
    student = LinearStudent(["no", "yes"]).fit(texts[:300], np.eye(2)[answers[:300]])
    predicted = student.predict_proba(texts[300:]).argmax(axis=1)
    assert (predicted == answers[300:]).mean() > 0.97
