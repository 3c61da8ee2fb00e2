"""What an API's bodies become."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = ["Assembled", "Exchange"]


class Exchange(NamedTuple):
    """A request and its response, in the shape of OpenAI's chat completions.

    Args:
        request: The body that was sent.
        response: The body that came back; ``None`` where there was none.
    """

    request: JsonObject
    response: JsonObject | None


class Assembled(NamedTuple):
    """What the events of a stream add up to.

    Args:
        response: The body that a plain call would have brought; ``None`` where no event held
            a part of one.
        whole: Whether the stream was seen to its end and held no error.
    """

    response: JsonObject | None
    whole: bool
