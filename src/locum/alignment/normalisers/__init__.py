"""What maps the text of a span to the value that a teacher gives, one file a kind of value."""

from locum.alignment.normalisers.normaliser import Normaliser
from locum.alignment.normalisers.registry import NORMALISERS, find_normaliser

__all__ = ["NORMALISERS", "Normaliser", "find_normaliser"]
