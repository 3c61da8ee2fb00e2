"""A probe: a small student of the calls themselves, to foresee what distilling them would certify.

Probes are of the cheapest family, so that what they foresee is the least that the ladder of
``locum distill`` reaches: richer students answer more, and never less, as it takes the best.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from locum.audit.folds import FEWEST, check_inputs
from locum.audit.foresight import (
    FARTHEST,
    LEARNED_SHARE,
    LIKELY,
    Foresight,
    HeldOut,
    Judgement,
    foresee,
    learning_curve,
)
from locum.audit.judging import divide
from locum.audit.leaving_out import ProbedObjects, probe_without
from locum.audit.probe_labels import judge_labels
from locum.audit.probe_objects import judge_objects, most_asked_schema
from locum.dataset import describe_placeholders, find_groups, find_surroundings, infer_labels
from locum.distillation.pool import build_pool, given_answers
from locum.errors import InputError, UsageError
from locum.extraction import find_objects, schema_of_answers, without_values
from locum.schema import Example, Task
from locum.shapes import ExtractionTask
from locum.store import CallStore
from locum.traffic.strict_json import canonical_json
from locum.training import Labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.audit.tasks import SampledCall, TrafficTask
    from locum.evaluation import Promise, Share
    from locum.redaction import Redactor
    from locum.schema import JsonObject
    from locum.store import Database

__all__ = [
    "Lessons",
    "Probe",
    "ProbePoint",
    "ProbeSettings",
    "farthest_calls",
    "prepare_lessons",
    "probe",
]

_MOST_PROBED = {"closed set": 8_000, "schema": 2_000}
_MOST_CHARACTERS = 1_000_000
_GROWTH = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 50.0)
_ENOUGH = 2_000
# Calls may name tasks as no student's folder could be called.
_STUDENT = "probe"


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
    seconds: float = 60.0
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
        at_random: The same of inputs of all times, where calls change with time: there all else is
            of later inputs, judged by probes of earlier ones. ``None`` elsewhere.
        curve: By inputs learned from.
        now: What distilling all calls would certify.
        later: What more calls would: the fewest that probably bring a certificate where there is
            none now, else twice as many as now; ``None`` where none probably do.
        notes: What stands in the way of more, a sentence each.
        whole: Whether there was time for the largest probes; else more is certified than foreseen.
        seconds: What it took.
        left_out: Fields of the model's objects that the student was to answer without, as whole
            objects bring no certificate; all figures are of objects without them.
    """

    inputs: int
    usable: float
    agreement: Share
    at_random: Share | None
    curve: tuple[ProbePoint, ...]
    now: Foresight
    later: Foresight | None
    notes: tuple[str, ...]
    whole: bool
    seconds: float
    left_out: tuple[str, ...] = ()


class Lessons(NamedTuple):
    """What probing a task takes; another process can do it.

    Args:
        name: Of the task.
        kind: What its answers are.
        inputs: Those to learn from, as students read them, each with an answer, and with its time
            where that is known.
        answered: Share of the sampled calls that have one.
        all_calls: How many calls the task has that no student chose.
        schema: The JSON Schema that most of its requests ask for; ``None`` where there is none.
        notes: What should be known of the inputs, a sentence each.
    """

    name: str
    kind: Literal["closed set", "schema"]
    inputs: Sequence[Example]
    answered: float
    all_calls: int
    schema: JsonObject | None
    notes: tuple[str, ...] = ()


def prepare_lessons(task: TrafficTask, database: Database, redactor: Redactor) -> Lessons | str:
    """Choose what a task is probed with, or say in a sentence why it cannot be.

    Args:
        task: Its output is a closed set or a schema; of others there is nothing to probe.
        database: The store of its calls.
        redactor: Takes out of them what a student would take out of what it is asked.

    Raises:
        InputError: The store cannot be read.
    """
    kind = task.measures.output.kind
    if kind not in _MOST_PROBED:
        return f"its answers are {kind}"
    answered = [call for call in task.sample if call.answer is not None and call.message.strip()]
    inputs = _within(_inputs(answered[: _MOST_PROBED[kind]], kind, database, redactor))
    if len(inputs) < FEWEST:
        return f"{len(inputs):,} calls with an answer are too few to probe: {FEWEST} are needed"
    share, calls = len(answered) / len(task.sample), task.volume.fair
    notes = describe_placeholders([example.text for example in inputs], redactor)
    if kind == "closed set":
        return Lessons(task.name, "closed set", inputs, share, calls, None, notes)
    schema = most_asked_schema([call.call_id for call in answered[: len(inputs)]], database)
    return Lessons(task.name, "schema", inputs, share, calls, schema, notes)


