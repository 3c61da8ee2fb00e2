"""All formats of logs, and which one a file is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.traffic.imports.batches import ANTHROPIC_BATCH, OPENAI_BATCH
from locum.traffic.imports.bedrock import BEDROCK
from locum.traffic.imports.exported import EXPORTED
from locum.traffic.imports.fine_tuning import FINE_TUNING
from locum.traffic.imports.helicone import HELICONE
from locum.traffic.imports.langfuse import LANGFUSE
from locum.traffic.imports.litellm import LITELLM
from locum.traffic.imports.opentelemetry import OPENTELEMETRY
from locum.traffic.imports.pairs import PAIRS
from locum.traffic.imports.stored_completions import STORED_COMPLETIONS
from locum.traffic.imports.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject
    from locum.traffic.imports.items import LogFormat

__all__ = ["FORMATS", "detect_format", "find_format"]

# The more particular one first: where several fit a file as well, it decides.
FORMATS: tuple[LogFormat, ...] = (
    EXPORTED,
    OPENAI_BATCH,
    ANTHROPIC_BATCH,
    BEDROCK,
    OPENTELEMETRY,
    LITELLM,
    HELICONE,
    LANGFUSE,
    STORED_COMPLETIONS,
    PAIRS,
    FINE_TUNING,
    TABLE,
)


def detect_format(records: Sequence[JsonObject]) -> LogFormat | None:
    """Return the format that most of the records look like; ``None`` where fewer than half do."""
    fits = {f: sum(f.matches(record) for record in records) for f in FORMATS}
    best = max(FORMATS, key=lambda f: fits[f])
    return best if records and fits[best] * 2 >= len(records) else None


def find_format(name: str) -> LogFormat:
    """Return a format by its name.

    Raises:
        UsageError: There is none of that name.
    """
    known = {f.name: f for f in FORMATS}
    if name not in known:
        raise UsageError(f"there is no format {name!r}: expected one of {', '.join(known)}")
    return known[name]
