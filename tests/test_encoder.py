"""The encoder student: what it learns, what it says of odd texts, and that it can be repeated."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
import torch

from locum.errors import UsageError
from locum.students.encoder import EncoderStudent
from tests.student_cases import ODD_TEXTS, StudentData, copies_of, make_data
from tests.tiny_encoder import save_tiny_encoder

if TYPE_CHECKING:
    from pathlib import Path


_CLASSES = ["red", "green", "blue"]
_COUNT = 480


@pytest.fixture(scope="module")
def data() -> StudentData:
    """Training texts with their true distributions."""
    return make_data(_COUNT, 1)


@pytest.fixture(scope="module")
def unseen() -> StudentData:
    """Others of the same kind."""
    return make_data(240, 2)


@pytest.fixture(scope="module")
def encoder(data: StudentData, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a small encoder."""
    return str(save_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny", data.texts))


@pytest.fixture(scope="module")
def student(data: StudentData, encoder: str) -> EncoderStudent:
    """A head on the encoder as it is."""
    return EncoderStudent(_CLASSES, encoder).fit(data.texts, data.truth)


@pytest.fixture(scope="module")
def tuned(data: StudentData, encoder: str) -> EncoderStudent:
    """Head and encoder, trained."""
    settings: dict[str, Any] = {"epochs": 6, "learning_rate": 3e-3}
    return EncoderStudent(_CLASSES, encoder, **settings).fit(data.texts, data.truth)


def _loss(student: EncoderStudent, data: StudentData) -> float:
    proba = student.predict_proba(data.texts)
    return float(-(data.truth * np.log(proba)).sum(axis=1).mean())


def _saved(student: EncoderStudent, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    return {path.name: path.read_bytes() for path in student.save(folder)}


def test_a_head_learns_more_than_the_mean(student: EncoderStudent, unseen: StudentData) -> None:
    mean = unseen.truth.mean(axis=0)
    least = float(-(unseen.truth * np.log(unseen.truth)).sum(axis=1).mean())
    ignorant = float(-(unseen.truth @ np.log(mean)).mean())
    assert _loss(student, unseen) - least < 0.8 * (ignorant - least)
    assert student.epochs_ == 0


def test_training_the_encoder_learns_more_than_its_head(
    student: EncoderStudent, tuned: EncoderStudent, unseen: StudentData
) -> None:
    assert tuned.epochs_ > 0
    assert _loss(tuned, unseen) < _loss(student, unseen) - 0.02


def test_rounding_keeps_the_labels(student: EncoderStudent, tuned: EncoderStudent) -> None:
    assert student.weights_ == "int8"
    for found in (student, tuned):
        assert found.quantised_agreement_ > 0.9
        assert abs(found.quantisation_loss_) < 0.1


def test_two_fits_of_one_seed_save_the_same_bytes(
    data: StudentData, encoder: str, tmp_path: Path
) -> None:
    state = torch.get_rng_state()
    saved = []
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        found = EncoderStudent(_CLASSES, encoder, epochs=6, learning_rate=3e-3, seed=seed)
        saved.append(_saved(found.fit(data.texts, data.truth), tmp_path / name))
    assert saved[0] == saved[1]
    assert saved[0]["model.onnx"] != saved[2]["model.onnx"]
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_refitting_lets_the_head_learn_from_more(
    data: StudentData, unseen: StudentData, student: EncoderStudent, encoder: str
) -> None:
    few = len(data.texts) // 8
    again = EncoderStudent(_CLASSES, encoder).fit(data.texts[:few], data.truth[:few])
    start, penalty = _loss(again, unseen), again.penalty_
    assert again.refit(data.texts, data.truth) is again
    assert again.penalty_ == penalty
    whole = _loss(student, unseen)
    assert whole - 0.02 < _loss(again, unseen) < start - 0.01


def test_refitting_to_the_same_inputs_changes_nothing(
    data: StudentData, unseen: StudentData, encoder: str
) -> None:
    again = EncoderStudent(_CLASSES, encoder).fit(data.texts, data.truth)
    before = again.judge(unseen.texts)
    after = again.refit(data.texts, data.truth).judge(unseen.texts)
    np.testing.assert_allclose(after.proba, before.proba, atol=1e-5)
    np.testing.assert_allclose(after.novelty, before.novelty, rtol=1e-3)


def test_refitting_leaves_a_trained_encoder_as_it_is(
    data: StudentData, tuned: EncoderStudent, tmp_path: Path
) -> None:
    assert tuned.epochs_
    before = _saved(tuned, tmp_path / "before")
    tuned.refit(data.texts[:40], data.truth[:40])
    assert _saved(tuned, tmp_path / "after") == before


def test_fitting_leaves_the_given_arrays_alone(data: StudentData, encoder: str) -> None:
    soft, human = data.truth.copy(), np.zeros(_COUNT, np.int64)
    EncoderStudent(_CLASSES, encoder, temperature=2, human_weight=0.5).fit(data.texts, soft, human)
    np.testing.assert_array_equal(soft, data.truth)
    assert not human.any()


def test_human_labels_count_when_they_weigh(
    data: StudentData, encoder: str, student: EncoderStudent
) -> None:
    human = (data.truth.argmax(axis=1) + 1) % 3
    unweighed = EncoderStudent(_CLASSES, encoder).fit(data.texts, data.truth, human)
    np.testing.assert_array_equal(
        unweighed.predict_proba(data.texts), student.predict_proba(data.texts)
    )
    settings: dict[str, Any] = {"human_weight": 1.0, "epochs": 2, "learning_rate": 3e-3}
    taught = EncoderStudent(_CLASSES, encoder, **settings).fit(data.texts, data.truth, human)
    rows = np.arange(_COUNT)
    given = taught.predict_proba(data.texts)[rows, human].mean()
    assert given > unweighed.predict_proba(data.texts)[rows, human].mean() + 0.1


def test_seconds_end_the_training(data: StudentData, encoder: str) -> None:
    texts, truth = data.texts * 4, np.tile(data.truth, (4, 1))
    begin = time.monotonic()
    EncoderStudent(_CLASSES, encoder, epochs=10_000, seconds=0.3).fit(texts, truth)
    assert time.monotonic() - begin < 30


def test_dropped_layers_make_a_smaller_student(
    data: StudentData, encoder: str, student: EncoderStudent, tmp_path: Path
) -> None:
    smaller = EncoderStudent(_CLASSES, encoder, layers=1).fit(data.texts, data.truth)
    sizes = [
        len(_saved(found, tmp_path / name)["model.onnx"])
        for found, name in ((smaller, "smaller"), (student, "larger"))
    ]
    assert sizes[0] < 0.8 * sizes[1]
    with pytest.raises(UsageError, match="layers=3"):
        EncoderStudent(_CLASSES, encoder, layers=3).fit(data.texts, data.truth)


def test_an_answer_does_not_depend_on_the_others(
    student: EncoderStudent, unseen: StudentData
) -> None:
    texts = [*unseen.texts[:40], *ODD_TEXTS]
    together = student.judge(texts)
    alone = [student.judge([text]) for text in texts]
    np.testing.assert_array_equal(together.proba, np.concatenate([one.proba for one in alone]))
    np.testing.assert_array_equal(together.novelty, np.concatenate([one.novelty for one in alone]))


def test_the_share_of_texts_that_are_cut_off_is_told(student: EncoderStudent) -> None:
    texts = ["word " * count for count in (1, 30, 62, 63, 300)]
    long = [student.judge([text]).proba.tobytes() for text in texts[2:]]
    assert long[0] == long[1] == long[2]
    assert student.cut_share(texts[:2]) == 0
    assert student.cut_share(texts[3:]) == 1


def test_odd_texts(student: EncoderStudent) -> None:
    found = student.judge(ODD_TEXTS)
    assert found.proba.shape == (len(ODD_TEXTS), 3)
    assert found.proba.dtype == found.novelty.dtype == np.float32
    assert np.isfinite(found.proba).all()
    assert np.isfinite(found.novelty).all()
    assert (found.novelty >= 0).all()
    np.testing.assert_allclose(found.proba.sum(axis=1), 1, rtol=1e-5)


def test_learning_from_odd_texts(encoder: str) -> None:
    soft = np.random.default_rng(0).dirichlet(np.ones(3), 3 * len(ODD_TEXTS))
    found = EncoderStudent(_CLASSES, encoder, epochs=1).fit(ODD_TEXTS * 3, soft)
    assert np.isfinite(found.judge(ODD_TEXTS).novelty).all()


def test_two_inputs_are_enough(encoder: str) -> None:
    found = EncoderStudent(["no", "yes"], encoder).fit(["bax", "cex"], np.eye(2))
    assert np.isfinite(found.judge(["bax", "daq"]).proba).all()


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_inputs_are_refused(encoder: str, count: int) -> None:
    with pytest.raises(UsageError, match=r"at least (one|two)"):
        EncoderStudent(["no", "yes"], encoder).fit(["bax"] * count, np.eye(2)[:count])


def test_no_input_gives_no_prediction(student: EncoderStudent) -> None:
    found = student.judge([])
    assert found.proba.shape == (0, 3)
    assert found.novelty.shape == (0,)
    assert student.predict([]) == []


def test_predictions_are_the_most_probable_labels(
    data: StudentData, student: EncoderStudent
) -> None:
    found = student.predict(data.texts)
    assert found == [_CLASSES[index] for index in student.predict_proba(data.texts).argmax(axis=1)]
    assert set(found) == set(_CLASSES)


def test_texts_of_another_kind_are_novel(student: EncoderStudent, unseen: StudentData) -> None:
    own = student.judge(unseen.texts).novelty
    other = student.judge([str(number * 7919) for number in range(60)]).novelty
    assert own.mean() == pytest.approx(1, abs=0.2)
    assert (other[:, None] > own).mean() > 0.95


def test_a_fresh_process_predicts_the_same_without_torch(
    student: EncoderStudent, unseen: StudentData, tmp_path: Path
) -> None:
    written = student.save(tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    texts = [*unseen.texts[:40], "", "🙂", "unseen words"]
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IN_FRESH_PROCESS, str(tmp_path)],
        input=orjson.dumps(texts),
        capture_output=True,
        check=True,
    )
    expected = student.judge(texts)
    told = expected.proba.tobytes() + expected.novelty.tobytes()
    assert bytes.fromhex(found.stdout.decode()) == told


_IN_FRESH_PROCESS = """
import pathlib, sys
import orjson
from locum.students.encoder import EncoderStudent
student = EncoderStudent.load(pathlib.Path(sys.argv[1]))
found = student.judge(orjson.loads(sys.stdin.buffer.read()))
heavy = {"torch", "transformers", "onnx", "scipy", "sentence_transformers"} & set(sys.modules)
assert not heavy, heavy
sys.stdout.write((found.proba.tobytes() + found.novelty.tobytes()).hex())
"""


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"human_weight": -0.1},
        {"human_weight": 1.1},
        {"epochs": -1},
        {"learning_rate": 0.0},
        {"max_tokens": 7},
        {"layers": 0},
        {"seconds": 0.0},
        {"seconds": float("nan")},
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        EncoderStudent(_CLASSES, "encoder", **settings)


def test_parameters_build_an_equal_student() -> None:
    given = {
        "classes": _CLASSES,
        "encoder": "some/encoder",
        "temperature": 2.0,
        "human_weight": 0.2,
        "epochs": 3,
        "learning_rate": 1e-5,
        "layers": 2,
        "max_tokens": 64,
        "seconds": 10.0,
        "seed": 7,
    }
    assert EncoderStudent(**given).get_params() == given  # type: ignore[arg-type]


def test_a_copy_answers_as_it_does(unseen: StudentData, student: EncoderStudent) -> None:
    expected = student.judge(unseen.texts[:20]).proba
    for copied in copies_of(student):
        np.testing.assert_array_equal(copied.judge(unseen.texts[:20]).proba, expected)