def probe(lessons: Lessons, settings: ProbeSettings) -> Probe | str:
    """Probe a task, or say in a sentence why it cannot be.

    Args:
        lessons: What it is probed with.
        settings: How.
    """
    started = time.monotonic()
    try:
        if lessons.kind == "closed set":
            judgement = _judge_labels(lessons, settings)
            return _conclude(judgement, lessons, lessons.notes, settings, started)
        return _probe_objects(lessons, settings, started)
    except (InputError, UsageError) as error:
        return str(error)


def _inputs(
    calls: Sequence[SampledCall], kind: str, database: Database, redactor: Redactor
) -> list[Example]:
    """What students read of calls: what stands in the prompt that nearly all of them share."""
    said = [redactor.redact([call.message, call.answer]).values for call in calls]
    messages = [message for message, _ in said]
    around = find_surroundings(messages)
    if kind == "schema":
        around = without_values(around, messages, find_objects([answer for _, answer in said]))
    untimed = CallStore(database).untimed([call.call_id for call in calls])
    times = [None if (call.call_id, call.time) in untimed else call.time for call in calls]
    return [
        Example(around.inner(message), answer, time=time)
        for (message, answer), time in zip(said, times, strict=True)
    ]


def _within(inputs: list[Example]) -> list[Example]:
    """The first inputs, as many as are quickly read."""
    if not inputs:
        return inputs
    ends = np.cumsum([len(example.text) for example in inputs])
    return inputs[: int(np.searchsorted(ends, _MOST_CHARACTERS, "right")) or 1]


def _judge_labels(lessons: Lessons, settings: ProbeSettings) -> Judgement:
    answers = [example.answer for example in lessons.inputs if example.answer is not None]
    task = Task(_STUDENT, infer_labels(answers).labels)
    pool = build_pool(task, lessons.inputs, given_answers(lessons.inputs, task))
    texts = [example.text for example in pool.examples]
    group = find_groups(texts).group
    check_inputs(len(texts), int(group.max()) + 1)
    labelled = Labelled(texts, pool.soft_labels.probabilities, pool.answers, pool.human)
    division = divide(group, [example.time for example in pool.examples], settings.seed)
    return judge_labels(task.labels, labelled, division, settings.promise, settings.seconds)


def _probe_objects(lessons: Lessons, settings: ProbeSettings, started: float) -> Probe:
    begun = time.process_time()
    answers = [example.answer or "" for example in lessons.inputs]
    schema = schema_of_answers(answers).schema if lessons.schema is None else lessons.schema
    objects = [value for value in find_objects(answers) if value is not None]

    def judged(left_out: tuple[str, ...], seconds: float) -> ProbedObjects:
        task = ExtractionTask(_STUDENT, schema, leave_out=left_out)
        told = judge_objects(task, lessons.inputs, settings.promise, settings.seed, seconds)
        notes = [f"{one.said}; {one.cure}" for one in told.hindrances]
        notes += _required(lessons.schema, left_out)
        found = _conclude(told.judgement, lessons, (*lessons.notes, *notes), settings, started)
        in_the_way = [one for one in told.hindrances if one.fields] or told.untold
        return ProbedObjects(found._replace(left_out=left_out), in_the_way)

    def without(left_out: tuple[str, ...]) -> ProbedObjects | None:
        seconds = max(0.0, settings.seconds - (time.process_time() - begun))
        rest = ({k: v for k, v in one.items() if k not in left_out} for one in objects)
        if len(set(map(canonical_json, rest))) < 2:
            return None
        try:
            return judged(left_out, seconds)
        except (InputError, UsageError):
            return None

    return probe_without(judged((), settings.seconds), without)


def _required(asked: JsonObject | None, left_out: Sequence[str]) -> Iterator[str]:
    """Say of fields that are left out that the schema which calls ask for requires them."""
    names = [name for name in left_out if name in (asked or {}).get("required", ())]
    if names:
        yield (
            f"the calls' schema requires {' and '.join(names)}, and locum promote refuses a "
            "student without until it does not"
        )


def _conclude(
    judgement: Judgement,
    lessons: Lessons,
    notes: Sequence[str],
    settings: ProbeSettings,
    started: float,
) -> Probe:
    inputs, held = judgement.at_random.calls, judgement.telling
    usable = inputs / len(lessons.inputs) * lessons.answered
    usable_calls = max(round(usable * lessons.all_calls), inputs)
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
    return Probe(
        inputs=inputs,
        usable=usable,
        agreement=held.agreement,
        at_random=judgement.at_random.agreement if judgement.changes else None,
        curve=tuple(points),
        now=now,
        later=later,
        notes=tuple(notes),
        whole=held.whole,
        seconds=time.monotonic() - started,
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
