"""List prices of calls."""

from __future__ import annotations

import pytest

from locum.errors import UsageError
from locum.prices import price_usd, require_price
from locum.schema import Usage


def test_a_known_model_has_a_positive_price() -> None:
    price = price_usd("gpt-4.1-nano", Usage(1000, 10))
    assert price is not None
    assert 0 < price < 0.01


def test_the_price_grows_with_the_tokens() -> None:
    once, twice = (price_usd("gpt-4.1-nano", Usage(500 * n, 10 * n)) for n in (1, 2))
    assert once is not None
    assert twice == pytest.approx(2 * once)


def test_output_costs_more_than_input() -> None:
    read, written = (price_usd("gpt-4.1-nano", usage) for usage in (Usage(99, 0), Usage(0, 99)))
    assert read is not None
    assert written is not None
    assert written > read


def test_no_tokens_cost_nothing() -> None:
    assert price_usd("gpt-4.1-nano", Usage(0, 0)) == 0


@pytest.mark.parametrize("model", ["no-such-model-7b", ""])
def test_the_price_of_an_unknown_model_is_unknown(model: str) -> None:
    assert price_usd(model, Usage(1000, 10)) is None
    with pytest.raises(UsageError) as caught:
        require_price(model)
    assert repr(model) in str(caught.value)


def test_a_known_model_passes_the_check() -> None:
    require_price("gpt-4.1-nano")
