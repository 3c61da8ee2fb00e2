"""The way of one call: to a student, to its teacher, or to both."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from locum.serving.nobody import Nobody
from locum.serving.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.promotion import StudentAnswer
    from locum.schema import JsonObject
    from locum.serving.active_call import ActiveCall
    from locum.serving.answer_cache import AnswerCache
    from locum.serving.client import ClientConnection
    from locum.serving.forwarder import Forwarder
    from locum.serving.metrics import Metrics
    from locum.serving.nobody import Waiting
    from locum.serving.recorder_link import RecorderLink
    from locum.serving.spending import Spending
    from locum.serving.stand_ins import Arrival, StandIns, Verdict

__all__ = ["Dispatcher"]

_MOST_SHADOWS = 256
_log = logging.getLogger("locum.gateway")


class Dispatcher:
    """Lets a student answer where one may, and asks the teacher where it may not.

    Args:
        stand_ins: The students.
        forwarder: Asks teachers.
        spending: What applications may spend on that.
        cache: Their answers to the same calls before.
        metrics: Counts those that are given again.
        tracer: Is told of students' answers; ``None`` where there are no spans.
        ended: Is called when a shadow call has ended.
    """

    def __init__(
        self,
        stand_ins: StandIns,
        forwarder: Forwarder,
        spending: Spending,
        cache: AnswerCache,
        metrics: Metrics,
        tracer: RecorderLink | None,
        ended: Callable[[], None],
    ) -> None:
        self._stand_ins = stand_ins
        self._forwarder = forwarder
        self._spending = spending
        self._cache = cache
        self._metrics = metrics
        self._tracer = tracer
        self._shadow_ended = ended
        self._shadows: set[asyncio.Task[None]] = set()

    @property
    def shadows(self) -> int:
        """How many calls are being sent to teachers for the record alone."""
        return len(self._shadows)

    async def answer(self, call: ActiveCall, arrival: Arrival) -> None:
        """Answer a call.

        Args:
            call: The call.
            arrival: Likewise, as it came.
        """
        verdict = await self._stand_ins.answer(call, arrival, self.may_shadow)
        await self.go_on(call, verdict, arrival.client)

    async def go_on(self, call: ActiveCall, verdict: Verdict, client: ClientConnection) -> None:
        """Do with a call what is left to do once students were asked."""
        call = _with_verdict(call, verdict)
        if verdict.answer is not None and self._tracer is not None:
            self._tracer.note({"answers": [_describe(call, verdict.answer)]})
        if not verdict.answered:
            await self._answer_as_before(call, client)
        elif verdict.sampled is not None:
            self._shadow(call)

    def shadow(self, call: ActiveCall, verdict: Verdict) -> None:
        """Ask the teacher too of a call that a student has answered, for the record alone."""
        self._shadow(_with_verdict(call, verdict))

    def may_shadow(self, call: ActiveCall) -> bool:
        """Tell whether a call may be sent to its teacher for the record alone."""
        application = call.request.caller.application
        may_spend = self._spending.may_spend(application, call.body, call.size, call.path_model)
        return may_spend and len(self._shadows) < _MOST_SHADOWS

    async def _answer_as_before(self, call: ActiveCall, client: ClientConnection) -> None:
        """Answer as the teacher did before, if it was asked the same; else ask it.

        A call that is compared is asked anew: what the teacher says now is what counts.
        """
        compared = call.sampled is not None or call.scoring is not None
        key = None if compared else self._cache.key(call)
        kept = None if key is None else self._cache.find(key)
        if kept is not None:
            self._metrics.given_again.inc()
            task = [(b"x-locum-task", call.task.encode())] if call.task else []
            headers = [(b"x-locum-route", b"cache"), *task]
            client.reply(200, kept.body, kept.content_type, headers)
            return
        if key is not None:
            call = call._replace(keep=lambda answer: self._cache.keep(key, answer))
        await self._ask_teacher(call, client)

    async def _ask_teacher(self, call: ActiveCall, client: Waiting) -> None:
        """Send a call to its upstream, if its application may spend what that may cost."""
        application = call.request.caller.application
        try:
            if call.endpoint == "other":
                self._spending.refuse_unpriced(application, call.request.method)
                application = None
            reserved = self._spending.reserve(application, call.body, call.size, call.path_model)
        except Refusal as refusal:
            client.refuse(refusal, anthropic=call.endpoint == "messages")
            return
        await self._forwarder.forward(call._replace(reserved=reserved), client)

    def _shadow(self, call: ActiveCall) -> None:
        """Ask the teacher too, for the record alone."""
        shadow = asyncio.get_running_loop().create_task(self._ask_teacher(call, Nobody()))
        self._shadows.add(shadow)
        shadow.add_done_callback(self._shadowed)

    def _shadowed(self, shadow: asyncio.Task[None]) -> None:
        self._shadows.discard(shadow)
        if not shadow.cancelled() and shadow.exception() is not None:
            _log.error("a shadow call failed: %s", shadow.exception())
        self._shadow_ended()

    def cut(self) -> None:
        """Give up the calls that are for the record alone."""
        for shadow in list(self._shadows):
            shadow.cancel()


def _with_verdict(call: ActiveCall, verdict: Verdict) -> ActiveCall:
    """Return a call with what is to be recorded of what students said."""
    if verdict.task is None:
        return call
    # Calls that were drawn by chance are a fair sample; others that it left are none.
    left = verdict.route in {"deferred", "failed"} and verdict.sampled is None
    return call._replace(
        task=verdict.task,
        sampled=verdict.sampled,
        deferred=left,
        scoring=verdict.scoring,
        charge=verdict.charge,
    )


def _describe(call: ActiveCall, answer: StudentAnswer) -> JsonObject:
    """Return what the span of a student's answer says."""
    seconds = time.monotonic() - call.received
    return {
        "time": time.time() - seconds,
        "latency_ms": 1_000 * seconds,
        "task": call.task,
        "model": call.model,
        "endpoint": call.endpoint,
        "application": call.request.caller.application,
        "input_tokens": answer.prompt_tokens,
        "output_tokens": answer.completion_tokens,
        "traceparent": call.request.headers.get_text(b"traceparent"),
    }
