"""The pace of calls, on a clock that jumps."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.teachers.pace import Pace
from locum.teachers.rate_limits import RateLimits
from tests.jumping_clock import run_jumping

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS = 100.0


class Sent(NamedTuple):
    """When a call began, and how many were in flight with it."""

    moment: float
    in_flight: int


class Provider:
    """Answers calls after some seconds, and refuses some."""

    def __init__(
        self,
        pace: Pace,
        seconds: float | Callable[[int], float] = 1.0,
        refuses: Callable[[int, float], bool] = lambda _in_flight, _moment: False,
        *,
        wait: float | None = None,
        headers: RateLimits | None = None,
    ) -> None:
        self.pace = pace
        self.seconds = seconds
        self.refuses = refuses
        self.wait = wait
        self.headers = headers
        self.in_flight = 0
        self.sent: list[Sent] = []
        self.refused: list[float] = []

    async def call(self, tokens: float = TOKENS) -> None:
        """Make one call, as often as it is refused."""
        loop = asyncio.get_running_loop()
        answered = False
        while not answered:
            async with self.pace.place():
                began = await self.pace.begin(tokens)
                try:
                    answered = await self._answer(began, loop)
                finally:
                    self.pace.end()

    async def _answer(self, began: float, loop: asyncio.AbstractEventLoop) -> bool:
        self.in_flight += 1
        self.sent.append(Sent(began, self.in_flight))
        refused = self.refuses(self.in_flight, began)
        seconds = self.seconds(self.in_flight) if callable(self.seconds) else self.seconds
        await asyncio.sleep(0.01 if refused else seconds)
        self.in_flight -= 1
        if refused:
            self.refused.append(loop.time())
            self.pace.slowed(began, self.wait)
            return False
        self.pace.succeeded(loop.time() - began, self.headers)
        return True

    def most_in_flight(self, since: float = 0.0) -> int:
        """The most calls that were in flight at once since a moment."""
        return max(sent.in_flight for sent in self.sent if sent.moment >= since)


async def call_many(provider: Provider, count: int) -> float:
    """Make calls, as many at once as the pace lets; return how long it took."""
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(provider.call() for _ in range(count)))
    return asyncio.get_running_loop().time() - started


def test_calls_in_flight_double_each_round_up_to_the_most() -> None:
    provider = Provider(Pace(256))
    took = run_jumping(call_many(provider, 3000))
    by_second = [
        max(s.in_flight for s in provider.sent if 1000 + n <= s.moment < 1001 + n) for n in range(6)
    ]
    assert by_second == [8, 16, 32, 64, 128, 256]
    assert provider.most_in_flight() == 256
    assert took < 18, "five rounds to grow, and eleven of 256"


@pytest.mark.parametrize("most", [1, 2, 5, 9])
def test_no_more_than_the_most_are_in_flight(most: int) -> None:
    provider = Provider(Pace(most))
    run_jumping(call_many(provider, 40))
    assert provider.most_in_flight() == most


def test_refusals_halve_the_calls_in_flight_once_a_round_and_they_grow_again() -> None:
    provider = Provider(Pace(64), refuses=lambda in_flight, now: in_flight > 20 and now < 1015)
    run_jumping(call_many(provider, 2000))
    assert len(provider.refused) < 60, "calls that went out together halve once"
    settled = [s.in_flight for s in provider.sent if 1006 < s.moment < 1015]
    assert 8 <= max(settled) <= 21
    assert provider.most_in_flight(since=1030) > 30, "one more each round, once it is let"


@pytest.mark.parametrize("wait", [0.5, 7.0, 60.0])
def test_nothing_goes_out_for_as_long_as_the_provider_says(wait: float) -> None:
    provider = Provider(Pace(8), refuses=lambda _, now: now < 1000.5, wait=wait)
    run_jumping(call_many(provider, 50))
    pause = [s for s in provider.sent if provider.refused[-1] < s.moment]
    assert min(s.moment for s in pause) >= provider.refused[0] + wait


def test_a_provider_that_does_not_say_is_asked_ever_more_seldom() -> None:
    provider = Provider(Pace(1), refuses=lambda _, now: now < 1100)
    run_jumping(call_many(provider, 1))
    moments = [sent.moment for sent in provider.sent]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert pauses[:8] == pytest.approx([0.26, 0.51, 1.01, 2.01, 4.01, 8.01, 16.01, 30.01])
    assert max(pauses) < 31


def test_it_does_not_grow_while_answers_take_twice_as_long() -> None:
    provider = Provider(Pace(256), seconds=lambda in_flight: max(1.0, in_flight / 16))
    run_jumping(call_many(provider, 600))
    assert 32 <= provider.most_in_flight() <= 128, "twice the time is at 32, seen two rounds later"


def test_it_grows_again_where_answers_have_become_slow_for_good() -> None:
    pace, seconds = Pace(64), 0.2
    provider = Provider(pace, seconds=lambda _: seconds)

    async def work() -> None:
        nonlocal seconds
        await call_many(provider, 8)
        seconds = 1.0
        await call_many(provider, 1500)

    run_jumping(work())
    assert provider.most_in_flight() > 20


def spread(moments: list[float], allowed: float, a_minute: float) -> None:
    """Check that no more went out than is allowed at once and in the time since."""
    for number, moment in enumerate(moments, 1):
        assert number <= allowed + (moment - moments[0]) * a_minute / 60 + 1e-6


def test_requests_a_minute_are_kept() -> None:
    provider = Provider(Pace(64, requests_a_minute=60), seconds=0.1)
    took = run_jumping(call_many(provider, 120))
    spread([sent.moment for sent in provider.sent], 60, 60)
    assert took < 65, "and no slower than that"


def test_tokens_a_minute_are_kept() -> None:
    provider = Provider(Pace(64, tokens_a_minute=60 * TOKENS), seconds=0.1)
    took = run_jumping(call_many(provider, 120))
    spread([sent.moment for sent in provider.sent], 60, 60)
    assert took < 65


def test_a_call_of_more_tokens_than_a_minute_has_goes_out_all_the_same() -> None:
    provider = Provider(Pace(8, tokens_a_minute=50.0), seconds=0.1)
    assert run_jumping(call_many(provider, 3)) == pytest.approx(120, abs=1)


def test_limits_of_the_headers_are_kept_from_the_first_answer_on() -> None:
    headers = RateLimits(600.0, 20.0, None, None)
    provider = Provider(Pace(64), seconds=0.1, headers=headers)
    run_jumping(call_many(provider, 200))
    later = [sent.moment for sent in provider.sent[8:]]
    spread(later, 21, 600)


def test_the_users_own_limits_come_before_those_of_the_headers() -> None:
    headers = RateLimits(6000.0, 5000.0, None, None)
    provider = Provider(Pace(64, requests_a_minute=60), seconds=0.1, headers=headers)
    run_jumping(call_many(provider, 100))
    spread([sent.moment for sent in provider.sent], 60, 60)


def test_what_was_learned_is_kept_for_the_next_run() -> None:
    pace = Pace(64)
    run_jumping(call_many(Provider(pace), 400))
    pace.rest()
    assert pace.limit == 64
    again = Provider(pace)
    run_jumping(call_many(again, 64))
    assert again.most_in_flight() == 64
    assert pace.anew().limit == 8


def test_a_pause_of_a_run_that_was_stopped_does_not_stop_the_next() -> None:
    pace = Pace(4, requests_a_minute=60)

    async def stopped() -> None:
        calls = [asyncio.create_task(Provider(pace).call()) for _ in range(70)]
        await asyncio.sleep(0.5)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    run_jumping(stopped())
    pace.rest()
    provider = Provider(pace)

    async def later() -> None:
        await asyncio.sleep(100)
        await call_many(provider, 20)

    run_jumping(later())
    assert len(provider.sent) == 20


@given(
    most=st.integers(1, 12),
    seconds=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60),
    cancelled=st.sets(st.integers(0, 59)),
    after=st.floats(0.0, 5.0),
)
def test_all_others_have_their_turn_where_some_are_cancelled(
    most: int, seconds: list[float], cancelled: set[int], after: float
) -> None:
    pace = Pace(most)

    async def work() -> int:
        calls = [asyncio.create_task(hold(pace, each)) for each in seconds]
        await asyncio.sleep(after)
        for number in cancelled & set(range(len(calls))):
            calls[number].cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        return sum(result is None for result in found)

    assert run_jumping(work()) >= len(seconds) - len(cancelled)


@pytest.mark.parametrize("most", [1, 3])
def test_places_are_given_in_the_order_in_which_they_were_asked_for(most: int) -> None:
    pace = Pace(most)
    waiting, given = iter(range(30)), list[int]()

    async def work() -> None:
        for number in waiting:
            async with pace.place():
                given.append(number)
                await asyncio.sleep(1)

    async def all_work() -> None:
        await asyncio.gather(*(work() for _ in range(10)))

    run_jumping(all_work())
    assert given == list(range(30))


async def hold(pace: Pace, seconds: float) -> None:
    """One call as a worker makes it, which ends also where it is cancelled."""
    async with pace.place():
        await pace.begin(TOKENS)
        try:
            await asyncio.sleep(seconds)
        finally:
            pace.end()
