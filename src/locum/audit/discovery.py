"""Finds the tasks in recorded traffic.

First come the calls that name their task. Of the others, those with one instruction, output format
and tools belong together, and so do those whose instructions differ in what varies alone
(`locum.audit.instructions`). Among calls of one instruction, the text around the inputs tells
several prompts apart (`locum.audit.mining`), and talk, agents and examples are told by their turns
(`locum.audit.rules`).

Sums are the database's. Bodies are read of a sample alone. No share of all calls decides anything,
so that a task is found the same whatever else is in the store, as long as ten different messages of
it are in the sample.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.asked import read_asked
from locum.audit.definition import Definition
from locum.audit.instructions import group_instructions
from locum.audit.making import make_named_task, make_task
from locum.audit.measures import output_kind
from locum.audit.naming import name_task
from locum.audit.rules import Rule, is_generic, learn_rules, place_of
from locum.audit.sampling import (
    REST,
    Stratum,
    Sums,
    draw_calls,
    mixed,
    read_strata,
    scaled,
    sum_up,
    union_of,
)
from locum.audit.stand_ins import read_stand_ins, together
from locum.audit.tasks import Discovery, OtherCalls
from locum.audit.volumes import share_of, volume_of
from locum.store import CallFilter, CallStore, last_timed, unusable_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from locum.audit.asked import Asked
    from locum.audit.instructions import InstructionGroup
    from locum.audit.sampling import Drawn, Strata
    from locum.audit.stand_ins import Answered
    from locum.audit.tasks import TrafficTask, Volume
    from locum.store import Database

__all__ = ["MOST_SAMPLED", "discover"]

MOST_SAMPLED = 8_000
"""Calls of a task that are kept, and those of an instruction that show what it holds."""
_MOST_READ = 20_000
_LEAST_CALLS = 10
_MOST_TRIED = 10
_WORTH_A_TASK = 0.1
_BROKEN = "no whole answer came"
_NOT_TEXT = "embeddings, and paths that are not known"
_RARE = "instructions that few calls share"
_FEW = "kinds of prompts of which few calls were read"
_ONLY_LEFT = "calls that a student left to the model, and none that no student chose: locum status"
_ODD = "prompts that share no text, under an instruction that says nothing"
_LEFT = "prompts of their own, under an instruction whose other calls are several tasks"


class _Found(NamedTuple):
    tasks: list[TrafficTask]
    others: list[OtherCalls]
    read: int


class _Source(NamedTuple):
    """Where calls come from, which were drawn, and when the last one was sent."""

    database: Database
    strata: Strata
    drawn: dict[Stratum, Drawn]
    students: Mapping[str, Answered]
    damaged: set[str]
    last: float

    def read(self, strata: Sequence[Stratum], most: int, among: frozenset[str]) -> list[Asked]:
        """Read a sample of several strata; of the rest, ``among`` these calls."""
        parts = [self.drawn[one].among(among) if one == REST else self.drawn[one] for one in strata]
        return self.ask(union_of(parts, most))

    def ask(self, ids: Sequence[str]) -> list[Asked]:
        """Read calls, and keep the ids of those that are damaged."""
        return read_asked(self.database, ids, self.damaged)

    def sums(self, stratum: Stratum) -> Sums:
        """Return the sums of recorded calls, with how many of them a student left."""
        sums = self.strata.sums.get(stratum)
        if sums is None:
            return Sums()
        return replace(sums, left=min(self.drawn[stratum].left, sums.calls))

    def answered(self, names: Iterable[str]) -> Answered | None:
        """Return what students did that were promoted by one of these names."""
        return together([self.students[name] for name in names if name in self.students])

    def volume(
        self, sums: Sums, answered: Answered | None, read: Sequence[Asked], *, exact: bool
    ) -> Volume:
        """Return the volume of a task, with what students answered of it without the model."""
        whole = sums if answered is None else sum_up([sums, answered.sums])
        made_up = CallStore(self.database).untimed([one.id for one in read])
        return volume_of(whole, read, self.last, exact=exact, made_up=made_up)


def discover(
    database: Database,
    where: CallFilter | None = None,
    *,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Discovery:
    """Return the tasks in the calls of a store, with their volumes, samples and measures.

    All calls are summed up by the database, and their ids are drawn from in one pass. Bodies are
    read of up to 8,000 calls of one instruction, and of up to 20,000 where it holds several tasks.

    Args:
        database: The store.
        where: Which calls; by default all.
        seed: Of the samples.
        told: Is told what was done, a short sentence each; by default nobody.

    Raises:
        InputError: The store cannot be read.
        UsageError: Calls are archived, and ``locum[parquet]`` is not installed.
    """
    chosen, tell = where or CallFilter(), told or _nobody
    strata = read_strata(database, chosen, _LEAST_CALLS)
    unusable = unusable_calls(database, chosen)
    tell(f"summed up {strata.all.calls:,} whole calls for text")
    drawn = draw_calls(database, chosen, strata, seed, _MOST_READ)
    students = read_stand_ins(database, chosen)
    last = last_timed(database, chosen) or strata.all.last
    last = max([last, *(one.sums.last for one in students.values())])
    source = _Source(database, strata, drawn, students, set(), last)
    parts = list(_parts(source, tell))
    others = [
        OtherCalls(_BROKEN, unusable.broken, unusable.broken_usd),
        OtherCalls(_NOT_TEXT, unusable.other, unusable.other_usd),
        *(other for part in parts for other in part.others),
    ]
    tasks = [task for part in parts for task in part.tasks]
    unrecorded = sum(task.volume.unrecorded for task in tasks)
    tasks.sort(key=lambda task: (-(task.volume.cost_usd or 0.0), -task.volume.calls, task.name))
    return Discovery(
        tasks,
        _merged(others),
        strata.all.calls + unusable.broken + unusable.other + unrecorded,
        sum(part.read for part in parts),
        len(source.damaged),
        strata.all.first if strata.all.calls else None,
        strata.all.last if strata.all.calls else None,
    )


def _nobody(_: str) -> None:
    pass


def _merged(others: Sequence[OtherCalls]) -> list[OtherCalls]:
    """Sum others up by their reason, the most first; those that are none are left out."""
    merged: dict[str, OtherCalls] = {}
    for other in others:
        before = merged.get(other.reason, OtherCalls(other.reason, 0, None))
        costs = [cost for cost in (before.cost_usd, other.cost_usd) if cost is not None]
        merged[other.reason] = OtherCalls(
            other.reason, before.calls + other.calls, sum(costs) if costs else None
        )
    kept = [other for other in merged.values() if other.calls]
    return sorted(kept, key=lambda other: (-other.calls, other.reason))


def _parts(source: _Source, tell: Callable[[str], None]) -> Iterator[_Found]:
    leads = _leads(source)
    rare = _rare(source)
    calls = {stratum.name: sums.calls for stratum, sums in source.strata.sums.items()}
    groups = group_instructions(leads, rare, calls)
    known: set[str] = set()
    yield _ungrouped(source, groups, rare)
    yield _unsampled(source)
    for number, group in enumerate(groups, start=1):
        found = _of_group(source, group, len(rare))
        known |= {task.name for task in found.tasks}
        yield found
        tell(f"read calls of {number:,} of {len(groups):,} instructions")
    for stratum in sorted(source.strata.sums):
        if stratum.kind == "task" and stratum.name not in known:
            yield _named(source, stratum.name)
            tell(f"read calls of {stratum.name}")


def _named(source: _Source, name: str) -> _Found:
    stratum = Stratum("task", name)
    sums = source.sums(stratum)
    asked = source.read([stratum], MOST_SAMPLED, frozenset())
    if not asked:
        return _Found([], _only_left(sums), 0)
    answered = source.answered([name])
    task = make_named_task(name, asked, source.volume(sums, answered, asked, exact=True))
    return _Found([_with_student(task, answered)], [], len(asked))


def _only_left(sums: Sums) -> list[OtherCalls]:
    return [OtherCalls(_ONLY_LEFT, sums.calls, sums.cost_usd)] * (sums.left == sums.calls)


def _with_student(task: TrafficTask, answered: Answered | None) -> TrafficTask:
    return task if answered is None else task._replace(student=answered.student)


def _leads(source: _Source) -> Mapping[str, Asked]:
    """One call of each frequent fingerprint: the first that can be read."""
    waiting = [
        sample.ids for stratum, sample in source.drawn.items() if stratum.kind == "fingerprint"
    ]
    found: dict[str, Asked] = {}
    for place in range(_MOST_TRIED):
        tried = {ids[place][1]: ids for ids in waiting if place < len(ids)}
        read = source.ask(sorted(tried))
        found |= {asked.fingerprint: asked for asked in read}
        waiting = [tried[call_id] for call_id in tried.keys() - {asked.id for asked in read}]
        if not waiting:
            break
    return found


def _rare(source: _Source) -> list[Asked]:
    """A sample of the calls with rare fingerprints."""
    if REST not in source.drawn:
        return []
    return source.ask(union_of([source.drawn[REST]], _MOST_READ))


def _unsampled(source: _Source) -> _Found:
    """Calls without a name that students left, where these are all of their fingerprints."""
    unnamed = [stratum for stratum in source.strata.sums if stratum.kind != "task"]
    others = [other for stratum in unnamed for other in _only_left(source.sums(stratum))]
    return _Found([], others, 0)


def _ungrouped(
    source: _Source, groups: Sequence[InstructionGroup], rare: Sequence[Asked]
) -> _Found:
    """Calls with rare fingerprints whose instructions belong to no group."""
    grouped = {call_id for group in groups for call_id in group.rare}
    left = [asked for asked in rare if asked.id not in grouped]
    if not left:
        return _Found([], [], 0)
    sums = share_of(source.sums(REST), left, rare)
    return _Found([], [OtherCalls(_RARE, sums.calls, sums.cost_usd)], len(left))


def _of_group(source: _Source, group: InstructionGroup, rare: int) -> _Found:
    """Return the tasks of one instruction."""
    strata = [Stratum("fingerprint", name) for name in group.fingerprints] + [REST] * bool(
        group.rare
    )
    among = frozenset(group.rare)
    asked = source.read(strata, MOST_SAMPLED, among)
    if not asked:
        return _Found([], [], 0)
    generic = is_generic(" ".join(group.pattern.fixed_words))
    rules = tuple(learn_rules(asked, generic=generic))
    if len(rules) > 1:
        asked = source.read(strata, _MOST_READ, among)
    sums = _sums(source, group, rare)
    places = [place_of(rules, one) for one in asked]
    [(largest, _)] = Counter(places).most_common(1)
    found = _Found([], [], len(asked))
    for place in range(len(rules)):
        part = [one for one, where in zip(asked, places, strict=True) if where == place]
        if part:
            definition = Definition(group, rules, place)
            promoted = group.fingerprints if place == largest else ()
            _add(found, source, definition, part, asked, sums, promoted, generic=generic)
    return found


def _sums(source: _Source, group: InstructionGroup, rare: int) -> Sums:
    """Sums of a group: those of its fingerprints, and its share of the rest."""
    parts = [source.sums(Stratum("fingerprint", name)) for name in group.fingerprints]
    if group.rare:
        parts.append(scaled(source.sums(REST), len(group.rare) / rare))
    return sum_up(parts)


def _add(
    found: _Found,
    source: _Source,
    definition: Definition,
    part: list[Asked],
    asked: list[Asked],
    sums: Sums,
    promoted: Sequence[str],
    *,
    generic: bool,
) -> None:
    """Add what one rule takes of a group: a task, or calls that are none.

    Its students are those that were promoted by its name, or by one of these fingerprints.
    """
    whole = len(part) == len(asked)
    own = sums if whole else share_of(sums, part, asked)
    reason = _no_task(definition.rules[definition.place], part, asked, generic=generic)
    if reason is not None:
        found.others.append(OtherCalls(reason, own.calls, own.cost_usd))
        return
    is_counted = len(asked) == sums.fair or (whole and not definition.group.rare)
    name = name_task(definition.group, definition.rules[definition.place])
    part, own = _with_named(source, name, part, own)
    answered = source.answered([name, *promoted])
    volume = source.volume(own, answered, part, exact=is_counted)
    task = make_task(definition, part[:MOST_SAMPLED], volume)
    found.tasks.append(_with_student(task, answered))


def _with_named(
    source: _Source, name: str, part: list[Asked], own: Sums
) -> tuple[list[Asked], Sums]:
    """Add the calls that name the task, as those of a gateway do once it is promoted."""
    stratum = Stratum("task", name)
    sums = source.sums(stratum)
    both = sum_up([own, sums])
    if not sums.fair:
        return part, both
    named = source.read([stratum], MOST_SAMPLED, frozenset())
    return mixed([(part, own.fair), (named, sums.fair)]), both


def _no_task(
    rule: Rule, part: Sequence[Asked], asked: Sequence[Asked], *, generic: bool
) -> str | None:
    """Say why calls are no task; ``None`` where they are one."""
    if len(part) < _LEAST_CALLS:
        return _FEW
    if rule.kind != "any" or output_kind(part).kind == "closed set":
        return None
    if generic:
        return _ODD
    return None if len(part) > _WORTH_A_TASK * len(asked) else _LEFT
