"""Many calls at once: at the provider's pace, within the budget, each tried a bounded time."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Protocol

import stamina

from locum.errors import LocumError, TeacherError
from locum.teachers.protocol import DELETED, Answered, Failure, Question
from locum.teachers.transport import AttemptError, RefusedError, TooManyError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from locum.prices import Tokens
    from locum.schema import TeacherAnswer
    from locum.teachers.pace import Pace
    from locum.teachers.protocol import Till
    from locum.teachers.transport import Reply

__all__ = ["Caller", "Crew"]

_LONGEST_WAIT = 30.0
_MOST_TIMES_TOO_MANY = 20
_SECONDS_WORTH_WAITING = 600.0
_SECONDS_BEFORE_CLAIMED = 0.5
_SECONDS_FOR_CLAIMED = 60.0
_HELD_BY_ANOTHER = Failure("asked elsewhere", "another run has been asking this for a minute")
_IN_A_BATCH = Failure(
    "asked elsewhere",
    "this lies in a batch with the provider, which a run with --batch fetches",
)
_SECONDS_FOR_THE_LAST = 10.0


class Caller(Protocol):
    """Makes single calls."""

    def worst_of(self, question: Question) -> Tokens:
        """Return the most tokens that the call may take."""
        ...

    async def send(self, question: Question) -> Reply:
        """Make one attempt.

        Raises:
            AttemptError: Another attempt may do.
            TooManyError: Likewise, later.
            RefusedError: None will.
            TeacherError: None will, of any question.
        """
        ...

    def read(self, reply: Reply) -> TeacherAnswer:
        """Return the answer that a reply holds.

        Raises:
            AttemptError: It holds none.
        """
        ...


class _CapReachedError(Exception):
    """The budget does not allow another call."""


class _NotAskedError(Exception):
    """The question is not asked here.

    Args:
        failure: Why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Crew:
    """Asks questions, as many at once as the pace allows.

    Args:
        caller: Makes the calls.
        pace: Says how many may be in flight.
        till: Where money is reserved before each attempt.
        attempts: How often one question is tried; refusals for too many calls do not count.
    """

    def __init__(self, caller: Caller, pace: Pace, till: Till, attempts: int) -> None:
        self._caller = caller
        self._pace = pace
        self._till = till
        self._attempts = attempts
        self._results: asyncio.Queue[Answered | None] = asyncio.Queue()
        self._calling: set[asyncio.Task[None] | None] = set()
        self._claimed: list[Question] = []
        self._refused_at = 0.0
        self._refused_in_a_row = 0
        self._stopped = self._broken = False

    async def ask(self, questions: Iterable[Question]) -> AsyncGenerator[Answered, None]:
        """Yield questions with what came of them; ends early where the cap is reached.

        When it is cancelled, nothing more is sent, and what calls in flight bring within ten
        seconds is yielded before the cancellation is passed on.

        Raises:
            TeacherError: As the caller raises it, once the calls in flight have ended.
        """
        wanted = list(questions)
        clock = asyncio.get_running_loop().time
        moved = clock()
        try:
            while wanted and not self._stopped:
                self._claimed, began = [], clock()
                async with aclosing(self._round(wanted)) as arriving:
                    async for answered in arriving:
                        yield answered
                if self._claimed != wanted:
                    moved = clock()
                wanted = self._claimed
                if wanted and clock() - moved > _SECONDS_FOR_CLAIMED:
                    break
                if wanted:
                    await asyncio.sleep(max(_SECONDS_BEFORE_CLAIMED, clock() - began))
            for question in wanted if not self._stopped else ():
                yield Answered(question, _HELD_BY_ANOTHER)
        finally:
            self._pace.rest()

    async def _round(self, questions: list[Question]) -> AsyncGenerator[Answered, None]:
        waiting = iter(questions)
        count = min(self._pace.most_places, len(questions))
        workers = [asyncio.create_task(self._work(waiting)) for _ in range(count)]
        running = len(workers)
        try:
            while running:
                answered = await self._results.get()
                if answered is None:
                    running -= 1
                    continue
                yield answered
            for worker in workers:
                worker.result()
        except asyncio.CancelledError:
            for answered in await self._last_answers(workers):
                yield answered
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _last_answers(self, workers: list[asyncio.Task[None]]) -> list[Answered]:
        """Send nothing more, and wait for what is in flight."""
        self._stopped = self._broken = True
        for worker in workers:
            if worker not in self._calling:
                worker.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait(workers, timeout=_SECONDS_FOR_THE_LAST)
        waiting = [self._results.get_nowait() for _ in range(self._results.qsize())]
        return [answered for answered in waiting if answered is not None]

    async def _work(self, waiting: Iterable[Question]) -> None:
        try:
            for question in waiting:
                if self._stopped:
                    return
                result = await self._ask_one(question)
                if result is not None:
                    self._results.put_nowait(Answered(question, result))
        except _CapReachedError:
            self._stopped = True
        except BaseException:
            self._stopped = self._broken = True
            raise
        finally:
            self._results.put_nowait(None)

    async def _ask_one(self, question: Question) -> TeacherAnswer | Failure | None:
        """What came of a question; ``None`` where another run has it, or is at it."""
        try:
            try:
                return await self._attempt(question)
            except AttemptError as error:
                return await self._try_again(question, error)
        except _NotAskedError as error:
            return error.failure
        except RefusedError as error:
            return Failure("refused", str(error))
        except TooManyError as error:
            return Failure("rate limited", f"{_MOST_TIMES_TOO_MANY} times; last: {error}")

    async def _try_again(
        self, question: Question, first: AttemptError
    ) -> TeacherAnswer | Failure | None:
        """Make the other attempts; the first one went without what retrying takes."""
        try:
            async for attempt in stamina.retry_context(
                on=self._may_be_tried_again,
                attempts=self._attempts,
                timeout=None,
                wait_max=_LONGEST_WAIT,
            ):
                tries = attempt.num
                with attempt:
                    if tries == 1:
                        raise first
                    return await self._attempt(question)
        except AttemptError as error:
            return Failure(error.kind, f"{tries} times; last: {error}")
        raise AssertionError("an attempt returns or raises")

    async def _attempt(self, question: Question) -> TeacherAnswer | None:
        """One attempt, put off as long as the provider says that there are too many."""
        worst = self._caller.worst_of(question)
        for time in range(1, _MOST_TIMES_TOO_MANY + 1):
            try:
                async with self._pace.place():
                    if not await self._reserve(question, worst):
                        return None
                    return await self._call(question, worst)
            except TooManyError:
                if time == _MOST_TIMES_TOO_MANY:
                    raise
        raise AssertionError("the last time raises")

    async def _call(self, question: Question, worst: Tokens) -> TeacherAnswer | None:
        """Make one call when its turn comes; where it fails, its money is no longer reserved.

        Those that wait for money have no turn, so that those that have money get theirs.
        """
        worker = asyncio.current_task()
        try:
            began = await self._pace.begin(worst.input / 4 + worst.output)
        except asyncio.CancelledError:
            self._till.release(question)
            raise
        self._calling.add(worker)
        try:
            if self._broken:
                self._pace.end()
                self._till.release(question)
                return None
            reply = await self._send(question, began)
            # Those whose turn it is now send first: so calls go out, and answers come in, evenly.
            await asyncio.sleep(0)
            return self._caller.read(reply)
        except AttemptError as error:
            if error.charged:
                self._till.forfeit(question)
            else:
                self._till.release(question)
            raise
        except (TooManyError, RefusedError, LocumError):
            self._till.release(question)
            raise
        finally:
            self._calling.discard(worker)

    async def _send(self, question: Question, began: float) -> Reply:
        try:
            reply = await self._caller.send(question)
            self._refused_in_a_row = 0
            self._pace.succeeded(reply.seconds, reply.limits)
        except AttemptError as error:
            if error.crowded:
                self._pace.slowed(began)
            raise
        except TooManyError as error:
            self._pace.slowed(began, error.wait)
            self._count_refusal(began, error)
            raise
        finally:
            self._pace.end()
        return reply

    def _count_refusal(self, began: float, error: TooManyError) -> None:
        """End a run to which the provider says nothing but that there is too much of it.

        Where it says twice that this lasts, as where a day's quota is used up, it is believed.
        Calls that went out before the last refusal counted belong to it.
        """
        if began < self._refused_at:
            return
        self._refused_at = asyncio.get_running_loop().time()
        self._refused_in_a_row += 1
        if self._refused_in_a_row > 1 and (error.wait or 0.0) > _SECONDS_WORTH_WAITING:
            raise TeacherError(
                f"the provider takes no calls for {_in_words(error.wait or 0.0)}: {error}; run the "
                "same again then: it goes on where it was"
            ) from None
        if self._refused_in_a_row == 2 * _MOST_TIMES_TOO_MANY:
            raise TeacherError(
                f"the provider refused calls {self._refused_in_a_row} times in a row, each time "
                f"after waiting; last: {error}; wait, ask for less at once (--concurrency), or "
                "have the limit raised"
            ) from None

    def _may_be_tried_again(self, error: Exception) -> bool:
        return isinstance(error, AttemptError) and not self._stopped

    async def _reserve(self, question: Question, worst: Tokens) -> bool:
        if self._stopped:
            return False
        verdict = await self._till.reserve(question, worst)
        if verdict == "cap":
            raise _CapReachedError
        if verdict == "batched":
            raise _NotAskedError(_IN_A_BATCH)
        if verdict == "deleted":
            raise _NotAskedError(DELETED)
        if verdict == "claimed":
            self._claimed.append(question)
        return verdict == "granted"


def _in_words(seconds: float) -> str:
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
