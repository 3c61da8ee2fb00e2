"""Train extractors: settings are chosen on validation inputs, temperatures fitted on them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.extractors import (
    EncoderExtractor,
    LinearExtractor,
    find_units,
    fit_temperatures,
    judge_answers,
    plan_heads,
)
from locum.extractors.heads import head_targets
from locum.shapes import read_schema
from locum.students import MAX_CHARACTERS
from locum.students.linear import LinearStudent
from locum.training.labelled import Labelled
from locum.training.search import Search, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.alignment import ExtractionPlan
    from locum.extractors import (
        Extractor,
        HeadPlan,
        HeadTargets,
        SpokenAnswer,
        Temperatures,
        Verdicts,
    )
    from locum.shapes import JsonValue

__all__ = [
    "AnsweredTexts",
    "TrainedExtractor",
    "train_encoder_extractor",
    "train_linear_extractor",
    "try_linear_extractor",
]

_MOST_SEARCHED = 5_000
_OF_HEADS = ("l2", "temperature", "word_weight")
# A rank takes long to train and pays for many labels alone; heads have few.
_TRIED = {"word_weight": LinearStudent(()).tried["word_weight"]}


class AnsweredTexts(NamedTuple):
    """Texts with the teacher's answers to them, ``N`` each.

    Args:
        texts: The texts.
        answers: Objects that satisfy the schema.
        spoken: The answers with their log-probabilities, where these are known.
    """

    texts: Sequence[str]
    answers: Sequence[dict[str, JsonValue]]
    spoken: Sequence[SpokenAnswer | None]

    def joined(self, other: AnsweredTexts) -> AnsweredTexts:
        """These followed by others."""
        return AnsweredTexts(
            [*self.texts, *other.texts],
            [*self.answers, *other.answers],
            [*self.spoken, *other.spoken],
        )


class TrainedExtractor(NamedTuple):
    """An extractor, and what it was chosen and calibrated by.

    Args:
        extractor: Of a family that learns in seconds, it learned from the train and validation
            inputs; of another from the train inputs alone.
        temperatures: Fitted on the validation inputs, with one that did not learn from them.
        validation: What that one says of the validation inputs, calibrated.
    """

    extractor: Extractor
    temperatures: Temperatures
    validation: Verdicts

    def judge(self, answered: AnsweredTexts) -> Verdicts:
        """Return what the extractor says of texts, calibrated."""
        readings = [self.extractor.read(text) for text in answered.texts]
        raw = judge_answers(self.extractor.units, readings, answered.answers)
        return raw.calibrated(self.temperatures)

    def passed_on(self, extractor: Extractor) -> TrainedExtractor:
        """Return an extractor that learned from more inputs, calibrated as this one is."""
        heads = self.extractor.learned_.heads
        found = {(head.plan.path, head.plan.member): head.temperature for head in heads}
        for head in extractor.learned_.heads:
            head.temperature = found.get((head.plan.path, head.plan.member), 1.0)
        return self._replace(extractor=extractor)


def train_linear_extractor(
    schema: Mapping[str, Any],
    plan: ExtractionPlan,
    training: AnsweredTexts,
    validation: AnsweredTexts,
    progress: Callable[[str], None],
    max_bytes: int = 6_000_000,
) -> TrainedExtractor:
    """Train a linear extractor.

    The heads' settings are chosen on the validation inputs for the head that has the most to tell
    apart, and used for all. Temperatures are fitted on the validation inputs; then the extractor
    learns from both.

    Args:
        schema: Of the answers.
        plan: How their fields are to be had.
        training: Inputs to learn from.
        validation: Inputs to choose and calibrate by.
        progress: Is told what is being done.
        max_bytes: Bound on what the extractor saves.
    """
    settings = _head_settings(schema, plan, training, validation, progress)
    make = partial(LinearExtractor, schema, plan, head_settings=settings, max_bytes=max_bytes)
    first = _try_linear(make, training, validation, progress)
    both = training.joined(validation)
    progress(f"training linear on all {len(both.texts):,} inputs it may see")
    return first.passed_on(make().fit(*both))


def try_linear_extractor(
    schema: Mapping[str, Any],
    plan: ExtractionPlan,
    training: AnsweredTexts,
    validation: AnsweredTexts,
    progress: Callable[[str], None],
) -> TrainedExtractor:
    """Train a linear extractor on the train inputs alone; else as `train_linear_extractor`."""
    settings = _head_settings(schema, plan, training, validation, progress)
    make = partial(LinearExtractor, schema, plan, head_settings=settings)
    return _try_linear(make, training, validation, progress)


def _try_linear(
    make: Callable[[], LinearExtractor],
    training: AnsweredTexts,
    validation: AnsweredTexts,
    progress: Callable[[str], None],
) -> TrainedExtractor:
    progress(f"training linear on {len(training.texts):,} inputs")
    return _calibrate(make().fit(*training), validation)


def train_encoder_extractor(
    schema: Mapping[str, Any],
    plan: ExtractionPlan,
    training: AnsweredTexts,
    validation: AnsweredTexts,
    progress: Callable[[str], None],
    **settings: Any,  # noqa: ANN401 - those of EncoderExtractor
) -> TrainedExtractor:
    """Fine-tune an encoder's extractor on the train inputs, and calibrate it on the others.

    Args:
        schema: Of the answers.
        plan: How their fields are to be had.
        training: Inputs to learn from.
        validation: Inputs to calibrate by.
        progress: Is told what is being done.
        settings: As `EncoderExtractor` takes them.

    Raises:
        UsageError: The encoder cannot be had, or an extra is not installed.
    """
    progress(f"fine-tuning an encoder on {len(training.texts):,} inputs")
    extractor = EncoderExtractor(schema, plan, **settings).fit(*training)
    progress("calibrating the encoder")
    return _calibrate(extractor, validation)


def _calibrate(extractor: Extractor, validation: AnsweredTexts) -> TrainedExtractor:
    """Fit the temperatures of heads, then those of units and of whole objects."""
    texts = validation.texts
    said = [extractor.say(text[:MAX_CHARACTERS]) for text in texts]
    for place, head in enumerate(extractor.learned_.heads):
        targets = head_targets(head.plan, extractor.shape, validation.answers)
        if len(head.plan.options) > 1 and len(targets.rows):
            proba = np.stack([said[row].proba[place] for row in targets.rows.tolist()])
            head.temperature = fit_temperature(proba, targets.options)
    readings = [extractor.assemble(*of_text) for of_text in zip(texts, said, strict=True)]
    raw = judge_answers(extractor.units, readings, validation.answers)
    temperatures = fit_temperatures(raw, [unit.path for unit in extractor.units])
    return TrainedExtractor(extractor, temperatures, raw.calibrated(temperatures))


def _head_settings(
    schema: Mapping[str, Any],
    plan: ExtractionPlan,
    training: AnsweredTexts,
    validation: AnsweredTexts,
    progress: Callable[[str], None],
) -> dict[str, float]:
    shape = read_schema(schema)
    planned = plan_heads(find_units(plan), shape, training.answers)
    hardest = max(planned, key=lambda pair: _entropy(*pair), default=None)
    if hardest is None or not _entropy(*hardest):
        return {}
    head, targets = hardest
    learned = _labelled(head, targets, training)
    if len(learned.texts) > _MOST_SEARCHED:
        learned = learned.thinned(_MOST_SEARCHED)
    held_out = _labelled(head, head_targets(head, shape, validation.answers), validation)
    if not len(held_out.texts):
        return {}
    make = partial(LinearStudent, head.options)
    search = Search(make, prepare(make(), learned), held_out, progress, _TRIED)
    search.run()
    best = search.best.trial.settings
    scaled = best | {"l2": best["l2"] * len(learned.texts) / len(training.texts)}
    return {name: scaled[name] for name in _OF_HEADS if name in scaled}


def _entropy(plan: HeadPlan, targets: HeadTargets) -> float:
    """Entropy of what a head is to say, in nats."""
    counts = np.bincount(targets.options, minlength=len(plan.options))
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log(shares)).sum())


def _labelled(plan: HeadPlan, targets: HeadTargets, answered: AnsweredTexts) -> Labelled:
    soft_labels = targets.soft_labels(plan, answered.spoken)
    nobody = np.full(len(targets.rows), -1)
    chosen = [answered.texts[row] for row in targets.rows.tolist()]
    return Labelled(chosen, soft_labels, targets.options, nobody)
