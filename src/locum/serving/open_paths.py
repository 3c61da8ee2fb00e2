"""What applications reach with a key of the gateway's, as whom a provider takes them all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.traffic import answers_by_itself

if TYPE_CHECKING:
    from locum.serving.wire import Request

__all__ = ["is_open"]

_READING = frozenset({b"GET", b"HEAD"})
_MODELS = re.compile(rb"(?:/\w+)*/models(?:/[\w.:@%-]+){0,2}/?")


def is_open(request: Request) -> bool:
    """Tell whether a request reaches nothing that other applications keep with the provider.

    It asks one of the APIs that answer by what a call says, or reads which models there are.
    """
    if request.method in _READING:
        return _MODELS.fullmatch(request.path) is not None
    return request.method == b"POST" and answers_by_itself(request.path.decode("latin-1"))
