"""Which family of extractors answers: each is tried, and the cheapest of the best is taken."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import DEFAULT_ENCODER, Latency, measure_latency
from locum.errors import UsageError
from locum.evaluation import coverage_difference, foreseen_coverage
from locum.export import artefact_size
from locum.extractors import EXTRACTOR_FAMILIES, save_extractor
from locum.training import train_encoder_extractor, train_linear_extractor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from locum.alignment import ExtractionPlan
    from locum.evaluation import Promise
    from locum.extractors import Extractor
    from locum.training import AnsweredTexts, TrainedExtractor

__all__ = ["AUTO", "MAX_BYTES", "Chosen", "FamilySettings", "TriedFamily", "choose", "try_families"]

AUTO = "auto"
MAX_BYTES = 6_000_000


class FamilySettings(NamedTuple):
    """What the user chose.

    Args:
        family: ``auto`` to try all, or the name of one.
        encoder: Folder or hub name of an encoder.
        seconds: An encoder is begun only before, and stops learning then.
        max_bytes: Bound on what a student saves.
        seed: Of what uses random numbers.
    """

    family: str = AUTO
    encoder: str = DEFAULT_ENCODER
    seconds: float = 900.0
    max_bytes: int | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            UsageError: One is out of its range, or no family has that name.
        """
        known = [AUTO, *EXTRACTOR_FAMILIES]
        if self.family not in known:
            raise UsageError(
                f"no student {self.family!r} answers in JSON: expected one of {', '.join(known)}"
            )
        if not self.seconds > 0 or (self.max_bytes is not None and self.max_bytes <= 0):
            raise UsageError(
                f"{self.seconds} seconds, {self.max_bytes} bytes at most: expected more than 0"
            )


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


class Chosen(NamedTuple):
    """A family, and why, in a clause."""

    tried: TriedFamily
    reason: str


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
    settings: FamilySettings,
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
    for name in EXTRACTOR_FAMILIES if settings.family == AUTO else [settings.family]:
        left = settings.seconds - (time.monotonic() - started)
        if left <= 0 and tried:
            omitted[name] = "the time was over: --time gives more"
            continue
        try:
            found = _try(name, settings, max(left, 1.0), trial)
        except UsageError as error:
            if settings.family != AUTO or not tried:
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


def _try(name: str, settings: FamilySettings, seconds: float, trial: _Trial) -> TriedFamily:
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
        _saved_size(extractor),
        measure_latency(lambda text: extractor.read(text).log_confidence, trial.validation.texts),
        taken,
    )


def _saved_size(extractor: Extractor) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        save_extractor(extractor, Path(scratch))
        return artefact_size(Path(scratch))


def choose(tried: Sequence[TriedFamily], certify_inputs: int, promise: Promise) -> Chosen:
    """Return the cheapest family within one standard error of the best foreseen coverage.

    It is the rule of `locum.distillation.choice.choose_rung`. Where none is foreseen to be
    certified, agreement decides.

    Args:
        tried: The families, the cheapest first; at least one.
        certify_inputs: Size of the certify split.
        promise: What will be certified.
    """
    if len(tried) == 1:
        return Chosen(tried[0], "the only student that was tried")
    best = max(tried, key=lambda one: (one.foreseen_coverage, one.trained.validation.agrees.mean()))
    if not best.foreseen_coverage:
        return Chosen(best, "the one that agrees the most, as none is foreseen to be certified")
    first = best.trained.validation
    for one in tried:
        seen = one.trained.validation
        behind = coverage_difference(
            first.confidence, first.agrees, seen.confidence, seen.agrees, certify_inputs, promise
        )
        if one is not best and behind.difference <= behind.standard_error:
            return Chosen(one, "the cheapest within one standard error of the best")
    return Chosen(best, "better in foreseen coverage than the others by over a standard error")
