"""The ensemble: how its members are weighed and chosen, and what is saved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration import fit_temperature
from locum.calibration.temperature import negative_log_likelihood
from locum.errors import ArtefactError, UsageError
from locum.losses import soften
from locum.students import Judgement
from locum.students.ensemble import EnsembleStudent
from locum.students.ensemble_rule import EnsembleRule, choose_members, fit_rule
from locum.students.joined import extras_of
from locum.training import Labelled
from locum.training.joining import join_ensemble
from tests.joined_cases import (
    ScriptedStudent,
    ask_examples,
    draw_judgement,
    make_judgement,
    make_trained,
)
from tests.student_cases import ODD_TEXTS
from tests.traffic import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RULE = EnsembleRule((0.25, 0.75), (1.5, 0.75), (0.5, 2.0))
FAMILIES = ("linear", "linear")
SETTINGS = ({"l2": 1e-2}, {"l2": 1e-5})


def make_unfitted() -> EnsembleStudent:
    return EnsembleStudent(LABELS, FAMILIES, SETTINGS)


@pytest.fixture(scope="module")
def student() -> EnsembleStudent:
    """A strongly and a weakly penalised linear student."""
    return make_unfitted().fit(*ask_examples(400))


ROWS = st.lists(
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda row: np.array(row) / sum(row)),
    min_size=1,
    max_size=6,
)


@given(ROWS, ROWS, st.floats(0.1, 3), st.floats(0.1, 3), st.floats(0.5, 2))
def test_log_probabilities_are_added_up_by_weight(
    one: list[NDArray[np.float64]],
    two: list[NDArray[np.float64]],
    first: float,
    second: float,
    temperature: float,
) -> None:
    count = min(len(one), len(two))
    rule = EnsembleRule((first, second), (temperature, 1.0), (0.5, 2.0))
    judged = [
        make_judgement([row.tolist() for row in rows[:count]], [novelty] * count)
        for rows, novelty in ((one, 3.0), (two, 5.0))
    ]
    found = rule.join(judged)
    floored = [0.999 * soften(j.proba, t) + 0.001 / 3 for j, t in zip(judged, rule[1], strict=True)]
    expected = floored[0] ** first * floored[1] ** second
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.proba, expected, rtol=1e-4)
    assert found.proba.dtype == found.novelty.dtype == np.float32
    mean = (first * 3.0 / 0.5 + second * 5.0 / 2.0) / (first + second)
    np.testing.assert_allclose(found.novelty, mean, rtol=1e-5)


def test_a_class_that_one_member_rules_out_is_not_lost() -> None:
    judged = [make_judgement([[0.6, 0.4]], [1]), make_judgement([[0.0, 1.0]], [1])]
    found = RULE.join(judged).proba
    assert np.isfinite(found).all()
    assert 0 < found[0, 0] < found[0, 1]


def test_members_that_err_independently_do_better_together(
    generator: np.random.Generator,
) -> None:
    answers = generator.integers(0, 3, 3000)
    judged = [draw_judgement(generator, answers, skill) for skill in (0.6, 0.6, 0.9)]
    rule = fit_rule([Judgement(*(part[:1500] for part in one)) for one in judged], answers[:1500])
    np.testing.assert_allclose(rule.weights, 1, atol=0.15)
    rest = [Judgement(*(part[1500:] for part in one)) for one in judged]
    together = rule.join(rest).proba
    alone = [
        negative_log_likelihood(soften(one.proba, temperature), answers[1500:])
        for one, temperature in zip(rest, rule.temperatures, strict=True)
    ]
    assert negative_log_likelihood(together, answers[1500:]) < min(alone) - 0.02
    assert rule.novelties == tuple(
        pytest.approx(one.novelty[:1500].mean(dtype=np.float64)) for one in judged
    )
    assert rule.temperatures[0] == fit_temperature(judged[0].proba[:1500], answers[:1500])


def test_a_member_that_knows_nothing_is_not_asked(generator: np.random.Generator) -> None:
    answers = generator.integers(0, 3, 1500)
    good, better = (draw_judgement(generator, answers, skill) for skill in (1.0, 1.2))
    useless = Judgement(np.full((1500, 3), 1 / 3, np.float32), np.zeros(1500, np.float32))
    guesses = draw_judgement(generator, generator.integers(0, 3, 1500), 1.5)
    assert choose_members([good, guesses, better], answers) == [0, 2]
    assert fit_rule([good, useless], answers).novelties[1] == 1
    assert choose_members([guesses, better], answers) == [1]
    assert choose_members([better, better], answers) == [0]
    assert choose_members([better], answers) == [0]


def test_trained_students_are_joined_on_validation_inputs(
    generator: np.random.Generator,
) -> None:
    answers = generator.integers(0, 3, 1500)
    judged = {
        "one": draw_judgement(generator, answers, 0.8),
        "guess": draw_judgement(generator, generator.integers(0, 3, 1500), 1.5),
        "two": draw_judgement(generator, answers, 0.8),
    }
    validation = Labelled(
        [str(n) for n in range(1500)], np.eye(3)[answers], answers, np.full(1500, -1)
    )
    trained = {name: make_trained(one) for name, one in judged.items()}
    joined = join_ensemble(trained, validation)
    assert joined is not None
    assert joined.members == ("one", "two")
    found = joined.student
    assert isinstance(found.student, EnsembleStudent)
    rule = fit_rule([judged["one"], judged["two"]], answers)
    assert found.student.rule_ == rule
    assert found.student.students_ == [trained["one"].student, trained["two"].student]
    (trial,) = found.trials
    assert trial.settings == dict(zip(("one", "two"), rule.weights, strict=True))
    predicted = found.raw_validation_proba.argmax(axis=1)
    assert trial.agreement == pytest.approx((predicted == answers).mean())
    assert trial.agreement > (judged["one"].proba.argmax(axis=1) == answers).mean()
    assert 0.8 < found.temperature < 1.25
    assert found.raw_validation_novelty.mean() == pytest.approx(1, rel=0.1)
    assert join_ensemble({"one": trained["one"], "guess": trained["guess"]}, validation) is None


def test_odd_texts_are_judged(student: EnsembleStudent) -> None:
    found = student.judge(ODD_TEXTS)
    np.testing.assert_allclose(found.proba.sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(found.novelty).all()
    assert (found.novelty >= 0).all()


def test_a_loaded_ensemble_has_its_parameters(student: EnsembleStudent, tmp_path: Path) -> None:
    student.save(tmp_path)
    loaded = EnsembleStudent.load(tmp_path)
    assert loaded.rule_ == student.rule_
    assert [one["l2"] for one in loaded.get_params()["settings"]] == [1e-2, 1e-5]
    assert (loaded.members, loaded.seed) == (FAMILIES, 0)
    assert student.cut_share(["a " * 100_000]) == 0
    assert extras_of(student) == []


@pytest.mark.parametrize(
    "change",
    [
        {"rule": None},
        {"rule": {"weights": [1, 1]}},
        {"rule": RULE._asdict() | {"weights": [1.0]}},
        {"rule": RULE._asdict() | {"weights": [1.0, 0.0]}},
        {"rule": RULE._asdict() | {"weights": 1.0}},
        {"rule": RULE._asdict() | {"temperatures": [1.0, -1.0]}},
        {"rule": RULE._asdict() | {"novelties": [1.0, None]}},
        {"rule": RULE._asdict() | {"weights": ["much", "little"]}},
        {"members": ["linear"]},
        {"members": ["linear", "cascade"]},
        {"members": ["linear", "os.system"]},
        {"members": ["linear", "linear", "linear"]},
        {"surprise": 1},
        {"classes": ["billing", "shipping"]},
        {"classes": None},
    ],
)
def test_strange_parameters_are_refused(
    student: EnsembleStudent, tmp_path: Path, change: dict[str, object]
) -> None:
    student.save(tmp_path)
    saved = orjson.loads((tmp_path / "student.json").read_bytes())
    (tmp_path / "student.json").write_bytes(orjson.dumps(saved | change))
    with pytest.raises(ArtefactError):
        EnsembleStudent.load(tmp_path)


def test_what_cannot_be_an_ensemble_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold a cascade"):
        EnsembleStudent(LABELS, ("linear", "cascade"))
    with pytest.raises(UsageError, match="at least two families, and settings for each"):
        EnsembleStudent(LABELS, ("linear",))
    with pytest.raises(UsageError, match="at least two families, and settings for each"):
        EnsembleStudent(LABELS, ("linear", "static"), [{}])
    pair = [ScriptedStudent(["a", "b"]), ScriptedStudent(["b", "a"])]
    with pytest.raises(UsageError, match="different labels"):
        EnsembleStudent.of(pair, RULE)
    with pytest.raises(UsageError, match="no rule of an ensemble of 1"):
        EnsembleStudent.of(pair[:1], RULE)
    with pytest.raises(UsageError, match="two are needed"):
        make_unfitted().fit(["one"], np.eye(3)[:1])
