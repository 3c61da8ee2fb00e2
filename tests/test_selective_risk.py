"""The risk-coverage curve and its area."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from locum.selective_risk import risk_coverage, selective_risk_area


def test_area_by_hand() -> None:
    # From the surest on: agrees, disagrees, agrees, disagrees. Risks 0, 1/2, 1/3, 2/4: mean 1/3.
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    agrees = np.array([False, True, True, False])
    assert selective_risk_area(confidence, agrees) == pytest.approx(1 / 3)
    numbers = agrees.astype(np.int64)
    assert selective_risk_area(confidence, numbers) == pytest.approx(1 / 3)  # type: ignore[arg-type]


def test_area_of_the_greater_coverages_by_hand() -> None:
    # The risks at coverages above a half are 1/3 and 2/4.
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    agrees = np.array([False, True, True, False])
    assert selective_risk_area(confidence, agrees, 0.5) == pytest.approx(5 / 12)
    assert selective_risk_area(confidence[:1], agrees[:1], 0.5) == 1


def test_curve_by_hand() -> None:
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    agrees = np.array([False, True, True, False])
    found = risk_coverage(confidence, agrees)
    assert found == [(0.25, 0), (0.5, 0.5), (0.75, pytest.approx(1 / 3)), (1.0, 0.5)]


def test_perfect_ranking_has_the_least_area() -> None:
    agrees = np.array([True, False, True, True, False, True])
    areas = {
        order: selective_risk_area(np.array(order, float), agrees)
        for order in permutations(range(6))
    }
    least, most = min(areas.values()), max(areas.values())
    # Four that agree first: 0, 0, 0, 0, 1/5, 2/6. The two that disagree first: 1, 1, 2/3, 2/4, ...
    assert least == pytest.approx((1 / 5 + 2 / 6) / 6)
    assert most == pytest.approx((1 + 1 + 2 / 3 + 2 / 4 + 2 / 5 + 2 / 6) / 6)
    for order, area in areas.items():
        perfect = min(np.array(order)[agrees]) > max(np.array(order)[~agrees])
        assert (area == pytest.approx(least)) == perfect


@pytest.mark.parametrize("inputs", [1, 7, 60, 1000])
def test_last_point_is_the_overall_risk(inputs: int, generator: np.random.Generator) -> None:
    confidence, agrees = generator.random(inputs), generator.random(inputs) < 0.7
    found = risk_coverage(confidence, agrees)
    assert found[-1].coverage == 1
    assert found[-1].risk == pytest.approx(1 - agrees.mean())
    coverages = [point.coverage for point in found]
    assert coverages == sorted(set(coverages))
    assert found[0].coverage == np.ceil(0.02 * inputs) / inputs
    assert len(found) <= 60


def test_inputs_of_equal_confidence_keep_their_order() -> None:
    agrees = np.array([True, True, False, False])
    assert selective_risk_area(np.full(4, 0.5), agrees) == pytest.approx((1 / 3 + 2 / 4) / 4)
