"""The cascade: who answers, how both are mixed, and what is saved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.errors import ArtefactError, UsageError
from locum.losses import soften
from locum.students import Judgement
from locum.students.cascade import CascadeStudent
from locum.students.cascade_rule import CascadeRule, choose_rule
from locum.students.linear import LinearStudent
from locum.training import Labelled, SyntheticGain, Trial
from locum.training.joining import join_cascade
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

_RULE = CascadeRule(0.8, 0.25, 1.5, 0.75, 0.6, 0.5, 2.0, 0.4)
_STRONG, _WEAK = {"l2": 1e-2}, {"l2": 1e-5}


def _unfitted() -> CascadeStudent:
    return CascadeStudent(LABELS, "linear", "linear", _STRONG, _WEAK)


@pytest.fixture(scope="module")
def student() -> CascadeStudent:
    """A cascade of a strongly and a weakly penalised linear student."""
    return _unfitted().fit(*ask_examples(400))


_Row = st.tuples(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=2),
    st.lists(st.floats(0.01, 1), min_size=2, max_size=2),
    st.floats(0, 10),
    st.floats(0, 10),
)


@given(st.lists(_Row, max_size=12), st.floats(0.5, 1.01), st.floats(0, 1))
def test_the_first_answers_where_it_is_sure_and_the_mix_elsewhere(
    rows: list[tuple[list[float], list[float], float, float]], threshold: float, weight: float
) -> None:
    rule = _RULE._replace(threshold=threshold, weight=weight)
    texts = [str(place) for place in range(len(rows))]
    first, second = ScriptedStudent(["a", "b"]), ScriptedStudent(["a", "b"])
    for text, (one, two, here, there) in zip(texts, rows, strict=True):
        first.table[text] = ((np.array(one) / sum(one)).tolist(), here)
        second.table[text] = ((np.array(two) / sum(two)).tolist(), there)
    found = CascadeStudent.of(first, second, rule).judge(texts)
    assert found.proba.shape == (len(rows), 2)
    assert found.proba.dtype == found.novelty.dtype == np.float32
    own, other = first.judge(texts), second.judge(texts)
    calibrated = soften(own.proba, 1.5).astype(np.float32)
    sure = calibrated.max(axis=1) >= threshold
    assert second.asked[: -len(texts) or None] == [
        text for text, certain in zip(texts, sure, strict=True) if not certain
    ]
    mixed = calibrated**weight * soften(other.proba, 0.75) ** (1 - weight)
    mixed = mixed ** (1 / 0.6)
    mixed /= mixed.sum(axis=1, keepdims=True)
    expected = np.where(sure[:, np.newaxis], calibrated, mixed)
    np.testing.assert_allclose(found.proba, expected, atol=1e-5)
    np.testing.assert_allclose(
        found.novelty, np.where(sure, own.novelty / 0.5, other.novelty / 2.0), rtol=1e-6
    )


def test_weight_0_is_the_second_alone() -> None:
    first, second = (make_judgement([[p, 1 - p]], [1]) for p in (0.6, 0.1))
    rule = _RULE._replace(weight=0.0, second_temperature=1.0, mixed_temperature=1.0)
    found = rule.combine(rule.calibrate_first(first), second)
    np.testing.assert_allclose(found.proba, second.proba, rtol=1e-6)


def test_a_class_that_one_student_rules_out_is_not_lost() -> None:
    first = make_judgement([[0.6, 0.4]], [1])
    second = make_judgement([[0.0, 1.0]], [1])
    found = _RULE.combine(first, second).proba
    assert np.isfinite(found).all()
    assert 0 < found[0, 0] < found[0, 1]


def _pair(
    generator: np.random.Generator, answers: NDArray[np.int64]
) -> tuple[Judgement, Judgement]:
    """A student, and a better one that mostly finds the same inputs hard."""
    hard = generator.normal(size=(len(answers), 3))
    return draw_judgement(generator, answers, 1.5, hard), draw_judgement(
        generator, answers, 2.2, hard
    )


def _area(proba: NDArray[np.floating], answers: NDArray[np.int64]) -> float:
    """Mean over k, from a half to all, of the disagreement among the k surest."""
    wrong = (proba.argmax(axis=1) != answers)[np.argsort(-proba.max(axis=1), kind="stable")]
    return float(np.mean([wrong[: k + 1].mean() for k in range(len(wrong) // 2, len(wrong))]))


def test_the_rule_asks_a_better_student_where_the_first_is_unsure(
    generator: np.random.Generator,
) -> None:
    answers = generator.integers(0, 3, 1000)
    first, second = _pair(generator, answers)
    rule = choose_rule(first, second, answers)
    assert 0.1 < rule.asked_second < 0.9
    assert rule.first_novelty == pytest.approx(first.novelty.mean())
    assert rule.second_novelty == pytest.approx(second.novelty.mean())

    def cascade(used: CascadeRule) -> NDArray[np.float32]:
        joined = used.join(first, lambda rows: Judgement(second.proba[rows], second.novelty[rows]))
        return joined.proba

    always = _area(cascade(rule._replace(threshold=2.0)), answers)
    assert _area(cascade(rule), answers) <= max(always * 1.02, always + 0.0005) + 1e-12
    own = soften(first.proba, rule.first_temperature).astype(np.float32).max(axis=1)
    assert rule.asked_second == pytest.approx((own < rule.threshold).mean())
    for weight in (0.0, 0.5):
        other = rule._replace(threshold=2.0, weight=weight)
        assert always <= _area(cascade(other), answers) + 1e-12


def test_the_rule_asks_no_worse_student(generator: np.random.Generator) -> None:
    answers = generator.integers(0, 3, 600)
    first = draw_judgement(generator, answers, 3.0)
    useless = Judgement(np.full((600, 3), 1 / 3, np.float32), np.zeros(600, np.float32))
    rule = choose_rule(first, useless, answers)
    assert rule.asked_second == 0
    assert rule.second_novelty == 1


def test_a_cheap_first_learns_from_the_held_out_inputs_too(student: CascadeStudent) -> None:
    alone = LinearStudent(LABELS, l2=_STRONG["l2"]).fit(*ask_examples(400))
    texts = ask_examples(20, seed=4).texts
    np.testing.assert_array_equal(student.first_.predict_proba(texts), alone.predict_proba(texts))


def test_odd_texts_are_judged(student: CascadeStudent) -> None:
    asks_always = CascadeStudent.of(
        student.first_, student.second_, student.rule_._replace(threshold=2.0)
    )
    for cascade in (student, asks_always):
        found = cascade.judge(ODD_TEXTS)
        np.testing.assert_allclose(found.proba.sum(axis=1), 1, rtol=1e-5)
        assert np.isfinite(found.novelty).all()
        assert (found.novelty >= 0).all()


def test_a_loaded_cascade_has_its_parameters(student: CascadeStudent, tmp_path: Path) -> None:
    student.save(tmp_path)
    loaded = CascadeStudent.load(tmp_path)
    assert loaded.rule_ == student.rule_
    assert loaded.get_params()["second_settings"]["l2"] == 1e-5
    assert (loaded.first, loaded.second, loaded.seed) == ("linear", "linear", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"rule": None},
        {"rule": {"threshold": 0.5}},
        {"rule": _RULE._asdict() | {"weight": 2}},
        {"rule": _RULE._asdict() | {"first_temperature": 0}},
        {"rule": _RULE._asdict() | {"second_novelty": None}},
        {"rule": _RULE._asdict() | {"threshold": "high"}},
        {"first": "os.system"},
        {"second": "cascade"},
        {"surprise": 1},
        {"classes": ["billing", "shipping"]},
        {"classes": None},
    ],
)
def test_strange_parameters_are_refused(
    student: CascadeStudent, tmp_path: Path, change: dict[str, object]
) -> None:
    student.save(tmp_path)
    saved = orjson.loads((tmp_path / "student.json").read_bytes())
    (tmp_path / "student.json").write_bytes(orjson.dumps(saved | change))
    with pytest.raises(ArtefactError):
        CascadeStudent.load(tmp_path)


def test_what_cannot_be_a_cascade_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold a cascade"):
        CascadeStudent(LABELS, second="cascade")
    with pytest.raises(UsageError, match="different labels"):
        CascadeStudent.of(ScriptedStudent(["a", "b"]), ScriptedStudent(["b", "a"]), _RULE)
    with pytest.raises(UsageError, match="no rule of a cascade"):
        CascadeStudent.of(
            ScriptedStudent(["a"]), ScriptedStudent(["a"]), _RULE._replace(weight=np.nan)
        )
    with pytest.raises(UsageError, match="two are needed"):
        _unfitted().fit(["one"], np.eye(3)[:1])


def test_trained_students_are_combined_on_validation_inputs(
    generator: np.random.Generator,
) -> None:
    answers = generator.integers(0, 3, 500)
    first, second = _pair(generator, answers)
    one_hot = np.eye(3)[answers]
    validation = Labelled([str(n) for n in range(500)], one_hot, answers, np.full(500, -1))
    gain = SyntheticGain(7, *[Trial({}, soft=True, risk_area=0.1, agreement=0.9)] * 2)
    found = join_cascade(
        make_trained(first)._replace(synthetic=gain), make_trained(second), validation
    )
    assert isinstance(found.student, CascadeStudent)
    assert found.synthetic == gain
    rule = found.student.rule_
    assert rule == choose_rule(first, second, answers)
    (trial,) = found.trials
    assert trial.settings == {
        "threshold": rule.threshold,
        "weight": rule.weight,
        "asked_second": rule.asked_second,
    }
    predicted = found.raw_validation_proba.argmax(axis=1)
    assert trial.agreement == pytest.approx((predicted == answers).mean())
    assert trial.agreement > (first.proba.argmax(axis=1) == answers).mean()
    assert 0.8 < found.temperature < 1.25
    assert found.raw_validation_novelty.mean() == pytest.approx(1, rel=0.2)
