"""Divergences between teacher and student, as pure functions.

Those on logits of labels come in numpy, with their gradients, and in torch; those on logits of a
vocabulary, hidden states and attention in torch alone, which is imported where they are called.
"""

from locum.losses.attention import relation_loss, relation_scores, score_loss
from locum.losses.classification import soft_target_cross_entropy
from locum.losses.contrastive import contrastive_loss
from locum.losses.decoupled import decoupled_loss
from locum.losses.distributions import first_unusable
from locum.losses.divergences import (
    forward_kl,
    jensen_shannon,
    reverse_kl,
    skew_kl,
    skew_reverse_kl,
    total_variation,
)
from locum.losses.hard_labels import mix, token_cross_entropy
from locum.losses.projection import projected_loss
from locum.losses.reduction import reduce_rows
from locum.losses.representation import cosine_loss, hidden_state_loss
from locum.losses.sampled import sampled_cross_entropy
from locum.losses.signals import SampledTargets, SparseTargets
from locum.losses.soft_targets import soft_target_loss
from locum.losses.softmax import log_softmax, soften, soften_best, softmax

__all__ = [
    "SampledTargets",
    "SparseTargets",
    "contrastive_loss",
    "cosine_loss",
    "decoupled_loss",
    "first_unusable",
    "forward_kl",
    "hidden_state_loss",
    "jensen_shannon",
    "log_softmax",
    "mix",
    "projected_loss",
    "reduce_rows",
    "relation_loss",
    "relation_scores",
    "reverse_kl",
    "sampled_cross_entropy",
    "score_loss",
    "skew_kl",
    "skew_reverse_kl",
    "soft_target_cross_entropy",
    "soft_target_loss",
    "soften",
    "soften_best",
    "softmax",
    "token_cross_entropy",
    "total_variation",
]
