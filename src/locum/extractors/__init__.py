"""Students that answer in JSON of a fixed schema."""

from locum.extractors.comparing import NOTHING_SAID, meaning, value_at
from locum.extractors.encoder import EncoderExtractor
from locum.extractors.extractor_files import load_extractor, save_extractor
from locum.extractors.families import EXTRACTOR_FAMILIES, find_extractor_family
from locum.extractors.heads import HeadPlan, HeadTargets, plan_heads
from locum.extractors.linear import LinearExtractor
from locum.extractors.protocol import Extractor
from locum.extractors.reading import Reading
from locum.extractors.tag_set import Span, TagSet
from locum.extractors.tagger import LinearTagger
from locum.extractors.tagging import Tagging
from locum.extractors.units import Unit, UnitKind, find_units
from locum.extractors.value_tokens import SpokenAnswer, find_values
from locum.extractors.verdicts import (
    Temperatures,
    Verdicts,
    calibrated,
    fit_temperatures,
    judge_answers,
)

__all__ = [
    "EXTRACTOR_FAMILIES",
    "NOTHING_SAID",
    "EncoderExtractor",
    "Extractor",
    "HeadPlan",
    "HeadTargets",
    "LinearExtractor",
    "LinearTagger",
    "Reading",
    "Span",
    "SpokenAnswer",
    "TagSet",
    "Tagging",
    "Temperatures",
    "Unit",
    "UnitKind",
    "Verdicts",
    "calibrated",
    "find_extractor_family",
    "find_units",
    "find_values",
    "fit_temperatures",
    "judge_answers",
    "load_extractor",
    "meaning",
    "plan_heads",
    "save_extractor",
    "value_at",
]
