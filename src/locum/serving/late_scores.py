"""Students that are scored beside their teachers, and take longer than these."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from locum.schema import JsonObject
    from locum.serving.recorder_link import RecorderLink
    from locum.serving.stand_ins import Sampled

__all__ = ["LateScores", "read_score"]

_MOST_BYTES = 64 * 1024 * 1024


def read_score(scoring: asyncio.Task[Sampled | None]) -> Sampled | None:
    """Return what a student has said by now; ``None`` where it has said nothing."""
    if not scoring.done() or scoring.cancelled() or scoring.exception() is not None:
        return None
    return scoring.result()


class LateScores:
    """Lets calls be compared once their student has spoken, after their teacher has.

    Such a call is on record already, and its client has its answer. Long answers take longer, and
    are harder: to compare only what is there before the teacher's answer would flatter a student.
    It is waited for as long as it may take to answer; see `StudentLink`.

    Args:
        recorder: Compares.
        ended: Is called when nobody waits for a student any more that somebody waited for.
        most_bytes: Of bodies that may wait; where there are more, the student is not waited for.
    """

    def __init__(
        self, recorder: RecorderLink, ended: Callable[[], None], most_bytes: int = _MOST_BYTES
    ) -> None:
        self._recorder = recorder
        self._ended = ended
        self._most_bytes = most_bytes
        self._bytes = 0
        self.waiting = 0

    def wait(
        self,
        scoring: asyncio.Task[Sampled | None],
        facts: JsonObject,
        request: bytes,
        response: bytes,
    ) -> None:
        """Compare a call that was handed to the recorder, as soon as its student has spoken.

        Args:
            scoring: Asks the student; cancelled where too much waits.
            facts: What the recorder was told of the call.
            request: The body of the request.
            response: The body of the answer.
        """
        size = len(request) + len(response)
        if self._bytes + size > self._most_bytes:
            scoring.cancel()
            return
        self._bytes += size
        self.waiting += 1
        scoring.add_done_callback(partial(self._take, facts, request, response))

    def _take(
        self,
        facts: JsonObject,
        request: bytes,
        response: bytes,
        scoring: asyncio.Task[Sampled | None],
    ) -> None:
        self._bytes -= len(request) + len(response)
        self.waiting -= 1
        sampled = read_score(scoring)
        if sampled is not None:
            scored = {**facts, "sampled": sampled._asdict()}
            self._recorder.note({"scored": scored}, request, response)
        self._ended()
