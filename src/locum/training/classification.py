"""Train a student: choose its settings on validation inputs, then learn from all it may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.students import refit
from locum.training.labelled import Labelled
from locum.training.search import Search, fit_trial, for_other_size, prepare, score_student
from locum.training.trials import CurvePoint, SyntheticGain, TrainedStudent, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.students import Student

__all__ = ["CurvePoint", "Labelled", "SyntheticGain", "TrainedStudent", "Trial", "train"]

_MOST_SEARCHED = 10_000


def train(
    make_student: Callable[..., Student],
    training: Labelled,
    validation: Labelled,
    progress: Callable[[str], None],
    synthetic: Labelled | None = None,
) -> TrainedStudent:
    """Train a student; a family that is searched says what settings it gets.

    A student that is not searched learns from the distributions of the train inputs, and what can
    of it then from those of all inputs (see `refit`). Of one that is searched, settings are chosen
    one after the other, each by the risk-coverage area on validation inputs. First the penalty, by
    steps of a factor of three in the direction that improves. Where there are distributions, then
    the distillation temperature, and whether single answers do better after all. Where there are
    human labels, then how much they count. At last, where a model wrote inputs, whether they help.
    Of over 10,000 train inputs so many, evenly spaced, are searched with, and the best settings are
    fitted to all.

    Args:
        make_student: Takes ``l2``, ``temperature`` and ``human_weight``, or nothing.
        training: Inputs to learn from.
        validation: Inputs to choose by; the final student of a searched family learns from them
            too, and of another what can learn without a search.
        progress: Is told what is being done.
        synthetic: Inputs that a model wrote, to learn from if that helps; students that are not
            searched leave them aside.
    """
    first = make_student()
    if not first.searched:
        return _fit_once(first, training, validation, progress)
    searched = training
    if len(training.texts) > _MOST_SEARCHED:
        searched = training.thinned(_MOST_SEARCHED)
    searched = prepare(first, searched)
    search = Search(make_student, searched, validation, progress)
    search.run()
    curve = search.curve()
    gain = search.try_synthetic(synthetic) if synthetic is not None else None
    learned = training.joined(synthetic) if synthetic and gain and gain.used else training
    left_out = len(training.texts) - len(searched.texts)
    best = search.best
    if left_out:
        progress(f"training on {len(learned.texts):,} inputs")
        size = len(learned.texts)
        trial = for_other_size(best.trial, size - left_out, size)
        best = score_student(fit_trial(make_student, trial, learned), trial, validation)
        curve.append(CurvePoint(len(training.texts), best.trial.agreement))
    both = learned.joined(validation)
    progress(f"training on all {len(both.texts):,} inputs it may see")
    trial = for_other_size(best.trial, len(learned.texts), len(both.texts))
    student = fit_trial(make_student, trial, both)
    return TrainedStudent(
        student,
        best.temperature,
        best.judged.proba,
        best.judged.novelty,
        search.trials,
        curve,
        gain,
    )


def _fit_once(
    student: Student, training: Labelled, validation: Labelled, progress: Callable[[str], None]
) -> TrainedStudent:
    soft = not training.is_hard
    progress(f"training on {len(training.texts):,} inputs, {'soft' if soft else 'hard'} labels")
    student.fit(training.texts, training.soft_labels, training.human)
    trial, judged, temperature = score_student(student, Trial({}, soft, 0.0, 0.0), validation)
    curve = [CurvePoint(len(training.texts), trial.agreement)]
    both = training.joined(validation)
    final = refit(student, both.texts, both.soft_labels, both.human)
    return TrainedStudent(final, temperature, judged.proba, judged.novelty, [trial], curve)
