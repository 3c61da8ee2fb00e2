"""What should be known of recorded calls that a student is to learn from, a sentence each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import Example

__all__ = ["describe_models", "describe_outdated", "describe_replaced", "show_moment"]

_MODELS_SHOWN = 3


def describe_models(models: Counter[str]) -> list[str]:
    """Return what there is to say of the models that calls went to, where it was not one alone."""
    if len(models) < 2:
        return []
    named = Counter({model: count for model, count in models.items() if model})
    shares = [f"{model} {count:,}" for model, count in named.most_common(_MODELS_SHOWN)]
    more = ["..."] * (len(named) > _MODELS_SHOWN)
    said = f"the calls went to {len(named)} model{'s' * (len(named) != 1)}"
    unnamed = f"; {models['']:,} name none" if models[""] else ""
    return [f"{said}: {', '.join([*shares, *more])}{unnamed}"]


def describe_replaced(
    task: str, answers: Iterable[tuple[float, str]], *, is_promoted: bool
) -> list[str]:
    """Return what there is to say where another model answers than did before.

    Args:
        task: Of which task.
        answers: When calls were sent, and which model answered each.
        is_promoted: Whether a student stands in for the model, so that a new one is to be compared.
    """
    from locum.audit import find_replacement

    found = find_replacement(answers)
    if found is None:
        return []
    said = (
        f"{found.model} answered nearly all of the {found.calls:,} calls since {found.moment}, and "
        f"{found.before} most of the {found.calls_before:,} before: a student learns from both; "
        "to let it learn from the new one alone: "
    )
    refresh = " --refresh" * is_promoted
    return [f"{said}locum distill {task}{refresh} --since {found.moment}"]


def describe_outdated(task: str, examples: Sequence[Example], since: float | None) -> list[str]:
    """Return what there is to say of calls that were made before a promise was broken."""
    count = sum(example.outdated for example in examples)
    if since is None or not count:
        return []
    moment = show_moment(since)
    said = (
        f"{count:,} of {len(examples):,} calls were made before {moment}, when a student was found "
        "to break its promise: they are learned from, and nothing is certified or tested on them"
    )
    cure = (
        "where the teacher answers otherwise since, do not let it learn from them: locum distill "
        f"{task} --refresh --since {moment}"
    )
    return [f"{said}; {cure}"]


def show_moment(moment: float) -> str:
    """Return a moment as ``--since`` takes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
