"""What a teacher is asked of commands that book a restaurant."""

from __future__ import annotations

from typing import Any

from locum.shapes import ExtractionTask

__all__ = ["SCHEMA", "make_task"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "restaurant": {"type": ["string", "null"]},
        "city": {"type": ["string", "null"]},
        "cuisine": {"type": ["string", "null"]},
        "party_size": {"type": ["integer", "null"]},
        "when": {"type": ["string", "null"]},
    },
    "required": ["restaurant", "city", "cuisine", "party_size", "when"],
    "additionalProperties": False,
}


def make_task() -> ExtractionTask:
    """Return the task."""
    return ExtractionTask(
        "restaurants",
        SCHEMA,
        "Extract the restaurant, city, cuisine, party_size and when from the request as JSON. Use "
        "null if it is not said.",
    )
