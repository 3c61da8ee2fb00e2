"""The static student: its optimum, its predictions, and what it refuses to load."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize

from locum.errors import ArtefactError, UsageError
from locum.losses import log_softmax, soften, softmax
from locum.students.piece_vocabulary import PAIR_SQUARE, choose_pieces, pair_keys
from locum.students.pieces import Pieces
from locum.students.static import StaticStudent
from locum.students.token_embeddings import TokenEmbeddings, load_token_embeddings
from locum.training import Labelled, train
from tests.small_embeddings import (
    CLUSTERS,
    clustered_embeddings,
    random_embeddings,
    train_tokenizer,
)
from tests.student_cases import ODD_TEXTS, StudentData, copies_of, write_trap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROOT = Path(__file__).parents[1]
_CLASSES = ["money", "travel", "weather"]
_FILLERS = ("the", "a", "is", "it", "was", "my", "and", "!", "?")
_KNOWN_WORDS = 3


def _make_data(count: int, seed: int, words: slice) -> StudentData:
    """Texts of two words of meaning and some fillers; words of a cluster are told by its label."""
    dice = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(count):
        meant = dice.integers(0, len(CLUSTERS), 2)
        chosen = [str(dice.choice(CLUSTERS[cluster][words])) for cluster in meant]
        chosen += [str(word) for word in dice.choice(_FILLERS, 4)]
        dice.shuffle(chosen)
        texts.append(" ".join(chosen))
        truth.append(np.bincount(meant, minlength=3) / 2)
    return StudentData(texts, np.array(truth) * 0.9 + 0.1 / 3)


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of embeddings."""
    folder = tmp_path_factory.mktemp("parent-of-embeddings") / "small-embeddings"
    clustered_embeddings().save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def data() -> StudentData:
    """Training texts, of the first words of each cluster alone, with their true distributions."""
    return _make_data(300, 1, slice(_KNOWN_WORDS))


@pytest.fixture(scope="module")
def student(data: StudentData, embeddings: str) -> StaticStudent:
    """A student of the true distributions."""
    return StaticStudent(_CLASSES, embeddings).fit(data.texts, data.truth)


def _cross_entropy(truth: NDArray[np.float64], proba: NDArray[np.floating]) -> float:
    return float(-(truth * np.log(proba)).sum(axis=1).mean())


