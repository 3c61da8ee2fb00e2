"""Students that write: small causal language models, and when what they write is accepted."""

from locum.writers.acceptance import (
    DEFAULT_RULE,
    Acceptance,
    Condition,
    Judge,
    Pair,
    Similarity,
    chrf,
    require_chrf,
    rouge_l,
)
from locum.writers.backend import (
    LOAD_SECONDS,
    Backend,
    InProcess,
    Written,
    load_pretrained,
    window_of,
)
from locum.writers.draft import DRAFT_FEATURES, Draft, draft_features, plain_scores
from locum.writers.embedding import Embedder
from locum.writers.prompts import Prompts
from locum.writers.writer import Limits, Writer

__all__ = [
    "DEFAULT_RULE",
    "DRAFT_FEATURES",
    "LOAD_SECONDS",
    "Acceptance",
    "Backend",
    "Condition",
    "Draft",
    "Embedder",
    "InProcess",
    "Judge",
    "Limits",
    "Pair",
    "Prompts",
    "Similarity",
    "Writer",
    "Written",
    "chrf",
    "draft_features",
    "load_pretrained",
    "plain_scores",
    "require_chrf",
    "rouge_l",
    "window_of",
]
