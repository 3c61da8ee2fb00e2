"""The budget on disk: money reserved before a call is sent, and settled after it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.store.derived import find_linked
from locum.store.in_flight import (
    delete_rows,
    end_run,
    find_in_batches,
    find_reserved,
    find_rows,
    free,
    lock_ledgers,
    sum_in_batches,
)
from locum.store.labels import find_answers, put_answers
from locum.store.money import Balance, Claim, is_money, judge, settle, without_hopeless

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from locum.store.database import Database
    from locum.store.money import Settlement, Verdict

__all__ = ["Ledger"]


class Ledger:
    """The money of one task, shared by all processes that spend it.

    A run that gives no sign of life for the time of its lease counts as dead: what it had in
    flight counts as spent at its worst case, and may be asked again by others. When it lives
    after all and settles such a call, its answer is kept and no money moves.

    Args:
        database: The store, which answers go to as well.
        name: Which money it is; ledgers of one name in one store share it.
        cap: The most that may be spent, in nanodollars; ``None`` for no limit.
        run: Takes up an earlier run by its id; by default a new one begins.
        lease_seconds: How long the run lives without an exchange; ``None`` for ever, for batches
            that lie with a provider.

    Attributes:
        run: The id of the run.

    Raises:
        UsageError: The cap is negative, or the lease is not longer than nothing.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        cap: int | None = None,
        run: str | None = None,
        lease_seconds: float | None = 15.0,
    ) -> None:
        if (cap is not None and cap < 0) or (lease_seconds is not None and lease_seconds <= 0):
            raise UsageError(
                f"ledger {name!r}: cap={cap}, lease_seconds={lease_seconds}: expected "
                "at least 0 nanodollars, and more than 0 seconds; or None for no limit"
            )
        self.run = run or secrets.token_hex(8)
        self._taken_over = [0]
        self._database = database
        self._name = name
        self._cap = cap
        self._lease_seconds = lease_seconds

    def exchange(self, settlements: Sequence[Settlement], claims: Sequence[Claim]) -> list[Verdict]:
        """Settle calls, then judge claims in their order; on disk when this returns, or not at all.

        Costs count against claims: where this run has no claim in flight under a key, as for
        answers that are free, the answer is kept and no money moves.

        Returns:
            For each claim ``granted`` where the call may be sent; ``known`` where its answer is
            stored; ``claimed`` where it is in flight already, or ``batched`` if that is in a batch,
            which may lie with a provider for a day; ``deleted`` where the calls that it stems from
            were deleted; ``short`` where the money would do if nothing
            else were reserved but for batches; ``cap`` where it does not.

        Raises:
            InputError: The store cannot be read or written.
        """
        assert all(is_money(settlement.cost) for settlement in settlements)
        assert all(is_money(claim.worst) for claim in claims)
        settled_keys = [settlement.key for settlement in settlements]
        claimed_keys = [claim.key for claim in claims]
        with self._database.transaction():
            lock_ledgers(self._database)
            now = self._database.now()
            self._lengthen_lease(now)
            taken_over = self._take_over(now, claimed_keys)
            own, others = self._find_in_flight(settled_keys + claimed_keys)
            deleted = self._find_deleted(settlements, claims, own)
            put_answers(
                self._database,
                {
                    key: answer
                    for key, answer, *_ in settlements
                    if answer is not None and key not in deleted
                },
            )
            settled, ended = settle(self.balance(), settlements, own)
            twice = set(claimed_keys) & own.keys() - ended
            assert not twice, f"run {self.run} has {twice} in flight already"
            known = find_answers(self._database, claimed_keys).keys()
            batched = find_in_batches(self._database, sorted(others))
            verdicts = judge(settled, claims, self._cap, known, others - batched, batched, deleted)
            if "short" in verdicts and self._cap is not None:
                left = self._cap - settled.spent - self.in_batches()
                verdicts = without_hopeless(verdicts, claims, left)
            granted = [
                c for c, verdict in zip(claims, verdicts, strict=True) if verdict == "granted"
            ]
            reserved = settled.reserved + sum(claim.worst for claim in granted)
            self._write(ended, granted, settled._replace(reserved=reserved))
        self._taken_over[0] += taken_over
        return verdicts

    @property
    def name(self) -> str:
        """Which money it is."""
        return self._name

    @property
    def taken_over(self) -> int:
        """Calls of dead runs that were counted as spent here and may be asked again."""
        return self._taken_over[0]

    def for_batch(self, run: str) -> Ledger:
        """Return the same ledger under a run that never expires; both count what they take over."""
        batch = Ledger(self._database, self._name, cap=self._cap, run=run, lease_seconds=None)
        batch._taken_over = self._taken_over
        return batch

    def reserved(self) -> dict[str, int]:
        """Return what is reserved for each key that this run has in flight, in nanodollars.

        Raises:
            InputError: The store cannot be read.
        """
        return find_reserved(self._database, self.run)

    def in_batches(self) -> int:
        """Return what is reserved for batches that lie with a provider, in nanodollars.

        Raises:
            InputError: The store cannot be read.
        """
        return sum_in_batches(self._database, self._name)

    def renew(self) -> None:
        """Lengthen the lease where no exchange does, at the latest when half of it is over.

        Raises:
            InputError: The store cannot be written.
        """
        with self._database.transaction():
            lock_ledgers(self._database)
            self._lengthen_lease(self._database.now())

    def balance(self) -> Balance:
        """Return where the ledger stands.

        Raises:
            InputError: The store cannot be read.
        """
        for row in self._database.execute(
            "SELECT spent, assumed, reserved, calls FROM ledgers WHERE name = ?", (self._name,)
        ):
            return Balance(*row)
        return Balance(0, 0, 0, 0)

    def close(self) -> None:
        """End the run; what it has in flight counts as spent, at its worst case.

        Raises:
            InputError: The store cannot be written.
        """
        with self._database.transaction():
            lock_ledgers(self._database)
            end_run(self._database, self.run, forfeit=True)

    def _take_over(self, now: float, claimed_keys: Sequence[str]) -> int:
        """Count as spent what dead runs had in flight.

        Of other ledgers' runs that is only what is in the way of these claims: the rest is for
        whoever resumes them to take over and to tell.
        """
        query = "SELECT id, ledger FROM runs WHERE expires < ?"
        dead: dict[str, str] = dict(self._database.execute(query, (now,)))
        own = [run for run, ledger in dead.items() if ledger == self._name]
        taken_over = sum(end_run(self._database, run, forfeit=True) for run in own)
        others = dead.keys() - own
        rows = find_rows(self._database, claimed_keys) if others else []
        for key, run, worst, _ in rows:
            if run in others:
                free(self._database, dead[run], {key: worst}, forfeit=True)
                taken_over += 1
        return taken_over

    def _lengthen_lease(self, now: float) -> None:
        expires = None if self._lease_seconds is None else now + self._lease_seconds
        self._database.execute(
            "INSERT INTO runs (id, ledger, expires) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET expires = excluded.expires",
            (self.run, self._name, expires),
        )

    def _find_in_flight(self, keys: Sequence[str]) -> tuple[dict[str, Claim], set[str]]:
        """What this run has in flight, by key, and the keys of other runs."""
        rows = find_rows(self._database, keys)
        own = {
            key: Claim(key, worst, bool(of_calls))
            for key, run, worst, of_calls in rows
            if run == self.run
        }
        return own, {key for key, run, *_ in rows if run != self.run}

    def _find_deleted(
        self,
        settlements: Sequence[Settlement],
        claims: Sequence[Claim],
        own: Mapping[str, Claim],
    ) -> set[str]:
        """Keys whose questions stem from calls, of which none is left."""
        given: list[Settlement | Claim] = [*settlements, *claims, *own.values()]
        of_calls = sorted({one.key for one in given if one.of_calls})
        return set(of_calls) - find_linked(self._database, "answer", of_calls)

    def _write(self, ended: AbstractSet[str], granted: Sequence[Claim], balance: Balance) -> None:
        delete_rows(self._database, ended)
        self._database.executemany(
            "INSERT INTO in_flight (key, run, worst, of_calls) VALUES (?, ?, ?, ?)",
            [(claim.key, self.run, claim.worst, claim.of_calls) for claim in granted],
        )
        if ended or granted:
            self._database.execute(
                "INSERT INTO ledgers (name, spent, assumed, reserved, calls) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET spent = excluded.spent, "
                "assumed = excluded.assumed, reserved = excluded.reserved, calls = excluded.calls",
                (self._name, *balance),
            )
