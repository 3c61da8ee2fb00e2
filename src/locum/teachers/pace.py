"""How many calls a provider takes at once, and how fast, learned from its answers.

The number of calls in flight grows with every answer until the provider says that it is too much
(429, 503, a time-out); then it is halved, and grows by one a round: additive increase,
multiplicative decrease (Chiu and Jain 1989). While answers take twice as long as the fastest of the
last minute or two, it does not grow (TCP Vegas; Brakmo and Peterson 1995). After each refusal
nothing is sent for as long as the provider says, and for twice as long as after the one before.
Limits of requests and tokens a minute, by the provider's headers or by its user, are kept as token
buckets, so that most refusals never come.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from locum.teachers.rate_limits import RateLimits

__all__ = ["Pace"]

_START = 8
_SMOOTHING = 0.1
_AHEAD = 4
_PARTS_OF_A_ROUND = 4.0
_SLOWER = 2.0
_LEAST_SLOWDOWN_SECONDS = 0.1
_SECONDS_A_MINUTE = 60.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_LONGEST_ASKED_FOR = 60.0
_MOST_DOUBLINGS = 7
_ROUNDING = 1e-6


class _Bucket:
    """So many a minute, as many at once as are left of this minute's."""

    def __init__(self) -> None:
        self.a_minute: float | None = None
        self._level = 0.0
        self._filled_at = 0.0

    def limit(self, a_minute: float, now: float, left: float | None = None) -> None:
        if self.a_minute is None:
            self._level, self._filled_at = a_minute, now
        self.a_minute = a_minute
        self._fill(now)
        if left is not None:
            self._level = min(self._level, left)

    def take(self, amount: float, now: float) -> float:
        """Take an amount; return the seconds until there is enough, 0 if it was taken."""
        if self.a_minute is None:
            return 0.0
        self._fill(now)
        wanted = min(amount, self.a_minute)
        if self._level >= wanted - _ROUNDING:
            self._level -= wanted
            return 0.0
        return (wanted - self._level) * _SECONDS_A_MINUTE / self.a_minute

    def give_back(self, amount: float) -> None:
        if self.a_minute is not None:
            self._level += min(amount, self.a_minute)

    def _fill(self, now: float) -> None:
        if self.a_minute is not None:
            grown = (now - self._filled_at) * self.a_minute / _SECONDS_A_MINUTE
            self._level = min(self.a_minute, self._level + grown)
            self._filled_at = now


class _Least:
    """The least value of the last minute or two."""

    def __init__(self) -> None:
        self._now = self._before = math.inf
        self._since = 0.0

    def add(self, value: float, now: float) -> float:
        """Add a value; return the least."""
        if now - self._since > _SECONDS_A_MINUTE:
            self._since, self._before, self._now = now, self._now, value
        self._now = min(self._now, value)
        return min(self._now, self._before)


class _Line:
    """Who waits for something, the first to come first.

    Attributes:
        coming: Those who were let in and have not looked yet.
    """

    def __init__(self) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.coming = 0

    def __bool__(self) -> bool:
        return bool(self._waiters or self.coming)

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self.coming -= not waiter.cancelled()

    def let_in(self, count: int) -> None:
        """Let so many look again, those that are about to among them."""
        while self.coming < count and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self.coming += 1

    def clear(self) -> None:
        self._waiters.clear()
        self.coming = 0


