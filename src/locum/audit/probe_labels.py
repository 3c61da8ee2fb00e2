"""Probes of a task whose answers are labels: students of the base family, quickly trained."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.audit.folds import divide_in_folds, judge_sizes
from locum.audit.foresight import HeldOut
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
    from locum.evaluation import Promise
    from locum.training import Labelled, Trial

__all__ = ["SIZES", "judge_labels"]

SIZES = (0.25, 0.5, 1.0)
"""Shares of the inputs that probes learn from, for a learning curve."""
_MOST_SEARCHED = 600


class _Found(NamedTuple):
    """The best settings, and how many inputs they were found on."""

    trial: Trial
    inputs: int


class _Judged(NamedTuple):
    """What one probe says of the inputs of its fold."""

    proba: NDArray[np.float64]
    novelty: NDArray[np.float32]
    agrees: NDArray[np.bool_]


def judge_labels(
    classes: Sequence[str],
    labelled: Labelled,
    group: NDArray[np.int64],
    promise: Promise,
    seed: int,
    seconds: float,
) -> HeldOut:
    """Judge each input by a student that did not learn from it.

    Settings are searched as `locum.training` does, once, on few inputs.

    Args:
        classes: The labels.
        labelled: Inputs with the teacher's answers, ``[N]``.
        group: Group of near-copies that each belongs to, ``[N]``; at least four groups.
        promise: What would be certified.
        seed: Of the folds.
        seconds: Processor time that there is.
    """
    started = time.process_time()
    folds = divide_in_folds(group, seed)
    found = _search(classes, labelled, folds[0])
    left = seconds - (time.process_time() - started)
    sizes = judge_sizes(folds, SIZES, left, partial(_learn, classes, labelled, found))
    rows = np.concatenate([fold.judged for fold in folds])
    largest = sizes[-1].judged
    agrees = [np.concatenate([one.agrees for one in size.judged]) for size in sizes]
    deferral = choose_deferral(
        np.concatenate([one.proba for one in largest]),
        np.concatenate([one.novelty for one in largest]),
        text_lengths([labelled.texts[row] for row in rows.tolist()]),
        agrees[-1],
        round(SHARES["certify"] * len(rows)),
        promise,
    )
    learned = tuple(size.learned for size in sizes)
    whole = len(sizes) == len(SIZES)
    return HeldOut(learned, np.stack(agrees), deferral.confidence, len(labelled.texts), whole)


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
    proba = soften(judged.proba, fit_temperature(judged.proba, unseen.answers))
    return _Judged(proba, judged.novelty, proba.argmax(axis=1) == unseen.answers)


def _rows(labelled: Labelled, rows: NDArray[np.int64]) -> Labelled:
    texts = [labelled.texts[row] for row in rows.tolist()]
    return labelled._replace(
        texts=texts,
        soft_labels=labelled.soft_labels[rows],
        answers=labelled.answers[rows],
        human=labelled.human[rows],
    )
