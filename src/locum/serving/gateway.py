"""The gateway: passes calls through to their upstreams, and records them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.promotion import Framer
from locum.serving.active_call import read_call
from locum.serving.answer_cache import AnswerCache
from locum.serving.client import ClientConnection
from locum.serving.dispatcher import Dispatcher
from locum.serving.forwarder import Forwarder
from locum.serving.known_heads import KnownHeads
from locum.serving.late_scores import LateScores
from locum.serving.metrics import Metrics
from locum.serving.outbox import Outbox
from locum.serving.own_pages import OwnPages
from locum.serving.recogniser import Recogniser
from locum.serving.recorder_link import RecorderLink
from locum.serving.recorder_settings import recorder_settings
from locum.serving.refusals import Refusal
from locum.serving.roster import Roster
from locum.serving.routing import Keys, Router, speaks_anthropic
from locum.serving.spending import Spending
from locum.serving.stand_ins import Arrival, StandIns
from locum.serving.status_page import StatusPage
from locum.serving.status_view import Health
from locum.serving.traces import require_traces

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from locum.config import GatewaySettings, RedactionSettings
    from locum.schema import OwnPrice
    from locum.serving.active_call import ActiveCall
    from locum.serving.routing import Caller
    from locum.serving.stand_ins import Verdict
    from locum.serving.wire import Headers, Request

__all__ = ["Gateway"]

_SWEEP_SECONDS = 1.0
_BACKLOG = 1024
_START_SECONDS = 60.0
_BLIND_SECONDS = 60.0
_log = logging.getLogger("locum.gateway")


class Gateway:
    """An HTTP server that changes nothing that a client can see, and records what passes.

    Where a student is promoted, it answers what its certificate covers.

    Args:
        settings: Where to listen, who answers, who may call.
        place: The store: path or URL.
        redaction: What is taken out of calls before they are kept.
        students: Folder where promoted students are unpacked.
        prices: One's own prices, by model.

    Raises:
        UsageError: A setting cannot be used, or anyone on the network could call.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        place: str | Path,
        redaction: RedactionSettings,
        students: Path,
        prices: Mapping[str, OwnPrice] = MappingProxyType({}),
    ) -> None:
        self.limits = settings.limits
        self.heads, self.outbox = KnownHeads(), Outbox()
        self.stopping = False
        self.metrics = Metrics()
        self._settings = settings
        self._router = Router(settings.upstreams)
        self._keys = Keys(settings.applications)
        self._keys.check_host(settings.host)
        self._spending = Spending(settings.applications, prices)
        if settings.traces.endpoint:
            require_traces()
        told = recorder_settings(place, redaction, prices, settings.traces)
        self._recorder = RecorderLink(told, self.metrics, self._spending.settle)
        self._late = LateScores(self._recorder, self._note_quiet)
        self._forwarder = Forwarder(self.limits, self._recorder, self.metrics, self._late)
        framer = Framer(redaction)
        flush = self.outbox.flush
        self._roster = Roster(place, students, self.limits, self._spending, framer.patterns, flush)
        self._chance = random.Random()  # noqa: S311 - a sample
        recogniser = Recogniser(self._roster, framer)
        self._stand_ins = StandIns(recogniser, self.metrics.stand_ins, self._is_blind)
        # Spans tell of calls what is read of them alone.
        self._reads_all = bool(settings.traces.endpoint)
        self._dispatcher = Dispatcher(
            self._stand_ins,
            self._forwarder,
            self._spending,
            AnswerCache(settings.cache),
            self.metrics,
            self._recorder if settings.traces.endpoint else None,
            self._note_quiet,
        )
        page = StatusPage(place, self._health)
        self._pages = OwnPages(page, lambda: self.stopping, self._health, self.metrics, self._keys)
        self._connections: set[ClientConnection] = set()
        self._running = self._judged = self._held = 0

    # Its life.

    async def start(self) -> int:
        """Begin to listen.

        Returns:
            The port.

        Raises:
            LocumError: The recorder does not start.
            UsageError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._quiet = asyncio.Event()
        self._hurried = asyncio.Event()
        self._recorder.start()
        await self._recorder.wait_until_ready(_START_SECONDS)
        await self._roster.look()
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await loop.create_server(
                lambda: ClientConnection(self), host, port, backlog=_BACKLOG
            )
        except (OSError, ValueError) as error:  # the latter where the host is no name
            reason = getattr(error, "strerror", None) or error
            self._roster.close()
            await self._recorder.close(_START_SECONDS)
            raise UsageError(f"the gateway cannot listen on {host}:{port}: {reason}") from None
        self._sweeper = loop.create_task(self._sweep())
        self._follower = loop.create_task(self._roster.follow())
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, ready_seconds: float = 0.0) -> None:
        """Say that it is not ready, let running calls end, and let the recorder write them.

        Args:
            ready_seconds: How long it goes on taking calls after it has said so, for load
                balancers to see.
        """
        self.stopping = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), ready_seconds)
        self._server.close()
        for connection in list(self._connections):
            connection.close_if_idle()
        self._pages.let_go()
        self._note_quiet()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), self.limits.drain_seconds)
        self.cut()
        await self._quiet.wait()
        self._sweeper.cancel()
        self._follower.cancel()
        await asyncio.gather(self._follower, return_exceptions=True)
        await self._pages.close()
        self._roster.close()
        self._hand_tallies()
        self._forwarder.close()
        await self._recorder.close(self.limits.drain_seconds)

    def cut(self) -> None:
        """Abort what is running, also while the gateway stops."""
        self._hurried.set()
        for connection in list(self._connections):
            connection.abort()
        self._roster.give_up()
        self._dispatcher.cut()

    def _note_quiet(self) -> None:
        called = self._connections or self._running or self._judged
        if self.stopping and not (called or self._dispatcher.shadows or self._late.waiting):
            self._quiet.set()

    async def _sweep(self) -> None:
        """Give up what is too slow; one clock for all is cheaper than a timer a request."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                self._sweep_once(time.monotonic())
            except Exception:  # noqa: BLE001 - it is logged, and calls are looked after all the same
                _log.exception("looking after calls failed, and goes on")

    def _sweep_once(self, now: float) -> None:
        for connection in list(self._connections):
            connection.sweep(now)
        self._forwarder.expire(now)
        self._roster.sweep(now)
        self._recorder.sweep(now)
        self._hand_tallies()

    def _hand_tallies(self) -> None:
        """Let the recorder write how many calls went which way."""
        if tallies := self._stand_ins.take_tallies(time.time()):
            self._recorder.note({"tallies": tallies})

    # What its client connections ask of it.

    def opened(self, connection: ClientConnection) -> bool:
        """Take note of a connection; false where there are too many."""
        if len(self._connections) >= self.limits.connections:
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: ClientConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._note_quiet()

    def admit(self, method: bytes, target: bytes, headers: Headers) -> Caller:
        """Tell who sends a request, by its head.

        Raises:
            Refusal: It has no key that lets it in.
        """
        return self._pages.admit(method, target, headers) or self._keys.check(headers)

    def hold(self, size: int) -> None:
        """Note bytes of bodies.

        Raises:
            Refusal: There are too many.
        """
        if self._held + size > self.limits.held_bytes:
            message = "the bodies of running calls take all room: ask again"
            raise Refusal(503, "too_many_bytes", message, retry_after=1)
        self._held += size

    def release(self, size: int) -> None:
        """Note that bytes of bodies are not held any more."""
        self._held -= size

    def count_refusal(self, refusal: Refusal) -> None:
        """Take note of an error of the gateway's own."""
        self.metrics.refused.labels(refusal.code).inc()

    def serve(
        self, request: Request, client: ClientConnection
    ) -> Coroutine[None, None, None] | None:
        """Answer one request; see `Host.serve`."""
        arrival = Arrival(request, client, time.monotonic(), self._chance.random())
        may_ask = not self._reads_all and self._judged < self.limits.calls
        go_on = partial(self._go_on, arrival)
        if not (may_ask and self._stand_ins.answer_at_once(arrival, self._to_shadow, go_on)):
            return self._serve(arrival)
        self._judged += 1
        return None

    def _to_shadow(self, arrival: Arrival) -> ActiveCall | None:
        """Read a call, if it may be sent to its teacher for the record alone."""
        try:
            call = self._read(arrival)
        except Refusal:
            return None
        return call if self._dispatcher.may_shadow(call) else None

    def _go_on(self, arrival: Arrival, verdict: Verdict | None, call: ActiveCall | None) -> None:
        """Go on with a call of which a student was asked at once, unless the client has left."""
        self._judged -= 1
        if verdict is not None and not verdict.answered:
            arrival.client.run(self._answer(arrival, verdict))
            return
        if verdict is not None and call is not None:
            self._dispatcher.shadow(call, verdict)
        self._note_quiet()
        arrival.client.served()

    async def _serve(self, arrival: Arrival) -> None:
        try:
            if await self._pages.serve(arrival.request, arrival.client):
                return
        except Refusal as refusal:
            _refuse(arrival, refusal)
            return
        await self._answer(arrival, None)

    async def _answer(self, arrival: Arrival, verdict: Verdict | None) -> None:
        """Read a call and answer it, if no more than is allowed are being answered.

        Args:
            arrival: The call.
            verdict: What came of asking a student; ``None`` where none was asked yet.
        """
        if self._running >= self.limits.calls:
            message = f"{self.limits.calls:,} calls are running: ask again"
            _refuse(arrival, Refusal(503, "too_many_calls", message, retry_after=1))
            return
        self._running += 1
        try:
            call = self._read(arrival)
            if verdict is None:
                await self._dispatcher.answer(call, arrival)
            else:
                await self._dispatcher.go_on(call, verdict, arrival.client)
        except Refusal as refusal:
            _refuse(arrival, refusal)
        finally:
            self._running -= 1
            self._note_quiet()

    def _is_blind(self) -> bool:
        """Whether nobody would see, or tell, that a promise is broken."""
        recorder, most = self._recorder, _BLIND_SECONDS
        fails = self._roster.blind_seconds > most or recorder.failing_seconds > most
        return fails or (recorder.deaths.times > 1 and recorder.deaths.is_pause(time.time()))

    def _health(self) -> Health:
        """How it does at this moment."""
        return Health(
            stopping=self.stopping,
            running=self._running + self._judged,
            connections=len(self._connections),
            held=self._held,
            waiting=self._recorder.waiting,
            failing=self.metrics.recorder_fails,
            deaths=self._recorder.deaths,
            blind=self._is_blind(),
            processes=self._roster.processes(),
            medians=self.metrics.stand_ins.medians(),
        )

    def _read(self, arrival: Arrival) -> ActiveCall:
        """Read a request; see `read_call` for what it raises."""
        hold = arrival.client.hold
        return read_call(arrival.request, arrival.received, self._router, self.limits, hold)


def _refuse(arrival: Arrival, refusal: Refusal) -> None:
    anthropic = speaks_anthropic(arrival.request.target, arrival.request.headers)
    arrival.client.refuse(refusal, anthropic=anthropic)
