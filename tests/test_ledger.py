"""The ledger: what is spent never passes the cap, and no call is paid for twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.errors import UsageError
from locum.schema import TeacherAnswer, Usage
from locum.store import Balance, Claim, Database, LabelStore, Ledger, Settlement, open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store import Verdict

ANSWER = TeacherAnswer("yes", (0.75, 0.25), Usage(9, 1, 4), 12.5, "model-1", cost_usd=0.1)


class Clock:
    """Stands in for the clock of the store."""

    now = 1000.0


@pytest.fixture
def clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(database, "now", lambda: made.now)
    return made


def claim(ledger: Ledger, *claims: tuple[str, int]) -> list[Verdict]:
    return ledger.exchange([], [Claim(*one) for one in claims])


def settle(ledger: Ledger, *settlements: Settlement) -> None:
    assert ledger.exchange(settlements, []) == []


def table(database: Database, name: str) -> Sequence[object]:
    return database.execute(f"SELECT * FROM {name}")  # noqa: S608 - a name of the test's


def test_a_new_ledger_is_empty(database: Database) -> None:
    assert Ledger(database, "task").balance() == (0, 0, 0, 0)


def test_claims_are_granted_until_the_money_is_reserved(database: Database) -> None:
    ledger = Ledger(database, "task", cap=100)
    assert claim(ledger, ("a", 60), ("b", 41), ("c", 40), ("d", 0), ("e", 101)) == [
        *("granted", "short", "granted", "granted", "cap")
    ]
    assert ledger.balance() == Balance(spent=0, assumed=0, reserved=100, calls=0)


def test_a_settlement_gives_back_what_was_not_needed(database: Database) -> None:
    ledger = Ledger(database, "task", cap=100)
    claim(ledger, ("a", 60), ("b", 40))
    settle(ledger, Settlement("a", ANSWER, 25))
    assert ledger.balance() == Balance(spent=25, assumed=0, reserved=40, calls=1)
    assert claim(ledger, ("c", 36), ("d", 35), ("e", 76)) == ["short", "granted", "cap"]
    settle(ledger, Settlement("b", None, 40, assumed=True), Settlement("d", None, 0))
    assert ledger.balance() == Balance(spent=65, assumed=40, reserved=0, calls=2)
    assert claim(ledger, ("f", 36), ("g", 35)) == ["cap", "granted"]


def test_without_a_cap_everything_is_granted(database: Database) -> None:
    ledger = Ledger(database, "task")
    assert claim(ledger, ("a", 10**18), ("b", 1)) == ["granted"] * 2
    assert ledger.balance().reserved == 10**18 + 1


def test_settlements_make_room_for_claims_of_the_same_exchange(database: Database) -> None:
    ledger = Ledger(database, "task", cap=10)
    claim(ledger, ("a", 10))
    verdicts = ledger.exchange([Settlement("a", ANSWER, 4)], [Claim("b", 6), Claim("a", 1)])
    assert verdicts == ["granted", "known"]


def test_answers_are_found_like_all_others(database: Database) -> None:
    ledger = Ledger(database, "task")
    claim(ledger, ("a", 10))
    settle(ledger, Settlement("a", ANSWER, 4), Settlement("free", TeacherAnswer("no"), 0))
    assert LabelStore(database).find(["a", "free"]) == {"a": ANSWER, "free": TeacherAnswer("no")}
    LabelStore(database).add([("b", ANSWER)])
    assert claim(ledger, ("a", 1), ("b", 1), ("free", 1)) == ["known"] * 3


def test_an_answer_that_cannot_be_read_is_bought_again(database: Database) -> None:
    database.execute("INSERT INTO answers VALUES (?, ?)", ("a", b'{"text":'))
    ledger = Ledger(database, "task")
    assert claim(ledger, ("a", 1)) == ["granted"]
    settle(ledger, Settlement("a", ANSWER, 1))
    assert LabelStore(database).find(["a"]) == {"a": ANSWER}


def test_runs_of_one_name_share_the_money(place: str) -> None:
    with open_database(place) as first, open_database(place) as second:
        one, other = (Ledger(database, "task", cap=100) for database in (first, second))
        assert one.run != other.run
        assert claim(one, ("a", 70)) == ["granted"]
        assert claim(other, ("b", 31)) == ["short"]
        settle(one, Settlement("a", ANSWER, 70))
        assert claim(other, ("b", 31), ("c", 30), ("a", 1)) == ["cap", "granted", "known"]
        assert one.balance() == other.balance() == (70, 0, 30, 1)
        assert claim(Ledger(second, "else", cap=100), ("d", 100)) == ["granted"]


def test_nobody_waits_for_money_that_lies_in_a_batch(database: Database) -> None:
    ledger = Ledger(database, "task", cap=100)
    assert claim(Ledger(database, "else").for_batch("other"), ("z", 100)) == ["granted"]
    assert claim(ledger.for_batch("batch"), ("a", 60)) == ["granted"]
    assert claim(ledger, ("b", 30), ("c", 40), ("d", 41)) == ["granted", "short", "cap"]
    assert ledger.in_batches() == 60
    settle(ledger.for_batch("batch"), Settlement("a", ANSWER, 1))
    assert ledger.in_batches() == 0
    assert claim(ledger, ("d", 41)) == ["granted"]


@pytest.mark.parametrize("name", ["task", "else"])
def test_a_key_is_in_flight_once_over_all_ledgers(database: Database, name: str) -> None:
    one, other = Ledger(database, "task"), Ledger(database, name)
    claim(one, ("a", 1))
    assert claim(other, ("a", 1), ("b", 1)) == ["claimed", "granted"]
    settle(one, Settlement("a", None, 0))
    assert claim(other, ("a", 1)) == ["granted"]


def test_an_answer_that_another_run_is_waiting_for_is_known_once_it_is_stored(
    database: Database,
) -> None:
    one, other = Ledger(database, "task"), Ledger(database, "task")
    claim(one, ("a", 1))
    LabelStore(database).add([("a", ANSWER)])
    assert claim(other, ("a", 1)) == ["known"]


def test_a_key_that_comes_twice_in_one_exchange_is_granted_once(database: Database) -> None:
    ledger = Ledger(database, "task", cap=10)
    assert claim(ledger, ("a", 11), ("a", 6), ("a", 1)) == ["cap", "granted", "claimed"]
    assert ledger.balance().reserved == 6


def test_a_key_that_the_run_has_in_flight_cannot_be_claimed(database: Database) -> None:
    ledger = Ledger(database, "task")
    claim(ledger, ("a", 1), ("b", 1))
    with pytest.raises(AssertionError, match="in flight already"):
        ledger.exchange([Settlement("b", ANSWER, 1)], [Claim("a", 1)])
    assert ledger.balance() == (0, 0, 2, 0)
    assert LabelStore(database).find(["b"]) == {}


def test_an_attempt_that_was_forfeited_is_tried_again_where_the_money_does(
    database: Database,
) -> None:
    ledger = Ledger(database, "task", cap=25)
    forfeit, again = Settlement("a", None, 10, assumed=True), Claim("a", 10)
    claim(ledger, ("a", 10))
    assert ledger.exchange([forfeit], [again]) == ["granted"]
    assert ledger.balance() == Balance(spent=10, assumed=10, reserved=10, calls=1)
    assert ledger.exchange([forfeit], [again]) == ["cap"]
    assert ledger.balance() == Balance(spent=20, assumed=20, reserved=0, calls=2)


@pytest.mark.parametrize("amount", [-1, 0.5, 1.0, None])
def test_money_is_whole_and_never_negative(database: Database, amount: int) -> None:
    ledger = Ledger(database, "task", cap=10)
    with pytest.raises(AssertionError):
        claim(ledger, ("a", amount))
    claim(ledger, ("a", 5))
    with pytest.raises(AssertionError):
        settle(ledger, Settlement("a", ANSWER, amount))
    assert ledger.balance() == (0, 0, 5, 0)


def test_limits_that_make_no_sense_are_refused(database: Database) -> None:
    with pytest.raises(UsageError, match=r"cap=-1, lease_seconds=15\.0: expected"):
        Ledger(database, "task", cap=-1)
    with pytest.raises(UsageError, match="lease_seconds=0: expected"):
        Ledger(database, "task", lease_seconds=0)


def test_a_cost_without_a_claim_moves_no_money(database: Database) -> None:
    ledger = Ledger(database, "task", cap=10)
    claim(ledger, ("a", 10))
    settle(ledger, Settlement("a", None, 3), Settlement("a", ANSWER, 5), Settlement("z", None, 9))
    assert ledger.balance() == (3, 0, 0, 1)


def test_a_cost_beyond_its_worst_case_is_counted_in_full(database: Database) -> None:
    ledger = Ledger(database, "task", cap=10)
    claim(ledger, ("a", 6), ("b", 4))
    settle(ledger, Settlement("a", ANSWER, 12))
    assert ledger.balance() == (12, 0, 4, 1)
    assert claim(ledger, ("c", 0)) == ["cap"]


def test_one_exchange_may_hold_many_calls(database: Database) -> None:
    ledger, keys = Ledger(database, "task", cap=2500), [f"key {n}" for n in range(1203)]
    assert claim(ledger, *((key, 2) for key in keys)) == ["granted"] * 1203
    settlements = [Settlement(key, ANSWER, 1) for key in keys]
    verdicts = ledger.exchange(settlements, [Claim(key, 1) for key in [*keys, "new"]])
    assert verdicts == ["known"] * 1203 + ["granted"]
    assert ledger.balance() == (1203, 0, 1, 1203)


def test_a_run_that_died_is_taken_over(database: Database, clock: Clock) -> None:
    dead, other = Ledger(database, "task", cap=100), Ledger(database, "task", cap=100)
    claim(dead, ("a", 10), ("b", 20), ("c", 30))
    settle(dead, Settlement("c", ANSWER, 5))
    clock.now += 15
    assert claim(other, ("a", 10)) == ["claimed"]
    assert other.taken_over == 0
    clock.now += 0.5
    assert claim(other, ("a", 10), ("c", 1), ("d", 55)) == ["granted", "known", "granted"]
    assert other.taken_over == 2
    assert other.balance() == Balance(spent=35, assumed=30, reserved=65, calls=3)
    assert table(database, "runs") == [(other.run, "task", clock.now + 15)]


def test_exchanges_and_renewals_keep_a_run_alive(database: Database, clock: Clock) -> None:
    one, other = Ledger(database, "task"), Ledger(database, "task")
    claim(one, ("a", 10))
    for _ in range(2):
        clock.now += 10
        one.renew()
        assert claim(other, ("a", 10)) == ["claimed"]
        clock.now += 10
        claim(one)
        assert claim(other, ("a", 10)) == ["claimed"]
    assert (one.taken_over, other.taken_over) == (0, 0)


def test_a_run_without_a_lease_lives_on(database: Database, clock: Clock) -> None:
    batch = Ledger(database, "task", lease_seconds=None)
    claim(batch, ("a", 10))
    clock.now += 1e9
    other = Ledger(database, "task")
    assert claim(other, ("a", 10)) == ["batched"]
    again = Ledger(database, "task", run=batch.run, lease_seconds=None)
    settle(again, Settlement("a", ANSWER, 4))
    assert other.balance() == (4, 0, 0, 1)


def test_what_a_batch_takes_over_counts_for_the_run_that_sends_it(
    database: Database, clock: Clock
) -> None:
    claim(Ledger(database, "task"), ("a", 10), ("b", 20))
    clock.now += 16
    ledger = Ledger(database, "task", cap=50)
    batch = ledger.for_batch("batch-1")
    assert claim(batch, ("a", 10), ("c", 11), ("d", 10)) == ["granted", "short", "granted"]
    assert (ledger.taken_over, batch.taken_over) == (2, 2)
    assert (ledger.name, batch.name, batch.run) == ("task", "task", "batch-1")
    clock.now += 1e9
    assert claim(Ledger(database, "task"), ("a", 10)) == ["batched"]
    assert Ledger(database, "task").for_batch("batch-1").reserved() == {"a": 10, "d": 10}
    assert ledger.reserved() == {}


def test_a_key_that_comes_twice_among_many_is_taken_over_once(
    database: Database, clock: Clock
) -> None:
    dead = Ledger(database, "else")
    claim(dead, ("a", 10), ("b", 20))
    clock.now += 16
    many = [Claim(f"key {number}", 0) for number in range(600)]
    verdicts = Ledger(database, "task").exchange([], [Claim("a", 1), *many, Claim("a", 1)])
    assert (verdicts[0], verdicts[-1]) == ("granted", "claimed")
    assert dead.balance() == Balance(spent=10, assumed=10, reserved=20, calls=1)


def test_a_run_that_was_taken_over_and_lives_after_all_keeps_its_answers(
    database: Database, clock: Clock
) -> None:
    slow, other = Ledger(database, "task", cap=30), Ledger(database, "task", cap=30)
    claim(slow, ("a", 10), ("b", 10))
    clock.now += 16
    assert claim(other, ("a", 10)) == ["granted"]
    assert slow.exchange([Settlement("b", ANSWER, 3)], [Claim("a", 1)]) == ["claimed"]
    assert LabelStore(database).find(["b"]) == {"b": ANSWER}
    settle(slow, Settlement("a", ANSWER, 3))
    assert other.balance() == Balance(spent=20, assumed=20, reserved=10, calls=2)
    settle(other, Settlement("a", ANSWER, 4))
    assert other.balance() == Balance(spent=24, assumed=20, reserved=0, calls=3)


def test_of_another_ledger_only_what_is_in_the_way_is_taken_over(
    database: Database, clock: Clock
) -> None:
    dead, other = Ledger(database, "task"), Ledger(database, "else")
    claim(dead, ("a", 10), ("b", 20))
    clock.now += 16
    assert claim(other, ("a", 7)) == ["granted"]
    assert other.taken_over == 1
    assert dead.balance() == Balance(spent=10, assumed=10, reserved=20, calls=1)
    assert other.balance() == Balance(spent=0, assumed=0, reserved=7, calls=0)
    resumed = Ledger(database, "task")
    assert claim(resumed, ("a", 10), ("b", 20)) == ["claimed", "granted"]
    assert resumed.taken_over == 1
    assert resumed.balance() == Balance(spent=30, assumed=30, reserved=20, calls=2)


def test_closing_forfeits_what_is_in_flight_once(database: Database) -> None:
    ledger, other = Ledger(database, "task"), Ledger(database, "task")
    claim(ledger, ("a", 10), ("b", 20))
    settle(ledger, Settlement("a", ANSWER, 4))
    claim(other, ("c", 1))
    for _ in range(2):
        ledger.close()
        assert other.balance() == Balance(spent=24, assumed=20, reserved=1, calls=2)
    assert claim(other, ("b", 20)) == ["granted"]
    assert other.taken_over == 0
    other.close()
    assert table(database, "runs") == table(database, "in_flight") == []


def test_closing_a_run_that_did_nothing_does_nothing(database: Database) -> None:
    Ledger(database, "task").close()
    assert table(database, "ledgers") == []
