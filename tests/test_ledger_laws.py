"""Whatever runs do in whatever order, the ledger agrees with a plain model of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from locum.schema import TeacherAnswer
from locum.store import Claim, Ledger, Settlement, open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store import Verdict

ANSWER = TeacherAnswer("yes")
CAP = 100
LEASE = 10.0
LEDGERS = ("task", "task", "task", "else")
KEYS = [f"key {number}" for number in range(8)]
RUNS = st.integers(0, len(LEDGERS) - 1)
CLAIM = st.builds(Claim, st.sampled_from(KEYS), st.integers(0, 60), st.sampled_from([False]))
CLAIMS = st.lists(CLAIM, max_size=6)
# What part of the worst case a call cost; None where nobody knows.
COSTS = st.dictionaries(st.sampled_from(KEYS), st.none() | st.floats(0, 1), max_size=4)


@dataclass
class Money:
    """What one ledger should hold."""

    spent: int = 0
    assumed: int = 0
    calls: int = 0


@dataclass
class Model:
    """Every rule of the ledger over dictionaries, one claim at a time."""

    now: float = 1000.0
    expires: dict[str, tuple[str, float]] = field(default_factory=dict)
    in_flight: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    money: dict[str, Money] = field(default_factory=lambda: {name: Money() for name in LEDGERS})

    def time(self) -> float:
        """Stand in for the clock."""
        return self.now

    def reserved(self, name: str) -> int:
        """Return what is reserved in a ledger."""
        return sum(worst for _, ledger, worst in self.in_flight.values() if ledger == name)

    def alive(self) -> set[str]:
        """Keys that are in flight for runs whose lease has not ended."""
        live = {run for run, (_, end) in self.expires.items() if end >= self.now}
        return {key for key, (run, *_) in self.in_flight.items() if run in live}

    def end(self, key: str, cost: int | None, *, counts: bool = True) -> None:
        """Settle what is in flight; a cost of ``None`` is assumed."""
        _, name, worst = self.in_flight.pop(key)
        money = self.money[name]
        money.spent += worst if cost is None else cost
        money.assumed += worst if cost is None else 0
        money.calls += counts

    def exchange(
        self, run: str, name: str, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> tuple[list[Verdict], int]:
        """Return the verdicts, and how many calls were taken over."""
        self.expires[run] = (name, self.now + LEASE)
        dead = {one for one, (_, end) in self.expires.items() if end < self.now}
        doomed = [
            key
            for key, (owner, ledger, _) in self.in_flight.items()
            if owner in dead and (ledger == name or key in {claim.key for claim in claims})
        ]
        for key in doomed:
            self.end(key, None)
        for one in settlements:
            if one.answer is not None:
                self.stored.add(one.key)
            if self.in_flight.get(one.key, ("",))[0] == run:
                cost = None if one.assumed else one.cost
                self.end(
                    one.key, cost, counts=one.answer is not None or one.assumed or one.cost > 0
                )
        return [self.judge(run, name, claim) for claim in claims], len(doomed)

    def judge(self, run: str, name: str, claim: Claim) -> Verdict:
        """Judge one claim by what came before it."""
        left = CAP - self.money[name].spent
        if claim.key in self.stored:
            return "known"
        if claim.key in self.in_flight:
            return "claimed"
        if claim.worst > left:
            return "cap"
        if claim.worst > left - self.reserved(name):
            return "short"
        self.in_flight[claim.key] = (run, name, claim.worst)
        return "granted"


class LedgerMachine(RuleBasedStateMachine):
    """Runs of two ledgers, over two connections to one file, with a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.databases = [open_database(f"{self.folder.name}/store.sqlite") for _ in range(2)]
        self.model = Model()
        self.patch = pytest.MonkeyPatch()
        for database in self.databases:
            database.execute("PRAGMA synchronous = OFF")
            self.patch.setattr(database, "now", self.model.time)
        # What each run believes to have in flight: others may have taken it over.
        self.sent: list[dict[str, int]] = [{} for _ in LEDGERS]
        self.ledgers = [self.begin(number) for number in range(len(LEDGERS))]

    def begin(self, number: int) -> Ledger:
        """Return a new run in a place among the runs."""
        database = self.databases[number % 2]
        return Ledger(database, LEDGERS[number], cap=CAP, lease_seconds=LEASE)

    @rule(number=RUNS, costs=COSTS, claims=CLAIMS, answer=st.sampled_from([ANSWER, None]))
    def exchange(
        self,
        number: int,
        costs: dict[str, float | None],
        claims: list[Claim],
        answer: TeacherAnswer | None,
    ) -> None:
        """Settle some of what a run sent, and claim more; it never claims what it sent."""
        ledger, sent = self.ledgers[number], self.sent[number]
        settlements = [
            Settlement(key, answer, int(cost * sent[key]))
            if cost is not None
            else Settlement(key, None, sent[key], assumed=True)
            for key, cost in costs.items()
            if key in sent
        ]
        for settlement in settlements:
            del sent[settlement.key]
        claims = [claim for claim in claims if claim.key not in sent]
        bought = self.model.stored | self.model.alive() - {one.key for one in settlements}
        taken_over = ledger.taken_over
        verdicts = ledger.exchange(settlements, claims)
        name = LEDGERS[number]
        expected, moved = self.model.exchange(ledger.run, name, settlements, claims)
        assert verdicts == expected
        assert ledger.taken_over == taken_over + moved
        for claim, verdict in zip(claims, verdicts, strict=True):
            if verdict == "granted":
                assert claim.key not in bought
                sent[claim.key] = claim.worst

    @rule(seconds=st.sampled_from([1.0, 4.0, LEASE, 10.5]))
    def wait(self, seconds: float) -> None:
        """Let time pass; the longest wait ends leases."""
        self.model.now += seconds

    @rule(number=RUNS)
    def renew(self, number: int) -> None:
        """Renew the lease of a run, also after its end."""
        self.ledgers[number].renew()
        self.model.expires[self.ledgers[number].run] = (LEDGERS[number], self.model.now + LEASE)

    @rule(number=RUNS)
    def die(self, number: int) -> None:
        """Forget a run, as a killed process does, and begin another."""
        self.ledgers[number], self.sent[number] = self.begin(number), {}

    @rule(number=RUNS)
    def close(self, number: int) -> None:
        """End a run in order."""
        run = self.ledgers[number].run
        self.ledgers[number].close()
        for key in [key for key, (owner, *_) in self.model.in_flight.items() if owner == run]:
            self.model.end(key, None)
        self.model.expires.pop(run, None)
        self.die(number)

    @invariant()
    def books_are_right(self) -> None:
        """Money is as in the model, and within the cap, on every connection."""
        for name, money in self.model.money.items():
            reserved = self.model.reserved(name)
            for database in self.databases:
                balance = Ledger(database, name).balance()
                assert balance == (money.spent, money.assumed, reserved, money.calls)
            assert money.spent + reserved <= CAP
            assert 0 <= money.assumed <= money.spent

    @invariant()
    def what_is_in_flight_is_on_disk(self) -> None:
        """The table holds what the model holds."""
        rows = self.databases[0].execute("SELECT key, run, worst FROM in_flight")
        in_flight = self.model.in_flight.items()
        assert sorted(rows) == sorted((key, run, worst) for key, (run, _, worst) in in_flight)

    def teardown(self) -> None:
        """Close and delete the store."""
        for database in self.databases:
            database.close()
        self.patch.undo()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedgerMachine = LedgerMachine.TestCase
