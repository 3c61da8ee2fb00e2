"""A probe: a small student of the calls themselves, to foresee what distilling them would certify.

Probes are of the cheapest family, so that what they foresee is the least that the ladder of
``locum distill`` reaches: richer students answer more, and never less, as it takes the best.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.audit.folds import FEWEST, check_inputs
from locum.audit.foresight import (
    FARTHEST,
    LEARNED_SHARE,
    Foresight,
    HeldOut,
    foresee,
    learning_curve,
)
from locum.audit.probe_labels import judge_labels
from locum.audit.probe_objects import extraction_task, judge_objects
from locum.dataset import find_groups, infer_labels
from locum.distillation.pool import build_pool, given_answers
from locum.errors import InputError, UsageError
from locum.evaluation import Share, share
from locum.schema import Example, Task
from locum.training import Labelled

if TYPE_CHECKING:
    from locum.audit.tasks import SampledCall, TrafficTask
    from locum.evaluation import Promise
    from locum.store import Database

__all__ = ["LIKELY", "Probe", "ProbePoint", "ProbeSettings", "farthest_calls", "probe"]

_MOST_LABELLED = 2_000
_MOST_OBJECTS = 500
_MOST_CHARACTERS = 1_000_000
_GROWTH = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 50.0)
_ENOUGH = 2_000
LIKELY = 0.8
"""Chance of a certificate from which on a task is worth distilling."""


class ProbeSettings(NamedTuple):
    """How tasks are probed.

    Args:
        promise: What would be certified.
        minimum_coverage: Coverage under which a student is not worth having.
        seconds: Processor time for one task; a larger probe is not begun later.
        seed: Of folds and draws.
    """

    promise: Promise
    minimum_coverage: float = 0.05
    seconds: float = 30.0
    seed: int = 0


class ProbePoint(NamedTuple):
    """A point of the learning curve.

    Args:
        learned: Inputs learned from.
        agreement: With the teacher, on all inputs.
        measured: Whether it was, or is foreseen by the fitted law.
    """

    learned: int
    agreement: float
    measured: bool


class Probe(NamedTuple):
    """What probing a task found.

    Args:
        inputs: Calls that were probed.
        usable: Share of the calls whose answer is one that a student can give.
        agreement: Of the largest probe with the teacher, on inputs that it did not learn from.
        curve: By inputs learned from.
        now: What distilling all calls would certify.
        later: What more calls would: the fewest that probably bring a certificate where there is
            none now, else twice as many as now; ``None`` where none probably do.
        notes: What stands in the way of more, a sentence each.
        whole: Whether there was time for the largest probes; else more is certified than foreseen.
        seconds: What it took.
    """

    inputs: int
    usable: float
    agreement: Share
    curve: tuple[ProbePoint, ...]
    now: Foresight
    later: Foresight | None
    notes: tuple[str, ...]
    whole: bool
    seconds: float


def probe(task: TrafficTask, database: Database, settings: ProbeSettings) -> Probe | str:
    """Probe a task, or say in a sentence why it cannot be.

    Args:
        task: Its output is a closed set or a schema; of others there is nothing to probe.
        database: The store of its calls.
        settings: How.

    Raises:
        InputError: The store cannot be read.
    """
    started = time.monotonic()
    kind = task.measures.output.kind
    if kind not in {"closed set", "schema"}:
        return f"its answers are {kind}"
    answered = [call for call in task.sample if call.answer is not None and call.message.strip()]
    most = _MOST_LABELLED if kind == "closed set" else _MOST_OBJECTS
    chosen = _within(answered[:most])
    if len(chosen) < FEWEST:
        return f"{len(chosen):,} calls with an answer are too few to probe: {FEWEST} are needed"
    try:
        if kind == "closed set":
            held, notes = _judge_labels(task.name, chosen, settings), list[str]()
        else:
            held, notes = _judge_objects(task.name, chosen, database, settings)
    except (InputError, UsageError) as error:
        return str(error)
    usable = held.calls / len(chosen) * len(answered) / len(task.sample)
    return _conclude(held, usable, task.volume.calls, notes, settings, started)


def _within(calls: list[SampledCall]) -> list[SampledCall]:
    """The first calls, as many as are quickly read."""
    ends = np.cumsum([len(call.message) for call in calls])
    return calls[: int(np.searchsorted(ends, _MOST_CHARACTERS, "right")) or 1] if calls else []


def _judge_labels(name: str, calls: list[SampledCall], settings: ProbeSettings) -> HeldOut:
    answers = [call.answer for call in calls if call.answer is not None]
    task = Task(name, infer_labels(answers).labels)
    examples = [Example(call.message, call.answer) for call in calls]
    pool = build_pool(task, examples, given_answers(examples, task))
    texts = [example.text for example in pool.examples]
    group = find_groups(texts).group
    check_inputs(len(texts), int(group.max()) + 1)
    labelled = Labelled(texts, pool.soft_labels.probabilities, pool.answers, pool.human)
    return judge_labels(
        task.labels, labelled, group, settings.promise, settings.seed, settings.seconds
    )


def _judge_objects(
    name: str, calls: list[SampledCall], database: Database, settings: ProbeSettings
) -> tuple[HeldOut, list[str]]:
    answered = [(call.call_id, call.answer or "") for call in calls]
    task = extraction_task(name, answered, database)
    examples = [Example(call.message, call.answer) for call in calls]
    return judge_objects(task, examples, settings.seed, settings.seconds)


def _conclude(
    held: HeldOut,
    usable: float,
    calls: int,
    notes: list[str],
    settings: ProbeSettings,
    started: float,
) -> Probe:
    usable_calls = max(round(usable * calls), held.calls)
    now = _foresee(held, usable_calls, settings)
    later = _later(held, now, settings)
    points = [
        ProbePoint(learned, float(agrees.mean()), measured=True)
        for learned, agrees in zip(held.learned, held.agrees, strict=True)
    ]
    ahead = {round(LEARNED_SHARE * one.calls) for one in (now, later) if one is not None}
    farthest = round(FARTHEST * held.learned[-1])
    for learned in sorted({min(one, farthest) for one in ahead}):
        if len(held.learned) > 1 and learned > 1.1 * points[-1].learned:
            points.append(ProbePoint(learned, learning_curve(held, learned), measured=False))
    agreement = share(held.agrees[-1])
    assert agreement is not None, "a probe judges every input"
    seconds = time.monotonic() - started
    return Probe(
        held.calls, usable, agreement, tuple(points), now, later, tuple(notes), held.whole, seconds
    )


def _foresee(held: HeldOut, calls: int, settings: ProbeSettings) -> Foresight:
    return foresee(held, calls, settings.promise, settings.minimum_coverage, settings.seed)


def _later(held: HeldOut, now: Foresight, settings: ProbeSettings) -> Foresight | None:
    """What more calls would bring, where they probably bring anything."""
    if now.chance >= LIKELY:
        return _foresee(held, 2 * now.calls, settings)
    most = farthest_calls(now.calls)
    if _foresee(held, most, settings).chance < LIKELY:
        return None
    for growth in _GROWTH:
        found = _foresee(held, min(round(growth * now.calls), most), settings)
        if found.chance >= LIKELY:
            return found
    return None


def farthest_calls(calls: int) -> int:
    """Return how many calls are looked ahead to from those that there are.

    Eight times as many, as far as a learning curve is followed; or 2,000 where that is more, since
    few calls cannot bring a certificate however good the student is.
    """
    return max(round(FARTHEST * calls), _ENOUGH)
