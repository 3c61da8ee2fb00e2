"""The rules that a call site can break."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.scan.findings import Severity

__all__ = ["RULES", "Rule"]


class Rule(NamedTuple):
    """A rule.

    Args:
        id: Its name in reports and in comments that suppress it.
        title: What breaks it, in a few words.
        severity: How much a finding matters where nothing makes it worse.
        description: What breaks it, in one sentence.
        cure: What to do about it.
    """

    id: str
    title: str
    severity: Severity
    description: str
    cure: str


_RULES = (
    Rule(
        "closed-answer",
        "The answer is one of a closed set",
        "warning",
        "The instruction is fixed and the answer is one of a known set of labels, which a small "
        "classifier can learn.",
        "Record the calls with `locum gateway`, then train and certify a classifier from them with "
        "`locum distill`.",
    ),
    Rule(
        "fixed-schema",
        "The answer is JSON of a fixed schema",
        "warning",
        "The instruction is fixed and the answer is JSON of one schema, which a small extractor "
        "can learn.",
        "Record the calls with `locum gateway`, then train and certify an extractor from them with "
        "`locum distill`.",
    ),
    Rule(
        "narrow-prompt",
        "A fixed instruction with a short answer",
        "note",
        "The instruction is fixed, few parts of it vary, and the answer is short or always the "
        "same for the same input.",
        "Record the calls with `locum gateway` to see whether the answers repeat; a smaller model "
        "or a cache may do.",
    ),
    Rule(
        "offline-loop",
        "Calls one after the other that nobody waits for",
        "note",
        "Calls with a fixed instruction are made one after the other outside a web request, though "
        "the provider has a lower price for batches.",
        "Send the requests to the provider's batch interface, which costs half as much.",
    ),
)
RULES: Mapping[str, Rule] = {rule.id: rule for rule in _RULES}
"""All rules by id, in the order in which they are tried."""
