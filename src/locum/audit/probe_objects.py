"""Probes of a task whose answers are JSON: extractors of the base family."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from locum.alignment import plan_fields
from locum.audit.asked import read_calls
from locum.audit.folds import check_inputs, divide_in_folds, judge_sizes
from locum.audit.foresight import HeldOut
from locum.dataset import find_groups
from locum.errors import InputError
from locum.extraction import build_answer_pool
from locum.extraction.written import written_shares
from locum.shapes import show_path
from locum.traffic.json_requests import asked_schema
from locum.traffic.strict_json import canonical_json
from locum.training import AnsweredTexts, try_linear_extractor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.audit.folds import Fold
    from locum.extraction import AnswerPool
    from locum.extractors import Unit
    from locum.schema import Example, JsonObject
    from locum.shapes import ExtractionTask
    from locum.store import Database
    from locum.training import TrainedExtractor

__all__ = ["judge_objects", "most_asked_schema"]

_SIZES = (0.4, 1.0)
_ASKED = 50
_OFTEN = 0.05


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
    task: ExtractionTask, examples: Sequence[Example], seed: int, seconds: float
) -> tuple[HeldOut, list[str]]:
    """Judge each input by an extractor that did not learn from it; see `judge_labels`.

    Args:
        task: What is asked.
        examples: Inputs with the teacher's answers.
        seed: Of the folds.
        seconds: Processor time that there is.

    Returns:
        What they say, and what stands in the way of saying more, a sentence each.

    Raises:
        InputError: The answers are no objects of the schema, or too few inputs differ.
    """
    pool = build_answer_pool(task, examples, [example.answer for example in examples])
    if not pool.examples:
        problem = pool.problems[0].problem if pool.problems else "there is none"
        raise InputError(f"no answer is an object of its schema: {problem}")
    group = find_groups([example.text for example in pool.examples]).group
    check_inputs(len(group), int(group.max()) + 1)
    folds = divide_in_folds(group, seed)
    sizes = judge_sizes(folds, _SIZES, seconds, partial(_learn, task, pool))
    agrees = [np.concatenate([one.validation.agrees for one in size.judged]) for size in sizes]
    score = np.concatenate([one.validation.confidence for one in sizes[-1].judged])
    learned = tuple(size.learned for size in sizes)
    whole = len(sizes) == len(_SIZES)
    held = HeldOut(learned, np.stack(agrees), score, len(pool.examples), whole)
    written = written_shares(sizes[-1].judged[0].extractor.units, pool.answers)
    return held, [_of_written(unit, share) for unit, share in written if share > _OFTEN]


def _of_written(unit: Unit, share: float) -> str:
    return (
        f"{show_path(unit.path)} is free text in {share:.0%} of answers, which is not imitated: "
        f"--leave-out {unit.path[0]} makes a student without"
    )


def _learn(task: ExtractionTask, pool: AnswerPool, fold: Fold, count: int) -> TrainedExtractor:
    training = _rows(pool, np.sort(fold.learned[:count]))
    plan = plan_fields(task.shape, training.texts, training.answers)
    judged = _rows(pool, fold.judged)
    return try_linear_extractor(task.answer_schema, plan, training, judged, lambda _: None)


def _rows(pool: AnswerPool, rows: NDArray[np.int64]) -> AnsweredTexts:
    chosen = rows.tolist()
    texts = [pool.examples[row].text for row in chosen]
    return AnsweredTexts(texts, [pool.answers[row] for row in chosen], [None] * len(chosen))
