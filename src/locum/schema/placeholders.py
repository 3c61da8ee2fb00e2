"""What stands in recorded calls where redaction took a value out."""

from __future__ import annotations

import re

__all__ = ["ANY_PLACEHOLDER", "is_placeholder"]

ANY_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{0,39}_[0-9]{1,9}\]")


def is_placeholder(value: object) -> bool:
    """Tell whether a value is what a redactor puts in the place of one, under any settings."""
    return isinstance(value, str) and ANY_PLACEHOLDER.fullmatch(value) is not None
