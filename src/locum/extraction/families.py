"""Which family of extractors answers: each is tried, and the cheapest of the best is taken."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import (
    Foreseen,
    SearchSettings,
    measure_latency,
    saved_size,
    why_enough,
)
from locum.errors import UsageError
from locum.evaluation import foreseen_coverage
from locum.extractors import EXTRACTOR_FAMILIES, save_extractor
from locum.training import train_encoder_extractor, train_linear_extractor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from locum.alignment import ExtractionPlan
    from locum.distillation import Latency
    from locum.evaluation import Promise
    from locum.training import AnsweredTexts, TrainedExtractor

__all__ = ["MAX_BYTES", "TriedFamily", "try_families"]

MAX_BYTES = 6_000_000


class TriedFamily(NamedTuple):
    """A family that was tried.

    Args:
        name: Its own.
        trained: Its student.
        foreseen_coverage: Share of inputs that it would be certified for, foreseen on validation.
        size_bytes: Of all files that it saves.
        latency: Time to answer one text.
        train_seconds: What training took.
    """

    name: str
    trained: TrainedExtractor
    foreseen_coverage: float
    size_bytes: int
    latency: Latency
    train_seconds: float

    @property
    def foreseen(self) -> Foreseen:
        """What it would be chosen by."""
        seen = self.trained.validation
        return Foreseen(seen.confidence, seen.agrees, self.foreseen_coverage)


class _Trial(NamedTuple):
    """What all families are tried with."""

    schema: Mapping[str, Any]
    plan: ExtractionPlan
    training: AnsweredTexts
    validation: AnsweredTexts
    certify_inputs: int
    promise: Promise
    told: Callable[[str], None]


def try_families(
    settings: SearchSettings,
    schema: Mapping[str, Any],
    plan: ExtractionPlan,
    training: AnsweredTexts,
    validation: AnsweredTexts,
    certify_inputs: int,
    promise: Promise,
    told: Callable[[str], None],
) -> tuple[list[TriedFamily], dict[str, str]]:
    """Return the families that could be tried, the cheapest first, and why others were not.

    Raises:
        UsageError: The one that was asked for cannot be had.
    """
    trial = _Trial(schema, plan, training, validation, certify_inputs, promise, told)
    started = time.monotonic()
    tried: list[TriedFamily] = []
    omitted: dict[str, str] = {}
    for name in EXTRACTOR_FAMILIES:
        if settings.names and name not in settings.names:
            continue
        left = settings.seconds - (time.monotonic() - started)
        over = "the time was over: --time gives more" if left <= 0 and tried else ""
        reason = why_enough({one.name: one for one in tried}, settings.coverage) or over
        if reason:
            omitted[name] = reason
            continue
        try:
            found = _try(name, settings, max(left, 1.0), trial)
        except UsageError as error:
            if not settings.is_race or not tried:
                raise
            omitted[name] = str(error)
            continue
        if settings.max_bytes is not None and found.size_bytes > settings.max_bytes:
            omitted[name] = f"it takes {found.size_bytes:,} bytes"
        else:
            tried.append(found)
    if not tried:
        shown = "; ".join(f"{name}: {reason}" for name, reason in omitted.items())
        raise UsageError(f"no student is within {settings.max_bytes:,} bytes ({shown}): allow more")
    return tried, omitted


def _try(name: str, settings: SearchSettings, seconds: float, trial: _Trial) -> TriedFamily:
    started = time.monotonic()
    given = (trial.schema, trial.plan, trial.training, trial.validation, trial.told)
    if name == "linear":
        trained = train_linear_extractor(*given, min(settings.max_bytes or MAX_BYTES, MAX_BYTES))
    else:
        trained = train_encoder_extractor(
            *given, encoder=settings.encoder, seconds=seconds, seed=settings.seed
        )
    taken = time.monotonic() - started
    extractor, seen = trained.extractor, trained.validation
    return TriedFamily(
        name,
        trained,
        foreseen_coverage(seen.confidence, seen.agrees, trial.certify_inputs, trial.promise),
        saved_size(partial(save_extractor, extractor)),
        measure_latency(lambda text: extractor.read(text).log_confidence, trial.validation.texts),
        taken,
    )
