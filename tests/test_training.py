"""The choice of settings, and what the final student learns from."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from locum.calibration import fit_temperature
from locum.losses import softmax
from locum.students.linear import LinearStudent
from locum.training.classification import Labelled, TrainedStudent, train

_CLASSES = ["red", "green", "blue"]


def _make_data(count: int, seed: int) -> Labelled:
    """Texts of six words; the words' scores sum to the logits of the teacher's distribution."""
    scores = np.random.default_rng(0).normal(size=(30, 3))
    words = [f"{'bcdfgklmnprstvz'[i % 15]}{'aeiou'[i % 5]}{'xqwjh'[i // 6]}o" for i in range(30)]
    source = np.random.default_rng(seed)
    chosen = source.integers(0, 30, (count, 6))
    soft = softmax(scores[chosen].sum(axis=1))
    answers = (soft.cumsum(axis=1) < source.random((count, 1))).sum(axis=1)
    texts = [" ".join(words[index] for index in row) for row in chosen]
    return Labelled(texts, soft, answers, np.full(count, -1))


def _train(
    training: Labelled, validation: Labelled, synthetic: Labelled | None = None
) -> tuple[TrainedStudent, list[str]]:
    told: list[str] = []
    make_student = partial(LinearStudent, _CLASSES, max_iterations=30)
    return train(make_student, training, validation, told.append, synthetic), told


_TRAINING, _VALIDATION = _make_data(160, 1), _make_data(80, 2)


@pytest.fixture(scope="module")
def soft() -> tuple[TrainedStudent, list[str]]:
    """A student of distributions, and what was told meanwhile."""
    return _train(_TRAINING, _VALIDATION)


@pytest.fixture(scope="module")
def hard() -> tuple[TrainedStudent, list[str]]:
    """A student of single answers, and what was told meanwhile."""
    return _train(_TRAINING.hardened(), _VALIDATION.hardened())


@pytest.fixture(scope="module")
def helped() -> tuple[TrainedStudent, list[str]]:
    """A student of single answers with some human labels, and what was told meanwhile."""
    human = np.where(np.arange(160) < 20, _TRAINING.answers, -1)
    return _train(_TRAINING.hardened()._replace(human=human), _VALIDATION.hardened())


@pytest.mark.parametrize("kind", ["soft", "hard", "helped"])
def test_trials_stand_best_first(kind: str, request: pytest.FixtureRequest) -> None:
    trained, told = request.getfixturevalue(kind)
    areas = [trial.risk_area for trial in trained.trials]
    assert areas == sorted(areas)
    tried = [(tuple(trial.settings.items()), trial.soft) for trial in trained.trials]
    assert len(set(tried)) == len(tried)
    assert sum(text.startswith("trying") for text in told) == len(tried)
    assert {trial.settings["l2"] for trial in trained.trials} > {5e-6}
    assert {trial.settings.get("word_weight") for trial in trained.trials} >= {None, 1, 4}


@pytest.mark.parametrize("kind", ["soft", "hard", "helped"])
def test_the_curve_rises_in_inputs_to_the_best_trial(
    kind: str, request: pytest.FixtureRequest
) -> None:
    trained, _ = request.getfixturevalue(kind)
    assert [point.inputs for point in trained.curve] == [40, 80, 160]
    assert trained.curve[-1].agreement == trained.trials[0].agreement
    assert all(0 <= point.agreement <= 1 for point in trained.curve)


def test_distributions_are_tried_at_temperatures_and_as_single_answers(
    soft: tuple[TrainedStudent, list[str]],
) -> None:
    trials = soft[0].trials
    assert {trial.settings["temperature"] for trial in trials} == {1.0, 2.0, 4.0}
    (of_answers,) = [trial for trial in trials if not trial.soft]
    assert of_answers.settings["temperature"] == 1
    assert {trial.settings["human_weight"] for trial in trials} == {0.0}


def test_single_answers_are_tried_at_no_temperature(
    hard: tuple[TrainedStudent, list[str]],
) -> None:
    trials = hard[0].trials
    assert {trial.settings["temperature"] for trial in trials} == {1.0}
    assert {trial.settings["human_weight"] for trial in trials} == {0.0}
    assert not any(trial.soft for trial in trials)


def test_human_labels_add_a_trial(helped: tuple[TrainedStudent, list[str]]) -> None:
    trials = helped[0].trials
    assert sorted({trial.settings["human_weight"] for trial in trials}) == [0.0, 0.2]
    assert sum(trial.settings["human_weight"] > 0 for trial in trials) == 1


@pytest.mark.parametrize("kind", ["soft", "hard", "helped"])
def test_the_final_student_has_the_best_settings(kind: str, request: pytest.FixtureRequest) -> None:
    # The penalty shrinks by 160 / (160 + 80).
    trained, told = request.getfixturevalue(kind)
    expected = dict(trained.trials[0].settings)
    expected["l2"] *= 2 / 3
    params = trained.student.get_params()
    assert {name: params[name] for name in expected} == pytest.approx(expected)
    assert any("240 inputs" in text for text in told)


def test_the_final_student_learned_from_all_inputs(
    soft: tuple[TrainedStudent, list[str]],
) -> None:
    trained, _ = soft
    both = _TRAINING.joined(_VALIDATION)
    used = both if trained.trials[0].soft else both.hardened()
    again = LinearStudent(**trained.student.get_params())
    again.fit(used.texts, used.soft_labels, used.human)
    proba = again.predict_proba(both.texts)
    np.testing.assert_array_equal(trained.student.predict_proba(both.texts), proba)


def test_the_calibration_is_of_validation_inputs_that_were_not_learned(
    soft: tuple[TrainedStudent, list[str]],
) -> None:
    trained, _ = soft
    best = trained.trials[0]
    used = _TRAINING if best.soft else _TRAINING.hardened()
    settings = trained.student.get_params() | best.settings
    again = LinearStudent(**settings).fit(used.texts, used.soft_labels)
    proba, novelty = again.judge(_VALIDATION.texts)
    np.testing.assert_array_equal(trained.raw_validation_proba, proba)
    np.testing.assert_array_equal(trained.raw_validation_novelty, novelty)
    agrees = proba.argmax(axis=1) == _VALIDATION.answers
    assert best.agreement == agrees.mean()
    fitted = fit_temperature(trained.raw_validation_proba, _VALIDATION.answers)
    assert trained.temperature == fitted


def test_training_is_the_same_every_time(soft: tuple[TrainedStudent, list[str]]) -> None:
    again, told = _train(_TRAINING, _VALIDATION)
    assert (again.trials, again.curve, told) == (soft[0].trials, soft[0].curve, soft[1])


def test_many_inputs_are_searched_with_some_and_learned_from_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("locum.training.classification._MOST_SEARCHED", 60)
    trained, told = _train(_TRAINING.hardened(), _VALIDATION.hardened())
    assert [point.inputs for point in trained.curve] == [15, 30, 60, 160]
    assert "training on 160 inputs" in told
    best = trained.trials[0]
    assert trained.curve[2].agreement == best.agreement
    settings = trained.student.get_params() | {"l2": best.settings["l2"] * 60 / 160}
    used = _TRAINING.hardened()
    again = LinearStudent(**settings).fit(used.texts, used.soft_labels)
    judged = again.judge(_VALIDATION.texts)
    np.testing.assert_array_equal(trained.raw_validation_proba, judged.proba)
    agrees = judged.proba.argmax(axis=1) == _VALIDATION.answers
    assert trained.curve[-1].agreement == agrees.mean()
    assert trained.student.get_params()["l2"] == pytest.approx(best.settings["l2"] * 60 / 240)


def test_many_inputs_with_synthetic_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locum.training.classification._MOST_SEARCHED", 40)
    # The validation inputs themselves: who learns them does better on them.
    trained, told = _train(_TRAINING.hardened(), _VALIDATION.hardened(), _VALIDATION.hardened())
    assert trained.synthetic is not None
    assert trained.synthetic.used
    assert "training on 240 inputs" in told
    assert "training on all 320 inputs it may see" in told
    (helped,) = [trial for trial in trained.trials if trial.synthetic]
    expected = helped.settings["l2"] * 120 / 320
    assert trained.student.get_params()["l2"] == pytest.approx(expected)


class _LearnsOnce(LinearStudent):
    """A student of a family that is not searched."""

    searched = False


@pytest.mark.parametrize("hard", [False, True])
def test_a_student_that_is_not_searched_learns_once_from_the_train_inputs(hard: bool) -> None:  # noqa: FBT001
    training = _TRAINING.hardened() if hard else _TRAINING
    made: list[dict[str, float]] = []

    def make_student(**settings: float) -> LinearStudent:
        made.append(settings)
        return _LearnsOnce(_CLASSES, **settings)  # type: ignore[arg-type]

    told: list[str] = []
    trained = train(make_student, training, _VALIDATION, told.append, _make_data(20, 3))
    assert made == [{}]
    assert len(told) == 1
    again = LinearStudent(_CLASSES).fit(training.texts, training.soft_labels)
    judged = again.judge(_VALIDATION.texts)
    np.testing.assert_array_equal(trained.raw_validation_proba, judged.proba)
    np.testing.assert_array_equal(trained.raw_validation_novelty, judged.novelty)
    unseen = _make_data(30, 9).texts
    np.testing.assert_array_equal(
        trained.student.predict_proba(unseen), again.predict_proba(unseen)
    )
    (trial,) = trained.trials
    assert (trial.settings, trial.soft) == ({}, not hard)
    agreement = (judged.proba.argmax(axis=1) == _VALIDATION.answers).mean()
    assert trial.agreement == agreement
    assert [tuple(point) for point in trained.curve] == [(160, agreement)]
    assert trained.temperature == fit_temperature(judged.proba, _VALIDATION.answers)
    assert trained.synthetic is None


def test_a_handful_of_inputs_can_be_learned_from() -> None:
    trained, _ = _train(_TRAINING.thinned(4), _VALIDATION.thinned(3))
    assert [point.inputs for point in trained.curve] == [2, 2, 4]
    assert np.isfinite(trained.student.predict_proba(["", "text"])).all()


def _labelled(*answers: int) -> Labelled:
    count = len(answers)
    soft = np.full((count, 3), 0.3)
    soft[:, 0] = 0.4
    texts = [f"text {answer}" for answer in answers]
    return Labelled(texts, soft, np.array(answers), np.arange(count) - 1)


def test_joined_inputs_follow_each_other() -> None:
    joined = _labelled(0, 1).joined(_labelled(2))
    assert list(joined.texts) == ["text 0", "text 1", "text 2"]
    assert joined.answers.tolist() == [0, 1, 2]
    assert joined.human.tolist() == [-1, 0, -1]
    assert joined.soft_labels.shape == (3, 3)


def test_first_takes_the_first_of_everything() -> None:
    first = _labelled(2, 1, 0).thinned(2)
    assert first.texts == ["text 2", "text 1"]
    assert (first.answers.tolist(), first.human.tolist()) == ([2, 1], [-1, 0])
    assert first.soft_labels.shape == (2, 3)


def test_hardened_inputs_keep_the_answer_alone() -> None:
    # The answer counts, also where it is not the most probable label.
    inputs = _labelled(2, 0)
    hardened = inputs.hardened()
    np.testing.assert_array_equal(hardened.soft_labels, [[0, 0, 1], [1, 0, 0]])
    assert hardened.texts == inputs.texts
    assert hardened.human.tolist() == inputs.human.tolist()
    assert (inputs.is_hard, hardened.is_hard) == (False, True)
    assert inputs.soft_labels[0, 2] == 0.3
    assert not hardened.joined(inputs).is_hard
