"""Finds calls of language models in source code that a small model could answer."""
