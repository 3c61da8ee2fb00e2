"""Calls that a promoted student would be asked of, were it not for their prompt."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz.distance import LCSseq

from locum.store import CallFilter, CallStore, stream_sums
from locum.traffic import instruction, split_request
from locum.words import find_letter_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.promotion.framer import Framer
    from locum.promotion.recognition import Recognition
    from locum.schema import Call
    from locum.store import CallSums, Database, Promotion

__all__ = ["OtherPrompt", "find_other_prompts"]

_MOST_LEARNED_FROM = 20
_MOST_LOOKED_AT = 50
# Words that two prompts have in common, in their order; of two tasks' prompts it is rarely half.
_ALIKE = 0.6


class OtherPrompt(NamedTuple):
    """Calls that differ from those of a task in prompt or output format alone.

    Args:
        fingerprint: By which they are found.
        calls: How many there are.
        first: When the first was sent, in seconds since 1970.
        cost_usd: What those of known cost did cost; ``None`` where that is known of none.
    """

    fingerprint: str
    calls: int
    first: float
    cost_usd: float | None


def find_other_prompts(
    database: Database,
    promotion: Promotion,
    recognition: Recognition,
    framer: Framer,
    since: float,
) -> list[OtherPrompt]:
    """Return what was recorded of calls like those of a task, the most calls first.

    They ask the same model with the same settings, and their instruction has most words of one that
    the student learned from, or they are named by the task. All of them went to its teacher. Those
    of one prompt are told by the newest.

    Args:
        database: The store.
        promotion: That of the task.
        recognition: How its calls are recognised.
        framer: Makes frames of calls, as the gateway does.
        since: Calls from then on, in seconds since 1970.

    Raises:
        InputError: The store cannot be read.
        UsageError: Some of the calls are archived, and ``locum[parquet]`` is not installed.
    """
    store, models = CallStore(database), {frame.model for frame in recognition.frames}
    learned_from = islice(store.linked("artefact", promotion.artefact), _MOST_LEARNED_FROM)
    prompts = [_words(call) for call in learned_from]
    groups = [
        sums
        for sums in stream_sums(database, CallFilter(source="gateway", since=since))
        if sums.model in models and sums.task in {None, promotion.task}
    ]
    groups.sort(key=lambda sums: -sums.calls)
    found = list[OtherPrompt]()
    for sums in groups[:_MOST_LOOKED_AT]:
        call = _newest(store, sums)
        if call is None or not _differs_in_prompt(call, recognition, framer):
            continue
        if sums.task == promotion.task or _is_alike(_words(call), prompts):
            found.append(OtherPrompt(sums.fingerprint, sums.calls, sums.first, sums.cost_usd))
    return found


def _newest(store: CallStore, sums: CallSums) -> Call | None:
    """Return the newest call of those that were summed up, if it is still there."""
    where = CallFilter(
        fingerprints=(sums.fingerprint,),
        model=sums.model,
        task=sums.task,
        source="gateway",
        outcome="whole",
        since=sums.last,
    )
    ids = tuple(facts.id for facts in store.find(where, 1))
    return next(store.iterate(CallFilter(ids=ids)), None)


def _differs_in_prompt(call: Call, recognition: Recognition, framer: Framer) -> bool:
    """Tell whether a call is none of a task that asks the same model with the same settings."""
    split = split_request(call.request, call.facts.endpoint)
    if isinstance(split, str):
        return False
    frame = framer.frame(split.rest)
    asked = {(known.model, known.settings) for known in recognition.frames}
    return (frame.model, frame.settings) in asked and not recognition.knows(frame)


def _words(call: Call) -> list[str]:
    return find_letter_words(instruction(call.request).casefold())


def _is_alike(words: Sequence[str], prompts: Sequence[Sequence[str]]) -> bool:
    """Tell whether a prompt has most words of another, in their order."""
    return any(
        bool(words) and LCSseq.normalized_similarity(words, prompt) >= _ALIKE for prompt in prompts
    )
