"""What calls cost, by the public price list or by prices of one's own."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from locum.schema import OwnPrice

__all__ = [
    "Price",
    "Tokens",
    "about_dollars",
    "batch_share",
    "find_price",
    "format_dollars",
    "list_cost_usd",
    "require_price",
    "sells_batches",
    "sells_no_batches",
]

_SECONDS_A_PERIOD = 3600
_FLAT_TOKENS = 30_000
_PROBE = 1000
# A name is walked over by hundreds of rules of the price list, at 2 us a letter.
_LONGEST_NAME = 256
_TOKENS_A_PRICE = 1_000_000
_BATCH_SHARE = 0.5
_BATCH_TIERS = ("batch", "flex")
_BATCH_PRICED = re.compile(r"(ft:)?(gpt-(?!oss)|chatgpt-|o[134]\b|text-embedding-|claude-|gemini-)")
_NO_BATCHES = re.compile(
    r"cohere|command-|deepseek|openrouter|perplexity|sonar|huggingface|nvidia|replicate|cerebras|"
    r"^x-ai$",
    re.IGNORECASE,
)


class Tokens(NamedTuple):
    """Tokens of one call as they are priced.

    Args:
        input: All tokens of the request, those from and to the cache among them.
        output: Tokens of the answer.
        cached: Tokens of the request that were read from the provider's cache.
        written: Tokens of the request that were written to it.
    """

    input: int
    output: int
    cached: int = 0
    written: int = 0


def list_cost_usd(model: str, tokens: Tokens, moment: float) -> float | None:
    """Return the cost in US dollars; ``None`` where the price list does not know the model.

    The price list takes a tenth of a millisecond, which is longer than all else that is done with a
    call. Below 30,000 tokens, where no price changes with their number, its prices are therefore
    kept by model and hour. It knows no name of over 256 characters.
    """
    if len(model) > _LONGEST_NAME:
        return None
    period = int(moment // _SECONDS_A_PERIOD)
    if tokens.input > _FLAT_TOKENS:
        return _listed(model, tokens, period)
    prices = _prices(model, period)
    if prices is None:
        return None
    plain = max(tokens.input - tokens.cached - tokens.written, 0)
    amounts = (1, plain, tokens.output, tokens.cached, tokens.written)
    return sum(amount * price for amount, price in zip(amounts, prices, strict=True))


class Price(NamedTuple):
    """What the tokens of a model cost.

    Args:
        model: The model.
        own: Its price where it is not the public list's.
    """

    model: str
    own: OwnPrice | None = None

    def cost_usd(self, tokens: Tokens) -> float:
        """Return what tokens cost today, in US dollars."""
        if self.own is None:
            return list_cost_usd(self.model, tokens, time.time()) or 0.0
        cached = self.own.input if self.own.cached_input is None else self.own.cached_input
        plain = max(tokens.input - tokens.cached, 0)
        dollars = plain * self.own.input + tokens.cached * cached + tokens.output * self.own.output
        return dollars / _TOKENS_A_PRICE


def format_dollars(dollars: float | None) -> str:
    """Return an amount to three digits."""
    if dollars is None:
        return "-"
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.3g}"


def about_dollars(least: float | None, most: float | None) -> str:
    """Return about what is paid, as two amounts where they differ."""
    return f"about {' to '.join(dict.fromkeys([format_dollars(least), format_dollars(most)]))}"


def find_price(model: str, own: Mapping[str, OwnPrice] | None = None) -> Price | None:
    """Return the price of a model: one's own, else the public list's; ``None`` if there is none."""
    if own and model in own:
        return Price(model, own[model])
    known = list_cost_usd(model, Tokens(1, 1), time.time()) is not None
    return Price(model) if known else None


def require_price(model: str, own: Mapping[str, OwnPrice] | None = None) -> Price:
    """Return the price of a model.

    Raises:
        UsageError: There is none.
    """
    price = find_price(model, own)
    if price is None:
        raise UsageError(
            f"the price list knows no model {model!r}: say what a million tokens of it cost, in "
            f'locum.toml: [prices."{model}"] with input = ... and output = ... in US dollars, 0 '
            "where they are free; or name a model with the same price: --priced-as MODEL"
        )
    return price


@lru_cache(maxsize=10_000)
def _prices(model: str, period: int) -> tuple[float, ...] | None:
    """US dollars for a call, and for one token of plain input, output, from and to the cache."""
    probes = (
        Tokens(_PROBE, 0),
        Tokens(0, _PROBE),
        Tokens(_PROBE, 0, cached=_PROBE),
        Tokens(_PROBE, 0, written=_PROBE),
    )
    a_call = _listed(model, Tokens(0, 0), period)
    costs = [_listed(model, probe, period) for probe in probes]
    known = [cost for cost in costs if cost is not None]
    if a_call is None or len(known) < len(probes):
        return None
    return (a_call, *((cost - a_call) / _PROBE for cost in known))


def _listed(model: str, tokens: Tokens, period: int) -> float | None:
    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=tokens.written,
    )
    for name, provider in _names(model):
        try:
            price = calc_price(
                usage,
                model_ref=name,
                provider_id=provider,
                genai_request_timestamp=_moment(period),
            )
        except (LookupError, ValueError):
            continue
        return float(price.total_price)
    return None


def _names(model: str) -> Iterator[tuple[str, str | None]]:
    """The model as it is, as Bedrock names models, and with its provider in front of a slash."""
    yield model, None
    yield model.removeprefix("bedrock/"), "aws"
    provider, slash, name = model.partition("/")
    if slash:
        yield name, provider
        yield name, None


def _moment(period: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(period * _SECONDS_A_PERIOD, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def sells_batches(model: str) -> bool:
    """Tell whether a model's provider answers batches at half the price, by its list in 2026."""
    name = model.rpartition("/")[2]
    return _BATCH_PRICED.match(name) is not None and not sells_no_batches(model)


def batch_share(tier: str, models: Iterable[str]) -> float:
    """Return which share of the usual price a call has by the tier that served it.

    Args:
        tier: As the provider calls it: ``batch`` and ``flex`` cost half.
        models: Names of the model, the one that was asked for and the one that answered.
    """
    return _BATCH_SHARE if tier in _BATCH_TIERS and any(map(sells_batches, models)) else 1.0


def sells_no_batches(name: str) -> bool:
    """Tell whether a provider is known to have had no lower price for batches in 2026.

    The price list does not say.

    Args:
        name: The provider's name or address, or a model of it.
    """
    return _NO_BATCHES.search(name) is not None
