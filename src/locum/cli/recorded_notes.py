"""What should be known of recorded calls that a student is to learn from, a sentence each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Example

__all__ = ["describe_models", "describe_outdated"]

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


def describe_outdated(task: str, examples: Sequence[Example], since: float | None) -> list[str]:
    """Return what there is to say of calls that were made before a promise was broken."""
    count = sum(example.outdated for example in examples)
    if since is None or not count:
        return []
    moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = (
        f"{count:,} of {len(examples):,} calls were made before {moment}, when a student was found "
        "to break its promise: they are learned from, and nothing is certified or tested on them"
    )
    cure = (
        "where the teacher answers otherwise since, do not let it learn from them: locum calls "
        f"delete --task {task} --until {moment}"
    )
    return [f"{said}; {cure}"]
