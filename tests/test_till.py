"""The till between teachers and the ledger: what is reserved, settled, given back and forfeited."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.prices import Price, Tokens
from locum.schema import OwnPrice, TeacherAnswer, Usage
from locum.store import Balance, LabelStore, Ledger
from locum.teachers import Question
from locum.teachers.till import LedgerTill

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from locum.store import Claim, Database, Settlement, Verdict

PRICE = Price("m", OwnPrice(1.0, 1.0))  # a thousand nanodollars a token
WORST = Tokens(9, 1)
ANSWER = TeacherAnswer("yes", usage=Usage(3, 1))
ONE, TWO, THREE = (Question(name, name) for name in ("one", "two", "three"))


def work(
    database: Database,
    do: Callable[[LedgerTill], Awaitable[None]],
    *,
    cap: int | None = 10_000,
    price: Price | None = PRICE,
    discount: float = 1.0,
) -> Balance:
    """Work at a till; return where the ledger stands afterwards."""
    ledger = Ledger(database, "till", cap=cap)

    async def at_till() -> None:
        async with LedgerTill(ledger, price, discount) as till:
            await do(till)

    asyncio.run(at_till())
    ledger.close()
    return ledger.balance()


def test_an_answer_costs_its_tokens_and_says_so(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        assert await till.reserve(ONE, WORST) == "granted"
        assert till.settle(ONE, ANSWER).cost_usd == pytest.approx(4e-6)

    assert work(database, do) == Balance(4_000, 0, 0, 1)
    assert LabelStore(database).find(["one"])["one"].cost_usd == pytest.approx(4e-6)


def test_an_answer_without_tokens_costs_its_worst_case(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, WORST)
        answer = till.settle(ONE, TeacherAnswer("yes"))
        assert answer.cost_usd == pytest.approx(10e-6)
        assert answer.cost_assumed

    assert work(database, do) == Balance(10_000, 10_000, 0, 1)
    assert LabelStore(database).find(["one"])["one"].cost_assumed


def test_a_discount_counts_for_both(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        for question in (ONE, TWO):
            assert await till.reserve(question, WORST) == "granted"
        till.settle(ONE, ANSWER)

    assert work(database, do, discount=0.5) == Balance(2_000 + 5_000, 5_000, 0, 2)


def test_without_a_price_nothing_is_counted(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        for question in (ONE, TWO):
            await till.reserve(question, WORST)
        assert till.settle(ONE, ANSWER).cost_usd is None
        assert not till.settle(TWO, TeacherAnswer("yes")).cost_assumed

    assert work(database, do, price=None) == Balance(0, 0, 0, 2)


def test_who_finds_too_little_waits_for_what_is_given_back(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, WORST)
        second = asyncio.create_task(till.reserve(TWO, Tokens(5, 1)))
        await asyncio.sleep(0.6)
        assert not second.done()
        till.settle(ONE, ANSWER)
        assert await second == "granted"
        till.release(TWO)
        assert await till.reserve(THREE, Tokens(6, 1)) == "cap"

    assert work(database, do) == Balance(4_000, 0, 0, 1)


def test_who_waits_for_money_comes_before_who_came_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, go_on = threading.Event(), threading.Event()

    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, WORST)
        exchange = till._exchange  # noqa: SLF001 - held up, so that another comes meanwhile

        def held_up(settled: list[Settlement], claims: list[Claim]) -> list[Verdict]:
            if claims:
                judging.set()
                assert go_on.wait(10)
            return exchange(settled, claims)

        monkeypatch.setattr(till, "_exchange", held_up)
        second = asyncio.create_task(till.reserve(TWO, Tokens(5, 1)))
        assert await asyncio.to_thread(judging.wait, 10)
        third = asyncio.create_task(till.reserve(THREE, Tokens(5, 1)))
        await asyncio.sleep(0)
        till.settle(ONE, ANSWER)
        go_on.set()
        done, _ = await asyncio.wait({second, third}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {second}
        till.release(TWO)
        assert await third == "granted"
        till.release(THREE)

    work(database, do)


def test_attempts_that_may_have_been_charged_are_spent(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, Tokens(4, 0))
        till.forfeit(ONE)
        assert await till.reserve(ONE, Tokens(4, 0)) == "granted"
        till.drop(ONE)
        till.drop(TWO)
        assert till.forfeited == 4_000
        assert await till.reserve(TWO, Tokens(7, 0)) == "cap"

    assert work(database, do) == Balance(4_000, 4_000, 0, 1)


def test_what_is_in_flight_at_the_end_is_spent(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, WORST)

    assert work(database, do) == Balance(10_000, 10_000, 0, 1)


@pytest.mark.parametrize("turns", range(8))
def test_who_is_cancelled_while_waiting_holds_no_money(database: Database, turns: int) -> None:
    async def do(till: LedgerTill) -> None:
        waiting = asyncio.create_task(till.reserve(ONE, WORST))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        if not waiting.done():
            waiting.cancel()
        [result] = await asyncio.gather(waiting, return_exceptions=True)
        if result == "granted":
            till.release(ONE)
        assert await till.reserve(TWO, WORST) == "granted"
        till.release(TWO)

    assert work(database, do) == Balance(0, 0, 0, 0)


def test_what_others_have_or_are_asking_is_not_granted(database: Database) -> None:
    LabelStore(database).add([("one", ANSWER)])
    other = Ledger(database, "another")

    async def do(till: LedgerTill) -> None:
        async with LedgerTill(other, None) as others:
            assert await others.reserve(TWO, WORST) == "granted"
            assert await till.reserve(ONE, WORST) == "known"
            assert await till.reserve(TWO, WORST) == "claimed"

    work(database, do)


def break_store(database: Database) -> None:
    """Let nothing be written to the ledgers any more."""
    if database.dialect == "sqlite":
        database.execute("DROP TABLE ledgers")
    else:
        database.execute("DROP TABLE ledgers CASCADE")


def test_a_store_that_breaks_is_told_to_all_who_wait(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        break_store(database)
        waiting = [till.reserve(question, WORST) for question in (ONE, TWO)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [InputError, InputError]
        with pytest.raises(InputError):
            await till.reserve(THREE, WORST)

    with pytest.raises(InputError, match="cannot be used"):
        work(database, do)


def test_a_store_that_breaks_when_nobody_waits_is_told_at_the_end(database: Database) -> None:
    async def do(till: LedgerTill) -> None:
        await till.reserve(ONE, WORST)
        break_store(database)
        till.settle(ONE, ANSWER)
        await asyncio.sleep(0.6)

    with pytest.raises(InputError, match="cannot be used"):
        work(database, do)
