"""Recorded calls as examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.dataset.reading import SkippedRows
from locum.schema import Example
from locum.traffic import answer_positions, broke_off, first_choice, input_text, token_logprobs
from locum.traffic.json_requests import object_text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from locum.redaction import Redactor
    from locum.schema import Call

__all__ = ["describe_placeholders", "examples_of_calls"]


def examples_of_calls(
    calls: Iterable[Call],
    train_only: Container[str] = (),
    untimed: Container[tuple[str, float]] = (),
    since: float | None = None,
) -> tuple[list[Example], SkippedRows]:
    """Return the input and the answer of each whole call, with its log-probabilities.

    Args:
        calls: Recorded calls, in any order.
        train_only: Ids of calls that are no fair sample.
        untimed: Ids of calls whose time was made up, each with that time, which no example has.
        since: Calls that were not made after this moment, in seconds since 1970, are outdated, as
            those are of which nobody knows; by default none is.

    Returns:
        The examples, and the calls that are none, by reason; they are numbered from one.
    """
    examples, skipped = [], SkippedRows()
    for number, call in enumerate(calls, start=1):
        reason = _unusable(call)
        if reason is None:
            examples.append(_to_example(call, train_only, untimed, since))
        else:
            skipped.add(reason, number)
    return examples, skipped


def describe_placeholders(texts: Sequence[str], redactor: Redactor) -> tuple[str, ...]:
    """Return a note on placeholders in recorded texts that students will not be asked about.

    Args:
        texts: As recorded.
        redactor: What takes out of texts what a student is not to be asked about.
    """
    found = [
        placeholders for text in texts if (placeholders := redactor.unknown_placeholders(text))
    ]
    if not found:
        return ()
    said = (
        f"{len(found):,} of {len(texts):,} inputs hold placeholders that [redaction] as it is now "
        f"does not make, such as {found[0][0]}: if redaction put them there when the calls were "
        "recorded, a student is asked about the values themselves, of which its certificate says "
        "nothing; let [redaction] of locum.toml make them again"
    )
    return (said,)


def _unusable(call: Call) -> str | None:
    if call.facts.outcome != "whole" or call.response is None:
        return "the call brought no whole answer"
    if not input_text(call.request).strip():
        return "the call has no text as its input"
    if object_text(call.request, call.response) is None:
        return "the answer holds no text"
    return None


def _to_example(
    call: Call,
    train_only: Container[str],
    untimed: Container[tuple[str, float]],
    since: float | None,
) -> Example:
    facts = call.facts
    response = call.response or {}
    answer = object_text(call.request, response)
    time = None if (facts.id, facts.time) in untimed else facts.time
    return Example(
        text=input_text(call.request),
        answer=answer,
        positions=answer_positions(token_logprobs(response), answer or ""),
        time=time,
        latency_ms=facts.latency_ms,
        cost_usd=facts.cost_usd,
        call_id=facts.id,
        train_only=facts.id in train_only,
        outdated=since is not None and (time is None or time <= since),
        cut_off=broke_off(first_choice(response).get("finish_reason")),
    )
