"""A fixed answer of JSON to every request, after its body has been read: raw ASGI, and Starlette.

python -m uvicorn --factory benchmarks.peers.asgi_echo:raw
python -m uvicorn --factory benchmarks.peers.asgi_echo:starlette
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["raw", "starlette"]

ANSWER = b'{"intent": "card_arrival"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]


def raw() -> Callable[..., Awaitable[None]]:
    """Return the application without a framework."""
    return answer


async def answer(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request; uvicorn is told not to ask for anything else."""
    del scope
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def starlette() -> Any:  # noqa: ANN401 - another package's type
    """Return the application in Starlette, with a route."""
    applications = import_module("starlette.applications")
    responses = import_module("starlette.responses")
    routing = import_module("starlette.routing")

    async def chat(request: Any) -> Any:  # noqa: ANN401 - another package's types
        await request.body()
        return responses.Response(ANSWER, media_type="application/json")

    return applications.Starlette(
        routes=[routing.Route("/v1/chat/completions", chat, methods=["POST"])]
    )