class _Definition:
    """The documented design, written down a second time: plain loops over dense arrays."""

    def __init__(self, texts: Sequence[str], embeddings: TokenEmbeddings) -> None:
        self._embeddings = embeddings
        size = len(embeddings.vectors)
        vectors = embeddings.vectors.astype(np.float64)
        self.vectors = vectors / np.sqrt((vectors**2).sum(axis=1).mean())
        self.squares = np.rint(256 * (self.vectors**2).sum(axis=1))
        self.squares[embeddings.tokenizer.unknown_id] = 256
        cut = [embeddings.tokenizer.cut_one(text) for text in texts]
        pairs: dict[tuple[int, int], int] = {}
        for ids in cut:
            for pair in set(pairwise(ids)):
                pairs[pair] = pairs.get(pair, 0) + 1
        kept = sorted(pair for pair, texts_with in pairs.items() if texts_with >= 2)
        self.seen = sorted({piece for ids in cut for piece in ids})
        self.column = {piece: column for column, piece in enumerate(self.seen)}
        self.pair_column = {pair: len(self.seen) + place for place, pair in enumerate(kept)}
        self.size = size

    def design(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the matrix ``[N, d + D]``."""
        dimensions = self.vectors.shape[1]
        matrix = np.zeros((len(texts), dimensions + len(self.column) + len(self.pair_column)))
        for row, text in zip(matrix, texts, strict=True):
            ids = self._embeddings.tokenizer.cut_one(text)
            pairs = [pair for pair in pairwise(ids) if pair in self.pair_column]
            length = np.sqrt(max(1, sum(self.squares[ids]) + PAIR_SQUARE * len(pairs)))
            for piece in ids:
                row[:dimensions] += 0.5 * 16 * self.vectors[piece] / length
                if piece in self.column:
                    own = np.sqrt(self.squares[piece])
                    row[dimensions + self.column[piece]] += 0.7 * own / length
            for pair in pairs:
                row[dimensions + self.pair_column[pair]] += 0.7 * np.sqrt(PAIR_SQUARE) / length
        return matrix


class _Objective(NamedTuple):
    """The documented loss, with its optimum by another optimiser."""

    design: NDArray[np.float64]
    soft: NDArray[np.float64]
    human: NDArray[np.int64]
    student: StaticStudent

    def value(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the mean loss of the inputs with the penalty, and its gradient."""
        weights = flat.reshape(-1, len(_CLASSES))
        logits = self.design @ weights[:-1] + weights[-1]
        temperature = self.student.temperature
        target = soften(self.soft, temperature)
        weight = np.where(self.human >= 0, self.student.human_weight, 0.0)[:, None]
        human = np.eye(len(_CLASSES))[self.human]
        losses = -(1 - weight) * temperature**2 * target * log_softmax(logits, temperature)
        losses -= weight * human * log_softmax(logits)
        slopes = (1 - weight) * temperature * (softmax(logits, temperature) - target)
        slopes += weight * (softmax(logits) - human)
        slopes /= len(logits)
        penalty = self.student.l2 / 2 * float((weights[:-1] ** 2).sum())
        gradient = np.append(
            self.design.T @ slopes + self.student.l2 * weights[:-1], [slopes.sum(axis=0)], axis=0
        )
        return float(losses.sum(axis=1).mean()) + penalty, gradient.ravel()

    def minimum(self) -> NDArray[np.float64]:
        """Return the best weights; the last row is the intercept."""
        start = np.zeros((self.design.shape[1] + 1) * len(_CLASSES))
        options = {"maxiter": 5000, "maxfun": 9000, "ftol": 1e-13, "gtol": 1e-9}
        found = minimize(self.value, start, jac=True, method="L-BFGS-B", options=options)
        weights: NDArray[np.float64] = found.x
        return weights


@pytest.mark.parametrize(("temperature", "human_weight"), [(1.0, 0.0), (2.0, 0.3)])
def test_the_student_is_the_optimum_of_the_documented_loss(
    data: StudentData, embeddings: str, temperature: float, human_weight: float
) -> None:
    human = np.where(np.arange(300) % 3 == 0, data.truth.argmax(axis=1), -1)
    found = StaticStudent(
        _CLASSES, embeddings, l2=3e-3, temperature=temperature, human_weight=human_weight
    ).fit(data.texts, data.truth, human)
    definition = _Definition(data.texts, load_token_embeddings(embeddings))
    objective = _Objective(definition.design(data.texts), data.truth, human, found)
    weights = objective.minimum().reshape(-1, 3)
    texts = [*data.texts[:100], *_make_data(50, 5, slice(_KNOWN_WORDS, None)).texts, ""]
    expected = softmax(definition.design(texts) @ weights[:-1] + weights[-1])
    np.testing.assert_allclose(found.predict_proba(texts), expected, atol=0.02)


def test_soft_labels_are_learned(data: StudentData, student: StaticStudent) -> None:
    fresh = _make_data(200, 2, slice(_KNOWN_WORDS))
    entropy = _cross_entropy(fresh.truth, fresh.truth)
    assert _cross_entropy(fresh.truth, student.predict_proba(fresh.texts)) < entropy + 0.03
    uniform = np.full_like(fresh.truth, 1 / 3)
    assert _cross_entropy(fresh.truth, uniform) > entropy + 0.3
    assert len(data.texts) == 300


def test_words_that_no_training_text_held_get_the_logits_of_their_neighbours(
    student: StaticStudent,
) -> None:
    strange = _make_data(200, 3, slice(_KNOWN_WORDS, None))
    clear = strange.truth.max(axis=1) > 0.9
    proba = student.predict_proba(strange.texts)
    assert (proba.argmax(axis=1) == strange.truth.argmax(axis=1))[clear].mean() > 0.95


def test_the_weight_of_embeddings_counts(data: StudentData, embeddings: str) -> None:
    strange = _make_data(200, 3, slice(_KNOWN_WORDS, None))
    losses = [
        _cross_entropy(
            strange.truth,
            StaticStudent(_CLASSES, embeddings, l2=1e-3, embedding_weight=weight)
            .fit(data.texts, data.truth)
            .predict_proba(strange.texts),
        )
        for weight in (0.03, 0.3, 1.0)
    ]
    assert losses[0] > losses[1] + 0.05 > losses[2] + 0.1


def test_human_labels_count_when_they_weigh(data: StudentData, embeddings: str) -> None:
    human = (data.truth.argmax(axis=1) + 1) % 3
    taught = StaticStudent(_CLASSES, embeddings).fit(data.texts, data.truth)
    unweighed = StaticStudent(_CLASSES, embeddings).fit(data.texts, data.truth, human)
    assert unweighed.quantised_.tobytes() == taught.quantised_.tobytes()
    human_only = StaticStudent(_CLASSES, embeddings, human_weight=1.0)
    human_only.fit(data.texts, data.truth, human)
    clear = data.truth.max(axis=1) > 0.9
    found = human_only.predict_proba(data.texts).argmax(axis=1)
    assert (found == human)[clear].mean() > 0.95


def test_probabilities_of_odd_texts(student: StaticStudent) -> None:
    proba, novelty = student.judge(ODD_TEXTS)
    assert proba.shape == (len(ODD_TEXTS), 3)
    assert proba.dtype == novelty.dtype == np.float32
    assert np.isfinite(proba).all()
    assert ((novelty >= 0) & (novelty <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(proba[0], softmax(student.intercept_), rtol=1e-6)


def test_a_text_gives_the_same_alone_and_among_others(
    data: StudentData, student: StaticStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["", *ODD_TEXTS, *data.texts[:50], "", "moneys and cash", "x x x x", ""]
    together = student.judge(texts)
    for index, text in enumerate(texts):
        alone = student.judge([text])
        assert alone.proba[0].tobytes() == together.proba[index].tobytes()
        assert alone.novelty[0] == together.novelty[index]
    monkeypatch.setattr("locum.students.piece_index._GATHERED_FLOATS", 50)
    monkeypatch.setattr("locum.students.static._TEXTS_AT_ONCE", 7)
    in_parts = student.judge(texts)
    assert in_parts.proba.tobytes() == together.proba.tobytes()
    assert in_parts.novelty.tobytes() == together.novelty.tobytes()


def test_no_input_gives_no_prediction(student: StaticStudent) -> None:
    assert student.predict_proba([]).shape == (0, 3)
    assert student.judge([]).novelty.shape == (0,)
    assert student.predict([]) == []


def test_predictions_are_the_most_probable_labels(
    data: StudentData, student: StaticStudent
) -> None:
    found = student.predict(data.texts)
    assert found == [_CLASSES[index] for index in student.predict_proba(data.texts).argmax(axis=1)]
    assert set(found) == set(_CLASSES)


def test_threads_may_share_a_student(data: StudentData, student: StaticStudent) -> None:
    expected = student.predict_proba(data.texts).tobytes()
    found: list[bytes] = []

    def run() -> None:
        found.append(np.concatenate([student.predict_proba([t]) for t in data.texts]).tobytes())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("texts", [ODD_TEXTS * 3, ["", ""], ["abc", "xyz"]])
def test_learning_from_odd_texts(embeddings: str, texts: list[str]) -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(3), len(texts))
    found = StaticStudent(_CLASSES, embeddings).fit(texts, soft)
    assert np.isfinite(found.predict_proba([*texts, "money"])).all()


def test_training_twice_gives_the_same_bytes(
    data: StudentData, student: StaticStudent, embeddings: str, tmp_path: Path
) -> None:
    again = StaticStudent(_CLASSES, embeddings)
    prepared = again.prepare(data.texts)
    StaticStudent(_CLASSES, embeddings, l2=1e-3).fit(prepared, data.truth)
    again.fit(prepared, data.truth)
    for name, fitted in (("one", student), ("two", again)):
        (tmp_path / name).mkdir()
        fitted.save(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_texts_prepared_with_other_embeddings_are_cut_again(
    data: StudentData, student: StaticStudent, embeddings: str, tmp_path: Path
) -> None:
    random_embeddings(train_tokenizer(data.texts, 60), 4).save(tmp_path)
    other = StaticStudent(_CLASSES, str(tmp_path)).prepare(data.texts)
    assert list(other) == data.texts
    found = StaticStudent(_CLASSES, embeddings).fit(other, data.truth)
    assert found.quantised_.tobytes() == student.quantised_.tobytes()


def test_training_chooses_settings(data: StudentData, embeddings: str) -> None:
    human = np.full(300, -1)
    labelled = Labelled(data.texts, data.truth, data.truth.argmax(axis=1), human)
    fresh = _make_data(100, 7, slice(_KNOWN_WORDS))
    validation = Labelled(fresh.texts, fresh.truth, fresh.truth.argmax(axis=1), human[:100])

    def make(**settings: float) -> StaticStudent:
        return StaticStudent(_CLASSES, embeddings, **settings)  # type: ignore[arg-type]

    trained = train(make, labelled, validation, lambda _: None)
    assert len(trained.trials) > 3
    assert trained.trials[0].agreement > 0.75


@pytest.mark.parametrize(
    "settings",
    [
        {"l2": 0.0},
        {"l2": float("nan")},
        {"temperature": 0.0},
        {"human_weight": -0.1},
        {"human_weight": 1.1},
        {"human_weight": float("nan")},
        {"embedding_weight": 0.0},
        {"max_bytes": 0},
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected l2 > 0"):
        StaticStudent(_CLASSES, "somewhere", **settings)  # type: ignore[arg-type]


def test_parameters_build_an_equal_student() -> None:
    given: dict[str, Any] = {
        "classes": _CLASSES,
        "embeddings": "somebody/something",
        "l2": 0.5,
        "temperature": 2.0,
        "human_weight": 0.2,
        "embedding_weight": 3.0,
        "max_iterations": 7,
        "max_bytes": 10_000,
    }
    assert StaticStudent(**given).get_params() == given


def _pieces(texts: Sequence[Sequence[int]]) -> Pieces:
    starts = np.cumsum([0, *map(len, texts)])
    return Pieces(starts, np.array([piece for text in texts for piece in text], np.int64))


def test_rows_are_given_to_what_most_inputs_hold() -> None:
    pieces = _pieces([[1, 2, 3], [], [1, 2], [2, 1, 2], [9]])
    squares = np.full(12, 256, np.uint16)
    keys = {"1 2": 14, "2 3": 27}
    everything = choose_pieces(pieces, squares, 10, 10_000)
    assert everything.pieces.tolist() == list(range(12))
    assert everything.pairs.tolist() == [keys["1 2"]]
    assert np.flatnonzero(everything.seen).tolist() == [1, 2, 3, 9]
    fixed = 12 * 3
    two = choose_pieces(pieces, squares, 10, fixed + 2 * 14)
    assert (two.pieces.tolist(), two.pairs.tolist()) == ([1, 2], [])
    with_pair = choose_pieces(pieces, squares, 10, fixed + 4 * 14 + 18)
    assert (with_pair.pieces.tolist(), with_pair.pairs.tolist()) == ([1, 2, 3, 9], [14])
    one_more = choose_pieces(pieces, squares, 10, fixed + 5 * 14 + 18)
    assert one_more.pieces.tolist() == [0, 1, 2, 3, 9]
    nothing = choose_pieces(pieces, squares, 10, 0)
    assert nothing.rows == 0


@pytest.mark.parametrize("texts", [[], [[]], [[], []], [[1]], [[1], [2]], [[], [1, 2], [], [3]]])
def test_no_pair_spans_two_texts(texts: list[list[int]]) -> None:
    keys = pair_keys(_pieces(texts), 10)
    expected = [first * 10 + second for t in texts for first, second in pairwise(t)]
    assert keys[keys >= 0].tolist() == expected
    assert len(keys) == max(0, sum(map(len, texts)) - 1)


@pytest.mark.parametrize("beside_tokenizer", [-1, 8_500, 9_000, 10_000])
def test_a_student_is_as_small_as_asked_for(
    data: StudentData,
    student: StaticStudent,
    embeddings: str,
    tmp_path: Path,
    beside_tokenizer: int,
) -> None:
    student.save(tmp_path)
    tokenizer = (tmp_path / "tokenizer.json").stat().st_size
    allowed = tokenizer + beside_tokenizer
    found = StaticStudent(_CLASSES, embeddings, max_bytes=allowed).fit(data.texts, data.truth)
    size = sum(path.stat().st_size for path in found.save(tmp_path))
    assert size <= max(allowed, tokenizer + 1_500)
    assert len(found.quantised_) <= len(student.quantised_)
    assert np.isfinite(found.predict_proba(ODD_TEXTS)).all()


def test_known_texts_are_familiar_and_unknown_ones_strange(
    data: StudentData, student: StaticStudent
) -> None:
    assert student.judge(data.texts).novelty.max() < 0.3
    strange = student.judge(["plane sleet ferry salary", "wages", "", "qqq"]).novelty
    np.testing.assert_array_equal(strange, 1)
    known = student.judge(["money", "money tram"]).novelty
    assert known[0] == 0
    # All pieces are known, and the only pair is not.
    assert known[1] == 0.5


def _auroc(lower: NDArray[np.floating], higher: NDArray[np.floating]) -> float:
    """How often one of the second is above one of the first (Mann and Whitney 1947)."""
    above = (higher[:, None] > lower).mean() + (higher[:, None] == lower).mean() / 2
    return float(above)


def test_texts_of_another_domain_are_more_novel_than_fresh_ones_of_the_same(
    tmp_path: Path,
) -> None:
    # Banking queries against the sentences of this project's own documents.
    path = _ROOT / "benchmarks" / "data" / "banking77_deepseek.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::4]
    texts = [row["text"] for row in rows]
    labels = sorted({row["teacher"] for row in rows})
    answers = np.array([labels.index(row["teacher"]) for row in rows])
    documents = " ".join(p.read_text("utf-8") for p in sorted((_ROOT / "docs").glob("*.md")))
    sentences = [part for part in re.split(r"[.!?]\s", documents) if 20 < len(part) < 200]
    random_embeddings(train_tokenizer(texts, 3_000), 16).save(tmp_path)
    student = StaticStudent(labels, str(tmp_path), l2=1e-3, max_iterations=2)
    student.fit(texts[:2_000], np.eye(len(labels))[answers[:2_000]])
    fresh, other = student.judge(texts[2_000:]).novelty, student.judge(sentences).novelty
    assert _auroc(fresh, other) > 0.97


_IN_FRESH_PROCESS = """
import pathlib, sys
import orjson
from locum.students.static import StaticStudent
student = StaticStudent.load(pathlib.Path(sys.argv[1]))
judged = student.judge(orjson.loads(sys.stdin.buffer.read()))
assert not {"torch", "transformers", "scipy", "model2vec"} & set(sys.modules)
sys.stdout.write((judged.proba.tobytes() + judged.novelty.tobytes()).hex())
"""


def test_a_fresh_process_predicts_the_same(
    data: StudentData, student: StaticStudent, tmp_path: Path
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
    judged = student.judge(texts)
    expected = judged.proba.tobytes() + judged.novelty.tobytes()
    assert bytes.fromhex(found.stdout.decode()) == expected


def test_what_is_saved_names_no_folder_but_the_last(
    student: StaticStudent, embeddings: str, tmp_path: Path
) -> None:
    student.save(tmp_path)
    loaded = StaticStudent.load(tmp_path)
    assert loaded.get_params() == student.get_params() | {"embeddings": "small-embeddings"}
    assert "parent-of-embeddings" in embeddings
    for path in tmp_path.iterdir():
        assert b"parent-of-embeddings" not in path.read_bytes()


@pytest.fixture
def saved(student: StaticStudent, tmp_path: Path) -> Path:
    """A folder with a saved student."""
    student.save(tmp_path)
    return tmp_path


_FILES = ["weights.safetensors", "tokenizer.json", "student.json"]
_TENSORS = ["quantised", "scale", "intercept", "squares", "seen", "pieces", "pairs"]


@pytest.mark.parametrize("name", _FILES)
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match="holds no static student"):
        StaticStudent.load(saved)


@pytest.mark.parametrize("name", _FILES)
def test_a_pickle_is_refused_and_not_run(saved: Path, name: str) -> None:
    sprung = write_trap(saved / name)
    with pytest.raises(ArtefactError, match="holds no static student"):
        StaticStudent.load(saved)
    assert not sprung.exists()


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_truncated_files_are_refused(saved: Path, name: str, kept: int) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtefactError, match="holds no static student"):
        StaticStudent.load(saved)


def test_a_header_that_lies_about_its_size_is_refused(saved: Path) -> None:
    weights = saved / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes((1 << 60).to_bytes(8, "little") + content[8:])
    with pytest.raises(ArtefactError, match="holds no static student"):
        StaticStudent.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
def test_missing_weights_are_refused(saved: Path, name: str) -> None:
    tensors = load_file(saved / "weights.safetensors")
    del tensors[name]
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match=name):
        StaticStudent.load(saved)


@pytest.mark.parametrize("name", ["scale", "intercept"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(saved: Path, name: str, value: float) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors[name].flat[0] = value
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match="not finite"):
        StaticStudent.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
@pytest.mark.parametrize("change", ["shorter", "deeper", "scalar", "float16", "int32"])
def test_weights_of_the_wrong_shape_or_type_are_refused(
    saved: Path, name: str, change: str
) -> None:
    tensors = load_file(saved / "weights.safetensors")
    held = tensors[name]
    changed = {
        "shorter": held[:-1],
        "deeper": held[..., None],
        "scalar": held.reshape(-1)[0],
        "float16": held.astype(np.float16),
        "int32": held.astype(np.int64 if held.dtype == np.int32 else np.int32),
    }
    tensors[name] = np.array(changed[change])
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError):
        StaticStudent.load(saved)


@pytest.mark.parametrize("name", ["pieces", "pairs"])
@pytest.mark.parametrize("value", [-1, 1 << 30])
def test_rows_of_no_piece_are_refused(saved: Path, name: str, value: int) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors[name][0 if value < 0 else -1] = value
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError, match="damaged"):
        StaticStudent.load(saved)


def test_a_tokenizer_with_more_pieces_is_refused(saved: Path, data: StudentData) -> None:
    tokenizer = train_tokenizer([*data.texts, "abcdefghijklmnopqrstuvwxyz"], 200)
    (saved / "tokenizer.json").write_text(tokenizer.to_str())
    with pytest.raises(ArtefactError, match="do not fit"):
        StaticStudent.load(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff",
        b"{}",
        b'{"classes": ["money", "travel"], "embeddings": "x"}',
        b'{"classes": 3, "embeddings": "x"}',
        b'{"classes": ["money", "travel", "weather"]}',
        b'{"classes": ["money", "travel", "weather"], "embeddings": "x", "unknown": 1}',
        b'{"classes": ["money", "travel", "weather"], "embeddings": "x", "l2": "x"}',
        b'{"classes": ["money", "travel", "weather"], "embeddings": "x", "l2": -1}',
    ],
)
def test_other_parameters_are_refused(saved: Path, content: bytes) -> None:
    (saved / "student.json").write_bytes(content)
    with pytest.raises(ArtefactError):
        StaticStudent.load(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"null",
        b"[]",
        b'{"model": {"type": "WordPiece", "vocab": {"a": -1}}}',
        (
            b'{"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]",'
            b' "continuing_subword_prefix": "##", "max_input_chars_per_word": 9}}'
        ),
    ],
)
def test_a_tokenizer_of_garbage_is_refused(saved: Path, content: bytes) -> None:
    (saved / "tokenizer.json").write_bytes(content)
    with pytest.raises(ArtefactError, match="holds no static student"):
        StaticStudent.load(saved)


def test_loading_without_the_extra_names_it(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"pip install 'locum\[static\]'"):
        StaticStudent.load(saved)


def test_a_copy_answers_as_it_does(data: StudentData, student: StaticStudent) -> None:
    expected = student.judge(data.texts[:20]).proba
    for copied in copies_of(student):
        np.testing.assert_array_equal(copied.judge(data.texts[:20]).proba, expected)
