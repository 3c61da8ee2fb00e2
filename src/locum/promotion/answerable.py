"""Which calls a student may answer, whatever it has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.promotion.answer_forms import ANSWER_FORMS
from locum.promotion.frame import DELIVERING, ask_of
from locum.traffic import is_stored, split_request

if TYPE_CHECKING:
    from locum.promotion.frame import Ask
    from locum.schema import Endpoint, JsonObject
    from locum.traffic import SplitRequest

__all__ = ["Answerable", "read_answerable"]


class Answerable(NamedTuple):
    """A request that a student may answer.

    Args:
        split: The request, taken apart.
        ask: How the answer is wanted.
    """

    split: SplitRequest
    ask: Ask


def read_answerable(endpoint: Endpoint, chat: JsonObject) -> Answerable | str:
    """Return what a student has to know of a request, or what of it is in the way of all students.

    Args:
        endpoint: The API that it was sent to.
        chat: The request in the shape of chat completions.
    """
    if endpoint not in ANSWER_FORMS:
        return "an API that students do not speak"
    if is_stored(endpoint, chat):
        return "'store', which is not false"
    split, ask = split_request(chat, endpoint), ask_of(chat)
    if isinstance(split, str):
        return split
    return _odd_delivery(chat) if ask is None else Answerable(split, ask)


def _odd_delivery(chat: JsonObject) -> str:
    """Say which part of how an answer is wanted is not understood."""
    for name in sorted(chat.keys() & DELIVERING):
        if ask_of({other: value for other, value in chat.items() if other != name}) is not None:
            return f"{name!r}, which is not understood"
    return "a way of delivery that is not understood"
