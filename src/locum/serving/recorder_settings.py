"""What a recorder is told before the first call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locum.config import RedactionSettings, TraceSettings
    from locum.schema import JsonObject, OwnPrice

__all__ = ["recorder_settings"]


def recorder_settings(
    place: str | Path,
    redaction: RedactionSettings,
    prices: Mapping[str, OwnPrice],
    traces: TraceSettings,
) -> JsonObject:
    """Return what a recorder is told first.

    Args:
        place: The store: path or URL.
        redaction: What is taken out of calls before they are kept.
        prices: One's own prices, by model.
        traces: Where spans go.
    """
    return {
        "store": os.fspath(place),
        "traces": traces.endpoint,
        "prices": {model: list(price) for model, price in prices.items()},
        "redaction": {"off": sorted(redaction.off), "patterns": dict(redaction.patterns)},
    }
