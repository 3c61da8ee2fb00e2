"""How the calls of a task that was found are found again."""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.asked import ask, read_asked
from locum.audit.instructions import InstructionGroup
from locum.audit.pattern import WHOLE, pattern_of_json
from locum.audit.rules import Rule, place_of, rule_of_json
from locum.errors import InputError
from locum.store import (
    AuditedTask,
    AuditedTaskStore,
    CallFilter,
    CallStore,
    stream_leads,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from locum.audit.tasks import TrafficTask
    from locum.schema import Call, JsonObject
    from locum.store import Database

__all__ = ["Definition", "calls_of_task", "forget_tasks", "remember_tasks"]

_VERSION = 1
_FINGERPRINTS_A_QUERY = 10_000


class Definition(NamedTuple):
    """Which calls are a task's.

    Args:
        group: Calls of its instruction.
        rules: How these are told apart.
        place: Which of the rules is the task's; a call is of the first one that it fits.
    """

    group: InstructionGroup
    rules: tuple[Rule, ...]
    place: int

    def admits(self, call: Call) -> bool:
        """Tell whether a call without a name, of the right instruction, is one of the task's."""
        return len(self.rules) == 1 or place_of(self.rules, ask(call)) == self.place

    def to_json(self) -> JsonObject:
        """Return what is kept in the store; calls with rare fingerprints are found anew."""
        return {
            "version": _VERSION,
            "form": self.group.form,
            "instruction": self.group.pattern.to_json(),
            "fingerprints": list(self.group.fingerprints),
            "rules": [rule.to_json() for rule in self.rules],
            "place": self.place,
        }


def definition_of_json(value: JsonObject) -> Definition:
    """Return the definition that `Definition.to_json` wrote.

    Raises:
        InputError: A later version of Locum wrote it.
    """
    if value.get("version") != _VERSION:
        raise InputError(
            "the task was found by another version of Locum: run locum audit again, and use the "
            "name that it prints"
        )
    pattern = pattern_of_json(value["instruction"])
    fingerprints = tuple(map(str, value["fingerprints"]))
    group = InstructionGroup(str(value["form"]), pattern, fingerprints, ())
    return Definition(group, tuple(map(rule_of_json, value["rules"])), int(value["place"]))


def remember_tasks(database: Database, tasks: Iterable[TrafficTask], moment: float) -> None:
    """Keep how the calls of tasks are found, for `calls_of_task`; named tasks need nothing.

    Args:
        database: The store.
        tasks: Those that `discover` found.
        moment: When, in seconds since 1970.

    Raises:
        InputError: The store cannot be written.
    """
    AuditedTaskStore(database).keep(
        AuditedTask(task.name, task.definition, moment) for task in tasks if task.definition
    )


def calls_of_task(database: Database, name: str, where: CallFilter | None = None) -> Iterator[Call]:
    """Yield the calls of a task by its name, the oldest first.

    Those are the calls that name it or whose fingerprint begins so, and if an audit found a task of
    that name, the calls without a name that fit its definition. Where its instruction varies, one
    call of each fingerprint is read to see whether it does.

    Args:
        database: The store.
        name: Of the task.
        where: Only these calls; by default all.

    Raises:
        InputError: The store cannot be read, or the definition is another version's.
    """
    chosen = where or CallFilter()
    store = CallStore(database)
    streams = [store.iterate(replace(chosen, task=name))]
    audited = AuditedTaskStore(database).find(name)
    if audited is not None:
        definition = definition_of_json(audited.definition)
        unnamed = _unnamed(database, definition.group, chosen)
        streams += [filter(definition.admits, store.iterate(one)) for one in unnamed]
    yield from heapq.merge(*streams, key=lambda call: call.facts.time)


def forget_tasks(database: Database, deleted: Collection[str]) -> list[str]:
    """Forget found tasks of which words are kept that no call has any more; return their names.

    What is kept of a task are words that all calls of its instruction share, and those by which
    these are told apart. A definition of another version, which nobody can use, is forgotten too.

    Args:
        database: The store.
        deleted: Fingerprints of calls without a name that were deleted.

    Raises:
        InputError: The store cannot be read or written.
    """
    store = AuditedTaskStore(database)
    found = [task for name in store.names() if (task := store.find(name)) is not None]
    forgotten = [task.name for task in found if _has_lost(database, task, deleted)]
    store.forget(forgotten)
    return forgotten


def _has_lost(database: Database, task: AuditedTask, deleted: Collection[str]) -> bool:
    try:
        group, rules, place = definition_of_json(task.definition)
    except InputError:
        return True
    known = frozenset(group.fingerprints)
    if not deleted or (known and not group.pattern.varies and known.isdisjoint(deleted)):
        return False
    lost = {place} | {number for number, rule in enumerate(rules) if rule.pattern != WHOLE}
    calls = CallStore(database)
    if calls.count(CallFilter(task=task.name)):
        lost.discard(place)
    for where in _unnamed(database, group, CallFilter()):
        for call in calls.iterate(where):
            if not lost:
                return False
            lost.discard(place_of(rules, ask(call)))
    return bool(lost)


def _unnamed(database: Database, group: InstructionGroup, where: CallFilter) -> list[CallFilter]:
    """Filters for the calls of a group that have no name."""
    fingerprints = _fingerprints(database, group, where)
    return list(_parted(where, fingerprints))


def _parted(where: CallFilter, fingerprints: Sequence[str]) -> Iterator[CallFilter]:
    for start in range(0, len(fingerprints), _FINGERPRINTS_A_QUERY):
        some = tuple(fingerprints[start : start + _FINGERPRINTS_A_QUERY])
        yield replace(where, fingerprints=some, named=False)


def _fingerprints(database: Database, group: InstructionGroup, where: CallFilter) -> list[str]:
    """All fingerprints of a group: those that are known, and those of instructions that fit."""
    if group.fingerprints and not group.pattern.varies:
        return list(group.fingerprints)
    known = frozenset(group.fingerprints)
    leads = stream_leads(database, replace(where, named=False))
    wanted = [lead for lead in leads if lead.fingerprint not in known]
    read = read_asked(database, [lead.id for lead in wanted])
    fitting = {asked.fingerprint for asked in read if group.admits(asked)}
    return sorted(fitting | known)
