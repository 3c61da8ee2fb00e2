"""Students that answer in JSON of a fixed schema: taggers that find values in a text."""

from locum.extractors.tag_set import Span, TagSet
from locum.extractors.tagger import LinearTagger
from locum.extractors.tagging import Tagging

__all__ = ["LinearTagger", "Span", "TagSet", "Tagging"]
