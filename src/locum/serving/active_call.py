"""A call that may go to its upstream: what was asked, of whom, and what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.serving.bodies import read_body, read_model
from locum.serving.credentials import query_secrets
from locum.serving.late_scores import read_score
from locum.serving.routing import find_endpoint, path_model
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from locum.config import LimitSettings
    from locum.schema import Endpoint, JsonObject
    from locum.serving.answer_cache import KeptAnswer
    from locum.serving.routing import Router, Upstream
    from locum.serving.spending import Reservation
    from locum.serving.stand_ins import Sampled
    from locum.serving.wire import Request

__all__ = ["ActiveCall", "read_call"]


class ActiveCall(NamedTuple):
    """A request that may go to its upstream.

    Args:
        request: What the client sent.
        endpoint: Which API it calls.
        body: What its body says; empty for other endpoints.
        upstream: Who answers.
        received: When it was there, by the clock that never goes back.
        task: The promoted task that it belongs to.
        sampled: What the task's student said of it, where it is to be compared.
        deferred: Whether it is sent because the student was unsure of it.
        scoring: Asks the task's student meanwhile.
        charge: Counts what it costs, where it may cost anything and is a promoted task's.
        keep: Takes the answer, where it is to be given again; ``None`` where it is not.
        reserved: What it may cost, where its application has a cap.
    """

    request: Request
    endpoint: Endpoint
    body: JsonObject
    upstream: Upstream
    received: float
    task: str | None = None
    sampled: Sampled | None = None
    deferred: bool = False
    scoring: asyncio.Task[Sampled | None] | None = None
    charge: Callable[[], None] | None = None
    keep: Callable[[KeptAnswer], None] | None = None
    reserved: Reservation | None = None

    @property
    def compared(self) -> Sampled | None:
        """What can be compared with the teacher's answer by now."""
        return self.sampled if self.scoring is None else read_score(self.scoring)

    @property
    def size(self) -> int:
        """Bytes of what it asks, unpacked."""
        packed = self.request.headers.get(b"content-encoding") is not None
        return len(write_json(self.body) if packed else self.request.body)

    @property
    def model(self) -> str:
        """The model that is asked for; empty where none is named."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not reach the disk: the client's keys, and the gateway's own."""
        key = self.upstream.key
        own = () if key is None else (key,)
        return (*self.request.caller.secrets, *own, *query_secrets(self.request.target))

    @property
    def path_model(self) -> str | None:
        """The model that its path names; ``None`` where it names none."""
        return path_model(self.request)


def read_call(
    request: Request,
    received: float,
    router: Router,
    limits: LimitSettings,
    hold: Callable[[int], None],
) -> ActiveCall:
    """Read a request, and find its upstream.

    Args:
        request: What the client sent.
        received: When it was there, by the clock that never goes back.
        router: Knows the upstreams.
        limits: What a body may take.
        hold: Is told of bytes that it takes besides those that came; raises `Refusal` where there
            is no room for them.

    Raises:
        Refusal: It may not pass.
    """
    endpoint = find_endpoint(request)
    if endpoint == "other":
        model = read_model(request, limits) if router.tells_by_model else ""
        return ActiveCall(request, endpoint, {}, router.route(request, model), received)
    body = read_body(request, limits, hold)
    named = body.get("model")
    upstream = router.route(request, named if isinstance(named, str) else "")
    return ActiveCall(request, endpoint, body, upstream, received)
