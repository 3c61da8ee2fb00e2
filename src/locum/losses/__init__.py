"""Divergences between teacher and student, as pure functions.

Those on logits come in numpy, with their gradients, and in torch; those on hidden states and
attention in torch alone, which is imported where they are called.
"""

from locum.losses.attention import relation_loss, relation_scores, score_loss
from locum.losses.classification import soft_target_cross_entropy
from locum.losses.distributions import first_unusable
from locum.losses.representation import cosine_loss, hidden_state_loss
from locum.losses.soft_targets import soft_target_loss
from locum.losses.softmax import log_softmax, soften, softmax

__all__ = [
    "cosine_loss",
    "first_unusable",
    "hidden_state_loss",
    "log_softmax",
    "relation_loss",
    "relation_scores",
    "score_loss",
    "soft_target_cross_entropy",
    "soft_target_loss",
    "soften",
    "softmax",
]
