"""The gateway's end of a student's process: asks, waits a little, and starts it again."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import time
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from locum.serving.child import start_child
from locum.serving.student_answers import read_said
from locum.serving.student_end import StudentEnd
from locum.serving.student_pace import StudentPace
from locum.writers import LOAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.serving.student_answers import Said

__all__ = ["LinkState", "StudentLink"]

_MODULE = "locum.serving.student_process"
_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 30.0
# What computes a writer says first that it took too long; a hang alone is cut off here.
_LOAD_SECONDS = LOAD_SECONDS + 60.0
_LEAVE_SECONDS = 2.0
_MOST_WAITING = 1_024
_MOST_A_BATCH = 64
_log = logging.getLogger("locum.gateway")

LinkState = Literal["loading", "ready", "refused", "down"]


class _Question(NamedTuple):
    take: Callable[[Said | None], None]
    deadline: float


class StudentLink:
    """Asks one student, in its own process.

    A text to which there is no answer in time has none: the teacher is asked then, and at once
    where more waits than the student can answer in time. A process that dies or hangs is killed and
    started again, later each time.

    Args:
        name: Of the task, for messages.
        folder: The student's artefact.
        seconds: How long an answer may take.
        silence: For how many seconds the process may say nothing of what it was asked.

    Attributes:
        state: How the process does.
        reason: Why it is down.
        failures: How often the student did not answer.
        quick: Whether it may answer in this process too, as its own says of it once it is loaded.
    """

    def __init__(self, name: str, folder: Path, seconds: float, silence: float = 2.0) -> None:
        self._name = name
        self.folder = folder
        self._seconds = seconds
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Question] = {}
        self._batch: list[tuple[int, str, bool, bool]] = []
        self._busy = False
        self._pace = StudentPace()
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._progress = 0.0
        self._restart_seconds = _FIRST_RESTART_SECONDS
        self._restart_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: list[subprocess.Popen[bytes]] = []
        self._end: StudentEnd | None = None
        self._closed = False
        self.state: LinkState = "loading"
        self.reason = ""
        self.failures = 0
        self.quick = False

    def start(self) -> None:
        """Start the process; it answers once it has loaded the student."""
        self.state, self._restart_at = "loading", None
        self._progress = time.monotonic()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._fail(f"it cannot be started: {error.strerror or error}")
            return
        try:
            with theirs:
                self._process = start_child(_MODULE, theirs, str(self.folder))
        except OSError as error:
            ours.close()
            self._fail(f"it cannot be started: {error.strerror or error}")
            return
        self._end = StudentEnd(self, ours, self._loop)

    async def ask(self, text: str, *, chances: bool, novelty: bool) -> Said | None:
        """Return what the student says; ``None`` where it says nothing in time.

        Args:
            text: The input.
            chances: Whether the probabilities of other labels are wanted.
            novelty: Whether it is to say how unlike its training inputs the text is.
        """
        answer: asyncio.Future[Said | None] = self._loop.create_future()

        def take(said: Said | None) -> None:
            if not answer.done():
                answer.set_result(said)

        asked = self.ask_for(text, take, chances=chances, novelty=novelty)
        return await answer if asked else None

    def ask_for(
        self, text: str, take: Callable[[Said | None], None], *, chances: bool, novelty: bool
    ) -> bool:
        """Ask, if the student is ready.

        Args:
            text: The input.
            take: Takes what the student says, ``None`` where it says nothing in time; is called
                later, once.
            chances: Whether the probabilities of other labels are wanted.
            novelty: Whether it is to say how unlike its training inputs the text is.

        Returns:
            Whether the student was asked.
        """
        if self.state != "ready" or self._is_full or not _can_be_sent(text):
            return False
        self._asked += 1
        question = _Question(take, self._loop.time() + self._seconds)
        self._waiting[self._asked] = question
        if self._timer is None:
            self._timer = self._loop.call_at(question.deadline, self._expire)
        if not self._batch and not self._busy:
            self._loop.call_soon(self._send)
        self._batch.append((self._asked, text, chances, novelty))
        return True

    @property
    def _is_full(self) -> bool:
        """Whether one more could not be answered in time; one alone is always tried."""
        return len(self._waiting) >= min(_MOST_WAITING, self._pace.answers_in(self._seconds))

    def _send(self) -> None:
        """Send what was asked since the process last became free, as one batch.

        It works on one batch at a time anyway, and each that is sent wakes it up. No more is sent
        than it answers before the first in it is late: else all of it could be.
        """
        waiting = [question for question in self._batch if question[0] in self._waiting]
        size = self._batch_size(waiting[0][0]) if waiting else 0
        batch, self._batch = waiting[:size], waiting[size:]
        self._busy = bool(batch) and self._end is not None
        if self._busy and self._end is not None:
            self._progress = time.monotonic()
            self._end.write(orjson.dumps(batch) + b"\n")

    def _batch_size(self, oldest: int) -> int:
        if not self._pace.is_known:
            return 1
        left = self._waiting[oldest].deadline - self._loop.time()
        return min(_MOST_A_BATCH, self._pace.answers_in(left))

    def _expire(self) -> None:
        """Give up what waits too long; questions wait in the order of their deadlines."""
        now = self._loop.time()
        late = list(takewhile(lambda n: self._waiting[n].deadline <= now, self._waiting))
        self.failures += len(late)
        self._settle_all(late)
        oldest = next(iter(self._waiting.values()), None)
        self._timer = oldest and self._loop.call_at(oldest.deadline, self._expire)

    def give_up(self) -> None:
        """Let nobody wait any more."""
        self._settle_all(list(self._waiting))

    def _settle_all(self, numbers: list[int]) -> None:
        for number in numbers:
            self._settle(number, None)

    def _settle(self, number: int, said: Said | None) -> None:
        question = self._waiting.pop(number, None)
        if question is None:
            return
        self._tell(question.take, said)

    def _tell(self, take: Callable[[Said | None], None], said: Said | None) -> None:
        try:
            take(said)
        except Exception:  # noqa: BLE001 - it is logged, and others wait for theirs
            _log.exception("an answer of the student of %s could not be taken", self._name)

    # What its end of the socket tells.

    def take(self, said: Any) -> None:  # noqa: ANN401 - JSON
        """Take a line of the process."""
        asked, self._progress = self._progress, time.monotonic()
        if isinstance(said, dict):
            self._take_state(said)
            return
        self._pace.note(len(said), self._progress - asked)
        for number, answer in said:
            words = read_said(answer)
            self.failures += words is None
            self._settle(number, words)
        self._restart_seconds = _FIRST_RESTART_SECONDS
        self._send()

    def _take_state(self, said: dict[str, Any]) -> None:
        if "down" in said:
            self._fail(said["down"])
        elif "refused" in said:
            self.state, self.reason = "refused", said["refused"]
            _log.error("the student of %s cannot be used: %s", self._name, self.reason)
        else:
            self.quick = said["quick"]
            self.state, self.reason = "ready", ""

    def lost(self, end: StudentEnd) -> None:
        """Take note that the process has closed its end."""
        if end is self._end and not self._closed and self.state != "refused":
            self._fail("its process died")

    def _fail(self, reason: str) -> None:
        """Kill the process, let teachers answer, and start it again in a while."""
        # Who is told that there is no answer may ask again at once.
        self.state, self.reason = "down", reason
        self.failures += 1
        self._end_process()
        self._restart_at = time.monotonic() + self._restart_seconds
        again = f"it starts again in {self._restart_seconds:g} s"
        _log.error("the student of %s is down: %s; %s", self._name, reason, again)
        self._restart_seconds = min(2 * self._restart_seconds, _LONGEST_RESTART_SECONDS)

    def _end_process(self) -> None:
        self.give_up()
        self._batch, self._busy = [], False
        if self._end is not None:
            self._end.close()
            self._end = None
        if self._process is not None:
            self._process.kill()
            self._killed.append(self._process)
            self._process = None

    def sweep(self, now: float) -> None:
        """Look after the process, once a second: one that hangs is killed, a dead one started."""
        self.left()
        if self._closed or self.state == "refused":
            return
        if self._restart_at is not None:
            if self._restart_at <= now:
                self.start()
            return
        silent = now - self._progress
        if self.state == "loading" and silent > _LOAD_SECONDS:
            self._fail(f"it was not loaded within {_LOAD_SECONDS:g} s")
        elif self._busy and silent > self._silence:
            self._fail(f"it said nothing for {silent:.1f} s")

    def close(self) -> None:
        """End the process."""
        self._closed, self.state = True, "down"
        self._end_process()

    def left(self) -> bool:
        """Return whether no process of its own is left; killed ones take a moment."""
        self._killed = [process for process in self._killed if process.poll() is None]
        return not self._killed

    def wait(self) -> None:
        """Wait until no process of its own is left."""
        for process in self._killed:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVE_SECONDS)


def _can_be_sent(text: str) -> bool:
    """Tell whether a text holds no half of a surrogate pair, which JSON cannot say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
