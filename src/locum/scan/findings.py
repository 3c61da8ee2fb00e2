"""What a scan finds: call sites, and what is to be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject

__all__ = ["SEVERITIES", "CallSite", "Context", "Finding", "Severity", "Tier"]

Severity = Literal["note", "warning", "error"]
Tier = Literal["frontier", "small", "unknown", "local"]
Context = Literal["web handler", "loop", "queue worker", "cron", "command line"]

SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""The mildest first."""


class CallSite(NamedTuple):
    """A place in code where a model is called, with what can be read of the request.

    Args:
        sdk: What is called, such as ``openai``, ``anthropic`` or ``http``.
        language: Such as ``python``.
        model: The model's name; ``None`` where it is no constant.
        tier: By the model's price.
        instruction: The fixed words of the prompt with ``{}`` for each slot; ``None`` where nothing
            of it is fixed.
        slots: How many parts of the prompt vary from call to call.
        answers: The closed set of answers, as far as it is known; empty where there is none.
        schema: Names of the fields of the JSON that is asked for; empty where none is.
        most_tokens: Bound on the answer; ``None`` where none is constant.
        temperature: As a constant, else ``None``.
        contexts: What repeats the call.
    """

    sdk: str
    language: str
    model: str | None
    tier: Tier
    instruction: str | None
    slots: int
    answers: tuple[str, ...]
    schema: tuple[str, ...]
    most_tokens: int | None
    temperature: float | None
    contexts: tuple[Context, ...]


class Finding(NamedTuple):
    """A call site that breaks a rule.

    Args:
        rule: The rule's id.
        severity: How much it matters.
        path: Of the file, from the folder of the project on or absolute, with ``/``.
        line: Where the call begins, from 1.
        column: Likewise, from 1, in characters.
        end_line: Where it ends.
        end_column: Likewise; the first column that is not in it.
        reason: Why, in one sentence.
        evidence: What was read in the code, one sentence each.
        cure: What to do.
        site: The call.
    """

    rule: str
    severity: Severity
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    reason: str
    evidence: Sequence[str]
    cure: str
    site: CallSite

    def to_object(self) -> JsonObject:
        """Return it as JSON."""
        return {**self._asdict(), "evidence": list(self.evidence), "site": self.site._asdict()}
