"""What calls cost, by the public price lists."""

from __future__ import annotations

from locum.errors import UsageError
from locum.schema import Usage

__all__ = ["price_usd", "require_price"]


def price_usd(model: str, usage: Usage) -> float | None:
    """Return what the tokens cost by the model's list price, in US dollars.

    Returns:
        ``None`` where the price list does not know the model: its cost is unknown, not zero.
    """
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    tokens = PricedUsage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        return float(calc_price(tokens, model_ref=model).total_price)
    except LookupError:
        return None


def require_price(model: str) -> None:
    """Check that the price list knows a model.

    Raises:
        UsageError: It does not.
    """
    if price_usd(model, Usage(1, 1)) is None:
        raise UsageError(f"the price list knows no model {model!r}: give one that it knows")
