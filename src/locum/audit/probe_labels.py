"""Probes of a task whose answers are labels: students of the base family, quickly trained."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.audit.judging import judge, sizes_of
from locum.calibration import fit_temperature, text_lengths
from locum.dataset import SHARES
from locum.evaluation import choose_deferral
from locum.losses import soften
from locum.students.linear import LinearStudent
from locum.training.search import Search, fit_trial, for_other_size, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.audit.folds import Fold
    from locum.audit.foresight import Judgement
    from locum.audit.judging import Division
    from locum.evaluation import Promise
    from locum.training import Labelled, Trial

__all__ = ["judge_labels"]

_MOST_SEARCHED = 2_000


class _Found(NamedTuple):
    """The best settings, and how many inputs they were found on."""

    trial: Trial
    inputs: int


class _Judged(NamedTuple):
    """What one probe says of the inputs of its fold; probabilities are to be softened."""

    proba: NDArray[np.floating]
    temperature: float
    novelty: NDArray[np.float32]
    lengths: NDArray[np.int64]
    agrees: NDArray[np.bool_]


def judge_labels(
    classes: Sequence[str],
    labelled: Labelled,
    division: Division,
    promise: Promise,
    seconds: float,
) -> Judgement:
    """Judge inputs by students that did not learn from them; see `locum.audit.judging`.

    Settings are searched as `locum.training` does, once, on few inputs.

    Args:
        classes: The labels.
        labelled: Inputs with the teacher's answers, ``[N]``.
        division: How they are divided.
        promise: What would be certified.
        seconds: Processor time that there is.
    """
    started = time.process_time()
    found = _search(classes, labelled, division.at_random[0])
    left = seconds - (time.process_time() - started)
    learn = partial(_learn, classes, labelled, found)
    score = partial(_score, round(SHARES["certify"] * division.inputs), promise)
    judgement, _ = judge(division, left, learn, score, sizes_of(len(division.group)))
    return judgement


def _score(
    certify_inputs: int,
    promise: Promise,
    planning: Sequence[_Judged],
    testing: Sequence[_Judged],
) -> NDArray[np.float64]:
    deferral = choose_deferral(
        np.concatenate([soften(one.proba, one.temperature) for one in planning]),
        np.concatenate([one.novelty for one in planning]),
        np.concatenate([one.lengths for one in planning]),
        np.concatenate([one.agrees for one in planning]),
        certify_inputs,
        promise,
    )
    temperature = planning[0].temperature
    tested = [
        deferral.score.score(soften(one.proba, temperature), one.novelty, one.lengths)
        for one in testing
    ]
    return np.concatenate([deferral.confidence, *tested])


def _search(classes: Sequence[str], labelled: Labelled, fold: Fold) -> _Found:
    make = partial(LinearStudent, classes)
    chosen = _rows(labelled, fold.learned[:_MOST_SEARCHED])
    search = Search(make, prepare(make(), chosen), _rows(labelled, fold.judged), lambda _: None)
    search.run()
    return _Found(search.best.trial, len(chosen.texts))


def _learn(
    classes: Sequence[str], labelled: Labelled, found: _Found, fold: Fold, count: int
) -> _Judged:
    student = fit_trial(
        partial(LinearStudent, classes),
        for_other_size(found.trial, found.inputs, count),
        _rows(labelled, fold.learned[:count]),
    )
    unseen = _rows(labelled, fold.judged)
    judged = student.judge(unseen.texts)
    temperature = fit_temperature(judged.proba, unseen.answers)
    agrees = judged.proba.argmax(axis=1) == unseen.answers
    lengths = text_lengths(unseen.texts)
    return _Judged(judged.proba, temperature, judged.novelty, lengths, agrees)


def _rows(labelled: Labelled, rows: NDArray[np.int64]) -> Labelled:
    texts = [labelled.texts[row] for row in rows.tolist()]
    return labelled._replace(
        texts=texts,
        soft_labels=labelled.soft_labels[rows],
        answers=labelled.answers[rows],
        human=labelled.human[rows],
    )
