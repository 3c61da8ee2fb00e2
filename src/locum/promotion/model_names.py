"""Names of models, with and without the date of a version."""

from __future__ import annotations

import re

__all__ = ["undated"]

_DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")


def undated(model: str) -> str:
    """Return the name by which applications ask for a dated model, such as gpt-4o-2024-08-06."""
    return _DATE.sub("", model)
