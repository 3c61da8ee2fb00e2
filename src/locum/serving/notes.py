"""What the recorder writes besides calls: what students did, and what applications spent."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locum.store import CallStore, PromotionStore, Shadow, ShadowStore, SpendStore, Tally

if TYPE_CHECKING:
    from locum.schema import Call, JsonObject
    from locum.serving.records import Record
    from locum.store import Database

__all__ = ["Notes", "uncompared"]


@dataclass
class Notes:
    """What is noted of a batch of records.

    Args:
        shadows: What students and teachers said of the same calls.
        deferred: Tasks with the ids of calls that their students were unsure of.
        spent: Applications with what a call of theirs cost, in US dollars.
        tallies: How many calls went which way.
        answers: Calls that students answered, where these are traced.
        scored: Calls that are on record, and that their students have spoken of since.
        unwatched: Students by task and artefact whose answers cannot be compared, and why.
        frames: How many records held no call.
    """

    shadows: list[Shadow] = field(default_factory=list)
    deferred: list[tuple[str, str]] = field(default_factory=list)
    spent: list[tuple[str, float]] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    answers: list[JsonObject] = field(default_factory=list)
    scored: list[Record] = field(default_factory=list)
    unwatched: dict[tuple[str, str], str] = field(default_factory=dict)
    frames: int = 0

    def take_others(self, records: list[Record]) -> list[Record]:
        """Take the records that hold no call, and return the others."""
        calls = []
        for record in records:
            if "endpoint" in record.facts:
                calls.append(record)
                continue
            self.tallies += [Tally(*tally) for tally in record.facts.get("tallies", ())]
            self.answers += record.facts.get("answers", ())
            self.spent += [(name, usd) for name, usd in record.facts.get("spent", ())]
            scored = record.facts.get("scored")
            self.scored += [] if scored is None else [record._replace(facts=scored)]
            self.frames += 1
        return calls

    def take(self, record: Record, call: Call) -> None:
        """Take what a record says of its call."""
        task = record.facts.get("deferred")
        if task is not None:
            self.deferred.append((task, call.facts.id))
        self.take_cost(record, call)

    def take_unread(self, record: Record) -> None:
        """Take that a call cannot be read, where it was to be compared."""
        if record.facts.get("sampled") is not None:
            self.shadows.append(uncompared(record))

    def take_cost(self, record: Record, call: Call | None = None) -> None:
        """Take what a call cost its application, also of one that cannot be read."""
        application = record.facts["application"]
        if application is not None:
            self.spent.append((application, _cost_usd(record, call)))

    def write_deferred(self, database: Database) -> None:
        """Mark calls of which students were unsure; before they are there to be learned from."""
        if self.deferred:
            CallStore(database).note_deferred(self.deferred)

    def write_spent(self, database: Database) -> None:
        """Add up what applications spent."""
        totals: defaultdict[str, float] = defaultdict(float)
        for application, usd in self.spent:
            totals[application] += usd
        if totals:
            SpendStore(database).add(totals, time.time())

    def write_unwatched(self, database: Database) -> None:
        """Revoke students of which nobody could see whether they keep their promise."""
        for (task, artefact), error in self.unwatched.items():
            reason = f"its answers cannot be compared with the teacher's: {error}"
            ended = PromotionStore(database).end(task, "revoked", reason, artefact)
            if ended is not None:
                sys.stderr.write(f"locum: the student of {task} is revoked: {reason}\n")

    def write_tallies(self, database: Database) -> None:
        """Add up which way calls went."""
        if self.tallies:
            ShadowStore(database).add_tallies(self.tallies)


def uncompared(record: Record, call_id: str | None = None) -> Shadow:
    """Return a sampled call that counts against its student, as nobody can tell that it does not.

    One that its teacher gave no whole answer to counts as nothing.

    Args:
        record: The call.
        call_id: By which it is kept; ``None`` where it is not.
    """
    sampled = record.facts["sampled"]
    is_answered = record.facts["outcome"] == "whole" and (record.facts["status"] or 500) < 400
    return Shadow(
        task=sampled["task"],
        artefact=sampled["artefact"],
        time=record.facts["time"],
        call_id=call_id,
        answered=sampled["answered"],
        agrees=False if is_answered else None,
        said="",
        confidence=sampled["confidence"],
        novelty=sampled["novelty"],
    )


def _cost_usd(record: Record, call: Call | None) -> float:
    """What a call cost; where its answer does not say, what it might have, as far as it might.

    An answer that broke off may have said what it took so far, which is not all.
    """
    worst: float = record.facts.get("worst_usd") or 0.0
    if call is None or call.facts.cost_usd is None:
        return worst
    cost = call.facts.cost_usd
    return cost if call.facts.outcome == "whole" else max(cost, worst)
