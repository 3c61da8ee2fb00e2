"""Divergences between soft labels and a student's logits, as pure functions."""

from locum.losses.classification import soft_target_cross_entropy
from locum.losses.softmax import log_softmax, soften, softmax

__all__ = ["log_softmax", "soft_target_cross_entropy", "soften", "softmax"]
