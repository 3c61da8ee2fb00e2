"""What calls cost, by the public list and by prices of one's own."""

from __future__ import annotations

import pytest

from locum.errors import UsageError
from locum.prices import Price, Tokens, _prices, find_price, list_cost_usd, require_price
from locum.schema import OwnPrice

KNOWN = "gpt-4.1-nano"


def cost(tokens: Tokens, model: str = KNOWN) -> float:
    return require_price(model).cost_usd(tokens)


def test_a_known_model_has_a_positive_price() -> None:
    assert 0 < cost(Tokens(1000, 10)) < 0.01


def test_the_price_grows_with_the_tokens() -> None:
    assert cost(Tokens(1000, 20)) == pytest.approx(2 * cost(Tokens(500, 10)))


def test_output_costs_more_than_input() -> None:
    assert cost(Tokens(0, 99)) > cost(Tokens(99, 0))


def test_input_from_the_cache_costs_less() -> None:
    assert 0 < cost(Tokens(1000, 0, cached=1000)) < cost(Tokens(1000, 0))


def test_a_name_that_is_longer_than_any_has_no_price_and_is_not_kept() -> None:
    before = _prices.cache_info().currsize
    assert find_price(f"{KNOWN}-{'x' * 300}") is None
    assert _prices.cache_info().currsize == before


def test_no_tokens_cost_nothing() -> None:
    assert cost(Tokens(0, 0)) == 0


def test_the_public_list_prices_by_the_moment() -> None:
    assert list_cost_usd(KNOWN, Tokens(1000, 10), 1_760_000_000) == cost(Tokens(1000, 10))


@pytest.mark.parametrize("model", ["no-such-model-7b", ""])
def test_an_unknown_model_asks_for_a_price(model: str) -> None:
    assert list_cost_usd(model, Tokens(1000, 10), 1_760_000_000) is None
    assert find_price(model) is None
    with pytest.raises(UsageError) as caught:
        require_price(model)
    assert repr(model) in str(caught.value)
    assert f'[prices."{model}"]' in str(caught.value)


@pytest.mark.parametrize("model", ["no-such-model-7b", KNOWN])
def test_a_price_of_ones_own_comes_first(model: str) -> None:
    price = require_price(model, {model: OwnPrice(2.0, 8.0)})
    assert price == Price(model, OwnPrice(2.0, 8.0))
    assert price.cost_usd(Tokens(1_000_000, 0)) == 2.0
    assert price.cost_usd(Tokens(0, 1_000_000)) == 8.0
    assert price.cost_usd(Tokens(500_000, 0, cached=500_000)) == 1.0
    assert find_price("another", {model: OwnPrice(2.0, 8.0)}) is None


def test_ones_own_price_may_have_a_discount_for_the_cache() -> None:
    price = require_price("m", {"m": OwnPrice(2.0, 8.0, 0.5)})
    assert price.cost_usd(Tokens(1_000_000, 0, cached=400_000)) == pytest.approx(1.4)


def test_a_model_may_be_free() -> None:
    assert require_price("m", {"m": OwnPrice(0.0, 0.0)}).cost_usd(Tokens(10**9, 10**9)) == 0
