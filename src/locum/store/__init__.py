"""The one way to disk."""

from locum.store.labels import LabelStore

__all__ = ["LabelStore"]
