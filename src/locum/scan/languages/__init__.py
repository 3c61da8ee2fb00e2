"""Languages: the tree of each is turned into the one form of `locum.scan.tree`."""

from locum.scan.languages.registry import LANGUAGES, Language, language_of, read_module

__all__ = ["LANGUAGES", "Language", "language_of", "read_module"]
