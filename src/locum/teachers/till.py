"""Money for calls: reserved before they are sent, settled after, many at a time."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

from locum.errors import LocumError
from locum.prices import Tokens
from locum.store import NANODOLLARS, Claim, Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from locum.prices import Price
    from locum.schema import TeacherAnswer
    from locum.store import Ledger, Verdict
    from locum.teachers.protocol import Question

__all__ = ["BatchReservation", "LedgerTill"]

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_BETWEEN_RENEWALS = 2.0


class BatchReservation(NamedTuple):
    """Money for a batch, reserved until the provider is done with it.

    Args:
        run: The run under which it is reserved; it never expires.
        granted: The questions that may be asked.
        others: What was said of each of the others, by key.
    """

    run: str
    granted: list[Question]
    others: dict[str, Verdict]


class _InBatch(NamedTuple):
    ledger: Ledger
    worst: int


class _Waiting(NamedTuple):
    claim: Claim
    verdict: asyncio.Future[Verdict]


class LedgerTill:
    """The till of one teacher in a labelling run.

    What is wanted and what is settled while the disk is busy goes into one transaction afterwards,
    so that a thousand calls a second take some fifty writes.

    Args:
        ledger: Where money and answers are kept.
        price: Of the teacher's tokens; ``None`` where calls cost nothing, or what they cost is not
            known and there is no cap.
        discount: What part of the price a call costs.

    Attributes:
        forfeited: Nanodollars of attempts that brought no answer and may have been charged.
    """

    def __init__(self, ledger: Ledger, price: Price | None, discount: float = 1.0) -> None:
        self._ledger = ledger
        self._price = price
        self._discount = discount
        self.forfeited = 0
        self._reserved: dict[str, int] = {}
        self._in_batches: dict[str, _InBatch] = {}
        self._settled_in_batches: list[tuple[Ledger, Settlement]] = []
        self._settled: list[Settlement] = []
        self._wanted: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._broken: Exception | None = None
        self._server: asyncio.Task[None] | None = None
        self._renewed = time.monotonic()

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        self._server = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is settled; money of calls that are still in flight counts as spent."""
        self._closing = True
        self._wake.set()
        try:
            if self._server is not None:
                await asyncio.shield(self._server)
        finally:
            for key, worst in self._reserved.items():
                self._settled.append(Settlement(key, None, worst, assumed=True))
            self._reserved = {}
            self._settle_the_rest()
        if self._broken is not None and error is None:
            raise self._broken

    def _settle_the_rest(self) -> None:
        """Write what is left; where the store failed before, it may do by now."""
        if self._broken is None:
            self._exchange(self._settled, [])
            return
        with suppress(LocumError):
            self._exchange(self._settled, [])

    def nanodollars(self, tokens: Tokens) -> int:
        """Return what a call of so many tokens costs, rounded up."""
        if self._price is None:
            return 0
        return math.ceil(self._price.cost_usd(tokens) * self._discount * NANODOLLARS)

    async def reserve(self, question: Question, worst: Tokens) -> Verdict:
        """Set money aside for one call, as `locum.teachers.protocol.Till.reserve`.

        Raises:
            InputError: The store cannot be written.
        """
        if self._broken is not None:
            raise self._broken
        claim = Claim(question.key, self.nanodollars(worst), question.of_calls)
        waiting = _Waiting(claim, asyncio.get_running_loop().create_future())
        self._wanted.append(waiting)
        self._wake.set()
        try:
            return await waiting.verdict
        except asyncio.CancelledError:
            self.drop(question)
            raise

    def forfeit(self, question: Question) -> None:
        """Count what is reserved for a call as spent: it may have been charged."""
        in_batch = self._in_batches.get(question.key)
        worst = in_batch.worst if in_batch else self._reserved.pop(question.key)
        self.forfeited += worst
        self._settle(Settlement(question.key, None, worst, assumed=True))

    def release(self, question: Question) -> None:
        """Give back what is reserved for a call: it was not charged."""
        del self._reserved[question.key]
        self._settle(Settlement(question.key, None, 0))

    def settle(self, question: Question, answer: TeacherAnswer) -> TeacherAnswer:
        """Keep an answer with what it cost.

        Returns:
            The answer with its cost. One that does not say its tokens cost the worst case.
        """
        in_batch = self._in_batches.get(question.key)
        worst = in_batch.worst if in_batch else self._reserved.pop(question.key, 0)
        usage = answer.usage
        cost = worst if usage is None else self.nanodollars(Tokens(*usage))
        assumed = usage is None and self._price is not None
        if self._price is not None:
            answer = replace(answer, cost_usd=cost / NANODOLLARS, cost_assumed=assumed)
        self._settle(Settlement(question.key, answer, cost, assumed, question.of_calls))
        return answer

    def drop(self, question: Question) -> None:
        """Release what is still reserved for a question that stays without an answer."""
        if question.key in self._reserved:
            self.release(question)
        elif question.key in self._in_batches:
            self._settle(Settlement(question.key, None, 0))

    @property
    def ledger(self) -> str:
        """Name of the ledger that pays."""
        return self._ledger.name

    async def reserve_batch(
        self, wanted: Sequence[tuple[Question, Tokens]], run: str
    ) -> BatchReservation:
        """Set money aside for calls that a provider will answer within a day.

        The claims stand under a run of their own that never expires. Those for which the cap leaves
        no money are left out, as are those that another run asks or has.
        """
        ledger = self._ledger.for_batch(run)
        claims = [
            Claim(question.key, self.nanodollars(worst), question.of_calls)
            for question, worst in wanted
        ]
        verdicts = await asyncio.to_thread(ledger.exchange, [], claims)
        granted: list[Question] = []
        others: dict[str, Verdict] = {}
        for (question, _), claim, verdict in zip(wanted, claims, verdicts, strict=True):
            if verdict == "granted":
                granted.append(question)
                self._in_batches[question.key] = _InBatch(ledger, claim.worst)
            else:
                others[question.key] = verdict
        return BatchReservation(ledger.run, granted, others)

    async def resume_batch(self, run: str) -> dict[str, int]:
        """Take up a batch of an earlier process; return its open keys with what is reserved."""
        ledger = self._ledger.for_batch(run)
        keys = await asyncio.to_thread(ledger.reserved)
        self._in_batches |= {key: _InBatch(ledger, worst) for key, worst in keys.items()}
        return keys

    def _settle(self, settlement: Settlement) -> None:
        in_batch = self._in_batches.pop(settlement.key, None)
        if in_batch is None:
            self._settled.append(settlement)
        else:
            self._settled_in_batches.append((in_batch.ledger, settlement))
        self._wake.set()

    def _exchange(self, settled: list[Settlement], claims: list[Claim]) -> list[Verdict]:
        in_batches = self._settled_in_batches[:]
        by_run: dict[str, tuple[Ledger, list[Settlement]]] = {}
        for ledger, settlement in in_batches:
            by_run.setdefault(ledger.run, (ledger, []))[1].append(settlement)
        for ledger, settlements in by_run.values():
            ledger.exchange(settlements, [])
        del self._settled_in_batches[: len(in_batches)]
        return self._ledger.exchange(settled, claims)

    async def _serve(self) -> None:
        while not self._closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _SECONDS_BETWEEN_LOOKS)
            self._wake.clear()
            settled, self._settled = self._settled, []
            wanted, self._wanted = self._wanted, []
            quiet = not (settled or wanted or self._settled_in_batches)
            if quiet and time.monotonic() - self._renewed < _SECONDS_BETWEEN_RENEWALS:
                continue
            self._renewed = time.monotonic()
            claims = [waiting.claim for waiting in wanted]
            try:
                verdicts = await asyncio.to_thread(self._exchange, settled, claims)
            except Exception as error:  # noqa: BLE001 - nobody may wait for a till that has stopped
                self._settled = settled + self._settled
                self._break(error, wanted)
                return
            self._tell(wanted, verdicts)

    def _tell(self, wanted: list[_Waiting], verdicts: list[Verdict]) -> None:
        short = []
        for waiting, verdict in zip(wanted, verdicts, strict=True):
            key, worst, _ = waiting.claim
            if waiting.verdict.done():
                if verdict == "granted":
                    self._settled.append(Settlement(key, None, 0))
            elif verdict == "short":
                short.append(waiting)
            else:
                if verdict == "granted":
                    self._reserved[key] = worst
                waiting.verdict.set_result(verdict)
        # Those that came meanwhile are judged after them.
        self._wanted[:0] = short

    def _break(self, error: Exception, wanted: list[_Waiting]) -> None:
        """Let nobody wait for a store that cannot be written."""
        self._broken = error
        for waiting in [*wanted, *self._wanted]:
            if not waiting.verdict.done():
                waiting.verdict.set_exception(error)
