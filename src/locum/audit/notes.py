"""What is worth knowing of a task besides what to do with it, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.schema import check_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.audit.probe import Probe
    from locum.audit.tasks import TrafficTask

__all__ = ["Left", "change_of", "left_to_the_model", "notes_of", "untimed"]

_NEARLY_ALL = 0.99
_OFTEN = 0.05
_SHOWN_MODELS = 3
_SECONDS_A_DAY = 86_400.0


def notes_of(task: TrafficTask) -> list[str]:
    """Return what a student of a task does not see, and what its figures leave out."""
    return [*_unseen(task), *_unpriced(task), *_unnameable(task), *_of_models(task)]


def change_of(probed: Probe) -> Iterator[str]:
    """Say that calls change with time, where they do."""
    if probed.at_random is not None:
        yield (
            f"its calls change with time: small students of calls of all times agree with the "
            f"model on {probed.at_random.value:.0%}, those of earlier calls on "
            f"{probed.agreement.value:.0%} of later ones; locum distill learns from the earlier "
            "ones and certifies on the later, which is what is foreseen"
        )


def untimed(task: TrafficTask) -> Iterator[str]:
    """Say what a pace is not taken of: calls that tell none, or the first few of others."""
    if not task.volume.timed:
        yield (
            "its calls come at a few moments, as where a log tells no times, so that they tell no "
            "pace: what is said of a month is of all of them"
        )
    elif task.volume.begin > task.volume.first:
        days = (task.volume.begin - task.volume.first) / _SECONDS_A_DAY
        yield (
            f"its first calls came {days:,.0f} days before the others, and its pace is that of "
            "these: --since leaves the first ones out"
        )


def _unseen(task: TrafficTask) -> Iterator[str]:
    """What varies where a student does not look."""
    if task.measures.instruction_varies:
        yield (
            "its instruction varies from call to call, which a student does not see: it reads the "
            "message alone"
        )
    if task.measures.talk > 1 - _NEARLY_ALL:
        yield (
            f"in {task.measures.talk:.0%} of calls other turns come before the message, which a "
            "student does not see: it reads the last message alone"
        )
    if task.measures.thought >= _OFTEN:
        yield (
            f"{task.measures.thought:.0%} of its answers begin with thoughts in <think> tags, and "
            "what stands behind them is judged; where the model's do, answers of a student in a "
            "gateway begin with the tags alone"
        )


class Left(NamedTuple):
    """Calls that a gateway leaves to the model, whatever a student of their task learns.

    Args:
        share: Which share of all.
        reason: Why, in a sentence.
        cure: What would change that.
    """

    share: float
    reason: str
    cure: str


def left_to_the_model(task: TrafficTask) -> list[Left]:
    """Return what a gateway leaves to the model, the larger share first."""
    measures = task.measures
    found = []
    if measures.answerable < _NEARLY_ALL:
        reason = (
            f"a gateway leaves {1 - measures.answerable:.0%} of calls to the model, whatever a "
            f"student learns, because of {measures.hindrance}"
        )
        found.append(Left(1 - measures.answerable, reason, "with that changed"))
    if measures.recognised < _NEARLY_ALL * measures.answerable:
        reason = (
            f"a gateway would recognise {measures.recognised:.0%} of calls: others have an "
            "instruction, a model or settings (such as a max_tokens that is worked out) that fewer "
            "than 2% of the calls have, or new ones again and again, as where the date stands in it"
        )
        cure = "with what varies moved into the message, or left out"
        found.append(Left(measures.answerable - measures.recognised, reason, cure))
    return sorted(found, key=lambda left: -left.share)


def _unpriced(task: TrafficTask) -> Iterator[str]:
    volume = task.volume
    if volume.cost_usd is not None and volume.priced <= _NEARLY_ALL:
        yield f"the cost of {1 - volume.priced:.0%} of calls is not known, and counted as nothing"


def _unnameable(task: TrafficTask) -> Iterator[str]:
    """Calls may name a task as no student's folder could be called."""
    try:
        check_name(task.name)
    except UsageError as error:
        yield f"no student can have its name, so that its calls need another one: {error}"


def _of_models(task: TrafficTask) -> Iterator[str]:
    """Calls that no one model answered, and those that say not which one was asked."""
    named = [(model, share) for model, share in task.volume.models if model]
    if sum(share >= _OFTEN for _, share in named) > 1:
        shown = ", ".join(f"{model} {share:.0%}" for model, share in named[:_SHOWN_MODELS])
        yield (
            f"its calls went to several models ({shown}), which may answer differently: --model "
            "judges those to one"
        )
    replacement = task.volume.replacement
    if replacement is not None:
        yield (
            f"{replacement.model} answers its calls since {replacement.moment}, and "
            f"most of before were {replacement.before}'s: --since {replacement.moment} "
            "judges by the new one's, here and in locum distill"
        )
    share = dict(task.volume.models).get("", 0.0)
    if share > 1 - _NEARLY_ALL:
        yield (
            f"{share:.0%} of calls name no model, as those of a table: a student that learned from "
            "such calls alone answers locum predict and Python, and a gateway once calls are "
            "recorded that name one"
        )
