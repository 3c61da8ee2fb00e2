"""How long an encoder is trained: by steps alone, unless a bound in seconds binds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.students.encoder_head import Head, Scale
from locum.students.encoder_label_objective import LabelLesson, LabelObjective
from locum.students.encoder_plan import StepPlan
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.students.encoder_tuning import Schedule, tune
from locum.students.softmax_regression import build_terms
from tests.small_encoders import TEXTS, save_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MODULE = "locum.students.encoder_plan.time"


class _Clock:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """The plan's clock."""
    found = _Clock()
    monkeypatch.setattr(_MODULE, found)
    return found


def _factors(
    steps: int, seconds: float | None, judging: float, times: Sequence[float], clock: _Clock
) -> list[float]:
    """The factors of the steps that a plan takes; times of steps are repeated."""
    plan = StepPlan(steps, seconds)
    clock.now += judging
    plan.start()
    found: list[float] = []
    while not plan.over:
        found.append(plan.factor)
        clock.now += times[len(found) % len(times)]
        plan.step()
    return found


def test_the_rate_rises_over_a_tenth_and_falls_over_the_rest(clock: _Clock) -> None:
    found = _factors(20, None, 1, [1], clock)
    rising, falling = [0.001, 0.5, 1.0], [(20 - step) / 18 for step in range(3, 20)]
    np.testing.assert_allclose(found, rising + falling)


_TIMES = st.lists(st.floats(0, 10), min_size=1, max_size=9)


@given(st.integers(1, 200), st.floats(0, 100), _TIMES)
def test_a_bound_that_does_not_bind_changes_nothing(
    steps: int, judging: float, times: list[float]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_MODULE, clock := _Clock())
        most = 2 * judging + 10 * steps + 1
        bounded = _factors(steps, most, judging, times, clock)
        assert bounded == _factors(steps, None, 0, [1], clock)


@given(st.integers(1, 2_000), st.floats(0.1, 1_000), st.floats(0, 100), _TIMES)
def test_no_step_begins_after_the_seconds(
    steps: int, seconds: float, judging: float, times: list[float]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_MODULE, clock := _Clock())
        taken = len(_factors(steps, seconds, judging, times, clock))
        assert taken <= steps
        assert clock.now - 1000 <= max(seconds + max(times), judging) + 1e-6


def test_a_plan_that_does_not_fit_is_shortened_and_its_rate_falls_to_nothing(
    clock: _Clock,
) -> None:
    # 100 seconds, of which two judgings take 10: at half a second each 160 steps fit of 1,000.
    found = _factors(1_000, 100, 10, [0.5], clock)
    assert len(found) == 160
    assert found[-1] < 0.01
    assert max(found) == pytest.approx(1, abs=0.05)
    assert np.diff(found[30:]).max() < 0


def test_a_slow_beginning_does_not_shorten_the_whole(clock: _Clock) -> None:
    plan = StepPlan(400, 100)
    plan.start()
    taken = 0
    while not plan.over:
        clock.now += 1.0 if taken < 10 else 0.1
        plan.step()
        taken += 1
    assert taken == 400


def test_judging_that_takes_all_seconds_leaves_no_step(clock: _Clock) -> None:
    assert _factors(100, 5, 5, [1], clock) == []


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "small", layers=1)


def _tuned_weights(encoder: Path, seconds: float | None) -> dict[str, bytes]:
    source = load_encoder(str(encoder))
    labels = np.repeat(np.eye(2), len(TEXTS) // 2, axis=0)
    rows = TokenReader(source.tokenizer, 32).read(TEXTS)
    lesson = LabelLesson(
        source.model,
        source.pooling,
        Head(np.zeros((16, 2), np.float32), np.zeros(2, np.float32)),
        Scale(np.zeros(16, np.float32), np.float32(0.25)),
        rows,
        build_terms(labels, None, 1.0, 0.0),
        labels.astype(np.float32),
    )
    found = tune(
        source.model,
        LabelObjective(lesson),
        np.array([len(row) for row in rows]),
        np.arange(len(TEXTS)) % 4 == 0,
        Schedule(10, 1e-3, seconds, 0),
    )
    assert found.epochs > 0
    return {name: array.tobytes() for name, array in found.weights.items()}


def _slow_at(first: float, others: float) -> Iterator[float]:
    """Times that a clock shows: the first judging takes so long, and each look after it so long."""
    yield 0.0
    now = first
    while True:
        yield now
        now += others


def test_training_far_from_its_bound_does_not_depend_on_the_machines_speed(
    encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = _tuned_weights(encoder, None)
    for first, others in ((0.0, 0.01), (30.0, 0.5)):
        times = _slow_at(first, others)
        monkeypatch.setattr(_MODULE, SimpleNamespace(monotonic=lambda times=times: next(times)))
        assert _tuned_weights(encoder, 900.0) == free
    times = _slow_at(0.0, 0.5)
    monkeypatch.setattr(_MODULE, SimpleNamespace(monotonic=lambda: next(times)))
    assert _tuned_weights(encoder, 10.0) != free