class Pace:
    """Lets calls go out at the provider's pace.

    Each call takes a place first, and has its turn later. There are a quarter more places than
    calls may be in flight, and twice as many while that number doubles, so that the next call has
    its money when its turn comes.

    Args:
        most: Calls in flight at most.
        requests_a_minute: The user's own limit, where there is one.
        tokens_a_minute: Likewise.
    """

    def __init__(
        self,
        most: int,
        requests_a_minute: float | None = None,
        tokens_a_minute: float | None = None,
    ) -> None:
        self._most = most
        self._limit = float(min(most, _START))
        self._placed = self._in_flight = 0
        self._growing_fast = True
        self._full = False
        self._paused_until = 0.0
        self._slowed_at = 0.0
        self._refusals = 0
        self._latency: float | None = None
        self._least_latency = _Least()
        self._outside, self._inside = _Line(), _Line()
        self._timer: asyncio.TimerHandle | None = None
        self._requests, self._tokens = _Bucket(), _Bucket()
        self._own = {self._requests: requests_a_minute, self._tokens: tokens_a_minute}

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return max(1, int(self._limit))

    @property
    def places(self) -> int:
        """Calls that may be in flight or prepare for it now."""
        ahead = self.limit if self._growing_fast else self.limit // _AHEAD
        return min(self.limit + max(1, ahead), self.most_places)

    @property
    def most_places(self) -> int:
        """The most that `places` can become."""
        return self._most + max(1, self._most // _AHEAD)

    def anew(self) -> Pace:
        """Return another one with the same limits of the user's, that has learned nothing."""
        return Pace(self._most, *self._own.values())

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and keep it for the time of the block; the first to come is first."""
        while self._placed + self._outside.coming >= self.places:
            await self._outside.wait()
        self._placed += 1
        try:
            yield
        finally:
            self._placed -= 1
            self._outside.let_in(self.places - self._placed)

    async def begin(self, tokens: float) -> float:
        """Wait for the turn of one call, which `end` ends; return the moment at which it began.

        Args:
            tokens: About how many tokens it will take.
        """
        loop = asyncio.get_running_loop()
        while (wait := self._enter(tokens, loop.time())) is not None:
            self._ring_after(wait, loop)
            await self._inside.wait()
        return loop.time()

    def end(self) -> None:
        """A call is over."""
        self._in_flight -= 1
        self._inside.let_in(self.limit - self._in_flight)

    def rest(self) -> None:
        """Forget who waits; what was learned of the provider is kept for the next run."""
        self._outside.clear()
        self._inside.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def succeeded(self, seconds: float, headers: RateLimits | None = None) -> None:
        """A call was answered after so many seconds."""
        now = asyncio.get_running_loop().time()
        if headers is not None:
            self._heed(headers, now)
        self._refusals = 0
        weight = min(_SMOOTHING, _PARTS_OF_A_ROUND / self._limit)
        before = self._latency
        self._latency = seconds if before is None else before + weight * (seconds - before)
        least = self._least_latency.add(self._latency, now)
        if self._latency - least > max((_SLOWER - 1) * least, _LEAST_SLOWDOWN_SECONDS):
            self._growing_fast = False
        elif self._full and self._limit < self._most and (self._inside or self._outside):
            grown = self._limit + (1 if self._growing_fast else 1 / self._limit)
            self._limit = min(float(self._most), grown)
            self._outside.let_in(self.places - self._placed)

    def slowed(self, began: float, wait: float | None = None) -> None:
        """A call was refused, or timed out, because there were too many.

        Calls that went out before the last halving do not halve again.

        Args:
            began: When the call began.
            wait: Seconds for which the provider wants no more; it is asked again after a minute.
        """
        now = asyncio.get_running_loop().time()
        self._growing_fast = False
        pause = min(wait or 0.0, _LONGEST_ASKED_FOR)
        if began >= self._slowed_at:
            self._limit = max(1.0, self._limit / 2)
            self._slowed_at = now
            doublings = min(self._refusals, _MOST_DOUBLINGS)
            pause = max(pause, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doublings))
            self._refusals += 1
        self._paused_until = max(self._paused_until, now + pause)

    def _heed(self, limits: RateLimits, now: float) -> None:
        for bucket, a_minute, left in (
            (self._requests, limits.requests_a_minute, limits.requests_left),
            (self._tokens, limits.tokens_a_minute, limits.tokens_left),
        ):
            if a_minute and self._own[bucket] is None:
                bucket.limit(a_minute, now, left)

    def _enter(self, tokens: float, now: float) -> float | None:
        """Begin a call and return ``None``, or return the seconds to wait; 0 if not known."""
        if self._in_flight >= self.limit:
            self._full = True
            return 0.0
        if now < self._paused_until:
            return self._paused_until - now
        for bucket, own in self._own.items():
            if own is not None and bucket.a_minute is None:
                bucket.limit(own, now)
        wait = self._requests.take(1, now)
        if wait:
            return wait
        wait = self._tokens.take(tokens, now)
        if wait:
            self._requests.give_back(1)
            return wait
        self._in_flight += 1
        self._full = self._in_flight >= self.limit
        return None

    def _ring_after(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        """Let those inside look again after a time; 0 is no time."""
        moment = loop.time() + seconds
        if seconds and (self._timer is None or self._timer.when() > moment):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._inside.let_in(self.limit - self._in_flight)
