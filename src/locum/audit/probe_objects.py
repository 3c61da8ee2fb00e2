"""Probes of a task whose answers are JSON: extractors of the base family."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.alignment import measure_alignment, plan_fields
from locum.audit.asked import read_calls
from locum.audit.folds import check_inputs
from locum.audit.judging import divide, judge, sizes_of
from locum.dataset import find_groups
from locum.errors import InputError
from locum.extraction import build_answer_pool
from locum.extraction.hindrances import find_hindrances, find_untold
from locum.extractors import find_units
from locum.traffic.json_requests import asked_schema
from locum.traffic.strict_json import canonical_json
from locum.training import AnsweredTexts, try_linear_extractor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.alignment import ExtractionPlan
    from locum.audit.folds import Fold
    from locum.audit.foresight import Judgement
    from locum.evaluation import Promise
    from locum.extraction import AnswerPool
    from locum.extraction.hindrances import Hindrance
    from locum.schema import Example, JsonObject
    from locum.shapes import ExtractionTask
    from locum.store import Database
    from locum.training import TrainedExtractor

__all__ = ["JudgedObjects", "judge_objects", "most_asked_schema"]

_ASKED = 50


class JudgedObjects(NamedTuple):
    """What probes say of inputs whose answers are objects.

    Args:
        judgement: Of whole objects.
        hindrances: What is in the way of these.
        untold: What else is, where they bring no certificate.
    """

    judgement: Judgement
    hindrances: list[Hindrance]
    untold: list[Hindrance]


class _Judged(NamedTuple):
    """One probe, and the inputs of its fold."""

    trained: TrainedExtractor
    unseen: AnsweredTexts

    @property
    def agrees(self) -> NDArray[np.bool_]:
        return self.trained.validation.agrees


def most_asked_schema(ids: Sequence[str], database: Database) -> JsonObject | None:
    """Return the JSON Schema that most calls ask for, by the first 50; ``None`` without one.

    Args:
        ids: Of the calls.
        database: Their store.

    Raises:
        InputError: The store cannot be read.
    """
    schemas: Counter[bytes] = Counter()
    as_sent: dict[bytes, JsonObject] = {}
    some = ids[:_ASKED]
    for call in read_calls(database, some):
        schema = asked_schema(call.request)
        if schema is not None:
            key = canonical_json(schema)
            schemas[key] += 1
            as_sent[key] = schema
    [(key, count)] = schemas.most_common(1) or [(b"", 0)]
    return as_sent[key] if 2 * count > len(some) else None


def judge_objects(
    task: ExtractionTask,
    examples: Sequence[Example],
    promise: Promise,
    seed: int,
    seconds: float,
) -> JudgedObjects:
    """Judge inputs by extractors that did not learn from them; see `locum.audit.judging`.

    Args:
        task: What is asked.
        examples: Inputs with the teacher's answers, and with their times.
        promise: What would be certified.
        seed: Of the folds.
        seconds: Processor time that there is.

    Raises:
        InputError: The answers are no objects of the schema, or too few inputs differ.
    """
    pool = build_answer_pool(task, examples, [example.answer for example in examples])
    if not pool.examples:
        problem = pool.problems[0].problem if pool.problems else "there is none"
        raise InputError(f"no answer is an object of its schema: {problem}")
    group = find_groups([example.text for example in pool.examples]).group
    check_inputs(len(group), int(group.max()) + 1)
    division = divide(group, [example.time for example in pool.examples], seed)
    first = division.at_random[0]
    plan = _plan(task, _rows(pool, first.learned))
    units, read = find_units(plan), _rows(pool, first.judged)
    alignment = measure_alignment(task.shape, read.texts, read.answers, plan)
    hindrances = find_hindrances(task.shape, units, pool.answers, alignment, partial=True)
    # What no student can say is learned from no number of inputs.
    sizes = sizes_of(len(group))
    if any(one.is_nearly_always for one in hindrances):
        sizes = sizes[:1]
    learn = partial(_learn, task, pool)
    judgement, probes = judge(division, seconds, learn, _score, sizes)
    seen = [one.trained.validation for one in probes]
    return JudgedObjects(judgement, hindrances, find_untold(units, seen, promise, partial=True))


def _score(planning: Sequence[_Judged], testing: Sequence[_Judged]) -> NDArray[np.float64]:
    planned = [one.trained.validation for one in planning]
    first = planning[0].trained
    tested = [first.passed_on(one.trained.extractor).judge(one.unseen) for one in testing]
    return np.concatenate([one.confidence for one in (*planned, *tested)])


def _learn(task: ExtractionTask, pool: AnswerPool, fold: Fold, count: int) -> _Judged:
    training = _rows(pool, np.sort(fold.learned[:count]))
    plan = _plan(task, training)
    unseen = _rows(pool, fold.judged)
    trained = try_linear_extractor(task.answer_schema, plan, training, unseen, lambda _: None)
    return _Judged(trained, unseen)


def _plan(task: ExtractionTask, training: AnsweredTexts) -> ExtractionPlan:
    return plan_fields(task.shape, training.texts, training.answers)


def _rows(pool: AnswerPool, rows: NDArray[np.int64]) -> AnsweredTexts:
    chosen = rows.tolist()
    texts = [pool.examples[row].text for row in chosen]
    return AnsweredTexts(texts, [pool.answers[row] for row in chosen], [None] * len(chosen))
