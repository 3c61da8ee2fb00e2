"""A call on its way to its upstream and back, and what is noted of it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from locum.schema import is_task_name
from locum.serving import soft_labels
from locum.serving.answer_cache import KeptAnswer
from locum.serving.refusals import Refusal
from locum.serving.relay import Attempt, Relay
from locum.serving.upstream import UpstreamError, UpstreamPool
from locum.serving.wire import request_bytes
from locum.traffic import read_answer

if TYPE_CHECKING:
    from locum.config import LimitSettings
    from locum.serving.active_call import ActiveCall
    from locum.serving.late_scores import LateScores
    from locum.serving.metrics import Metrics
    from locum.serving.nobody import Waiting
    from locum.serving.recorder_link import RecorderLink
    from locum.serving.routing import Upstream
    from locum.serving.upstream import Sink
    from locum.serving.wire import Headers, Request

__all__ = ["Forwarder"]

_COPY_BYTES = 16 * 1024 * 1024
# A server that closes kept connections does so at once; one that fails at work takes longer.
_CLOSED_WITHIN_SECONDS = 1.0
_ENCODINGS = frozenset({b"accept-encoding"})
_log = logging.getLogger("locum.gateway")


class Forwarder:
    """Sends calls to their upstreams, their answers back, and both to the recorder.

    Args:
        limits: How long connecting and answering may take.
        recorder: Takes what passed.
        metrics: Counts what passed.
        late: Compares what students say only after that.
    """

    def __init__(
        self,
        limits: LimitSettings,
        recorder: RecorderLink,
        metrics: Metrics,
        late: LateScores,
    ) -> None:
        self._limits = limits
        self._late = late
        self._recorder = recorder
        self._metrics = metrics
        self._memory = soft_labels.SoftLabelMemory()
        self._pools: dict[str, UpstreamPool] = {}
        self._misnaming: set[str | None] = set()

    def expire(self, now: float) -> None:
        """Give up answers that take too long."""
        for pool in self._pools.values():
            pool.expire(now)

    def close(self) -> None:
        """Close the connections to all upstreams."""
        for pool in self._pools.values():
            pool.close()

    async def forward(self, call: ActiveCall, client: Waiting) -> None:
        """Answer a call; its log-probabilities are asked for where that goes unseen."""
        style = self._style(call)
        if await self._ask(call, client, style) is not None:
            return
        again = await self._ask(call, client, None)
        if again is not None and again.status is not None and again.status < 400:
            self._memory.refuse(call.upstream.name, call.model)
            self._metrics.asked.labels(call.upstream.name, "refused").inc()

    def _style(self, call: ActiveCall) -> soft_labels.Style | None:
        """How the answer is to look if log-probabilities are asked for; else ``None``."""
        packed = call.request.headers.get(b"content-encoding") is not None
        may_ask = call.upstream.settings.soft_labels and not packed
        if not may_ask or not soft_labels.may_ask(call.endpoint, call.body):
            return None
        streamed = call.body.get("stream") is True
        return self._memory.style(call.upstream.name, call.model, streamed=streamed)

    async def _ask(
        self, call: ActiveCall, client: Waiting, style: soft_labels.Style | None
    ) -> Relay | None:
        """Send a call to its upstream, and its answer to the client.

        Returns:
            What passed; ``None`` where the upstream refused to give log-probabilities.
        """
        relay = Relay(
            client,
            request=call.request,
            style=style,
            copy_bytes=_COPY_BYTES if call.endpoint != "other" else 0,
            task=call.task,
            finished=lambda relay: self._finish(call, relay, style),
        )
        attempt = Attempt(relay) if style is not None else None
        try:
            await self._exchange(call, self._wire(call, style), attempt or relay, client)
        except UpstreamError as error:
            relay.may_cost |= error.sent and relay.status is None
            if attempt is None or not attempt.refused:
                _log.warning("upstream %s: %s", call.upstream.name, error)
                refusal = _broken(call.upstream, error)
                relay.break_off(refusal, anthropic=call.endpoint == "messages")
        except Refusal as refusal:
            relay.break_off(refusal, anthropic=call.endpoint == "messages")
        except BaseException:
            # The client has left, as a rule, and what it asked for may be written all the same.
            relay.may_cost |= relay.status is None
            relay.finish()
            raise
        return None if attempt is not None and attempt.refused else relay

    async def _exchange(self, call: ActiveCall, wire: bytes, sink: Sink, client: Waiting) -> None:
        """Ask over a kept connection, and once more where it turns out to be closed."""
        pool = self._pool(call.upstream)
        without_body = call.request.method == b"HEAD"
        connection = await pool.acquire()
        client.answered_by(connection)
        kept, began = connection.used, time.monotonic()
        try:
            await connection.exchange(wire, sink, without_body=without_body)
        except UpstreamError as error:
            soon = time.monotonic() - began < _CLOSED_WITHIN_SECONDS
            if not (kept and soon and error.unanswered):
                raise
        else:
            return
        finally:
            pool.release(connection)
        connection = await pool.acquire(fresh=True)
        client.answered_by(connection)
        try:
            await connection.exchange(wire, sink, without_body=without_body)
        finally:
            pool.release(connection)

    def _pool(self, upstream: Upstream) -> UpstreamPool:
        if upstream.name not in self._pools:
            self._pools[upstream.name] = UpstreamPool(upstream.origin, self._limits)
        return self._pools[upstream.name]

    def _wire(self, call: ActiveCall, style: soft_labels.Style | None) -> bytes:
        request, upstream = call.request, call.upstream
        left_out = _ENCODINGS if call.endpoint != "other" else frozenset[bytes]()
        headers = upstream.headers(request, left_out)
        if style is not None:
            body = soft_labels.ask(request.body)
        else:
            body = request.body
            if left_out:
                _accept_readable(request, headers)
        if body or request.headers.get(b"content-length") is not None:
            headers.add(b"content-length", b"%d" % len(body))
        return request_bytes(request.method, upstream.target(request), headers, body)

    def _finish(self, call: ActiveCall, relay: Relay, style: soft_labels.Style | None) -> None:
        """Count and record a call that ended, however it did."""
        name, endpoint = call.upstream.name, call.endpoint
        ended = time.monotonic()
        seconds = ended - call.received
        self._metrics.count_call(name, endpoint, relay.outcome, relay.status or 0, seconds)
        if endpoint == "other":
            return
        if call.charge is not None and relay.may_cost:
            call.charge()
        copy = relay.copy
        self._learn(call, relay, copy, style)
        if call.keep is not None and copy and _is_whole(call, relay, copy):
            call.keep(KeptAnswer(relay.as_sent(copy), relay.content_type))
        first, compared = relay.first_byte, call.compared
        facts = {
            "time": time.time() - seconds,
            "endpoint": endpoint,
            "outcome": relay.outcome,
            "status": relay.status,
            "application": call.request.caller.application,
            "upstream": name,
            "streamed": relay.streamed,
            "latency_ms": seconds * 1000,
            "first_byte_ms": None if first is None else (first - call.received) * 1000,
            "task": self._named_task(call) or call.task,
            "secrets": call.secrets,
            "request_encoding": call.request.headers.get_text(b"content-encoding"),
            "response_encoding": relay.encoding,
            "sampled": None if compared is None else compared._asdict(),
            "deferred": call.task if call.deferred else None,
            "worst_usd": call.reserved.worst_usd if call.reserved and relay.may_cost else None,
            "traceparent": call.request.headers.get_text(b"traceparent"),
        }
        bodies = (call.request.body, copy or b"")
        self._recorder.record(facts, *bodies, call.reserved)
        if call.scoring is not None and not call.scoring.done():
            self._late.wait(call.scoring, facts, *bodies)

    def _named_task(self, call: ActiveCall) -> str | None:
        """Return the task that a call names, if a task can be called so.

        Anything else may be of anybody, and of any length: it is told of once, and not repeated.
        """
        name = call.request.headers.get_text(b"x-locum-task")
        if not name or is_task_name(name):
            return name
        application = call.request.caller.application
        if application not in self._misnaming:
            self._misnaming.add(application)
            whose = "calls" if application is None else f"calls of the application {application!r}"
            _log.warning(
                "%s send an x-locum-task that is no name of a task (up to 100 ASCII letters, "
                "digits, '.', '_' or '-'): they are recorded without it",
                whose,
            )
        return None

    def _learn(
        self,
        call: ActiveCall,
        relay: Relay,
        copy: bytes | None,
        style: soft_labels.Style | None,
    ) -> None:
        """Note how an answer looks for which no log-probabilities were asked."""
        upstream, streamed = call.upstream, relay.streamed
        if not upstream.settings.soft_labels or relay.outcome != "whole" or relay.status != 200:
            return
        if style is not None:
            self._metrics.asked.labels(upstream.name, "answered").inc()
            if relay.encoding is not None:
                # It compresses though nobody said that it may: what is inside cannot be changed.
                self._memory.refuse(upstream.name, call.model)
            return
        wanted = self._memory.wants(upstream.name, call.model, streamed=streamed)
        if copy and wanted and relay.encoding is None:
            self._learn_style(call, copy, streamed=streamed)

    def _learn_style(self, call: ActiveCall, answer: bytes, *, streamed: bool) -> None:
        style = soft_labels.plain_style(answer)
        if style is not None and soft_labels.may_ask(call.endpoint, call.body):
            self._memory.learn(call.upstream.name, call.model, style, streamed=streamed)


def _is_whole(call: ActiveCall, relay: Relay, copy: bytes) -> bool:
    """Tell whether an answer is one that may be given again, and no error with a good status."""
    if relay.outcome != "whole" or not relay.plain:
        return False
    return read_answer(call.endpoint, copy, streamed=relay.streamed).whole


def _accept_readable(request: Request, headers: Headers) -> None:
    """Accept of the client's encodings those that the recorder can read."""
    accepted = (request.headers.get(b"accept-encoding") or b"").split(b",")
    readable = [name.strip() for name in accepted if b"gzip" in name or b"deflate" in name]
    if readable:
        headers.add(b"accept-encoding", b", ".join(readable))


def _broken(upstream: Upstream, error: UpstreamError) -> Refusal:
    status, code = (504, "upstream_timeout") if error.timed_out else (502, "upstream_unreachable")
    return Refusal(status, code, f"the upstream {upstream.name!r} did not answer: {error}")
