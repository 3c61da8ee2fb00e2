"""From the bodies of one call, as they were sent, to the redacted Call that is stored."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from locum.prices import Price, Tokens, batch_share, list_cost_usd
from locum.schema import Call, CallFacts, KeptSoftLabel
from locum.traffic.apis import to_chat
from locum.traffic.apis.lenient import as_count, as_object, as_text
from locum.traffic.conversation import fingerprint, input_text, service_tier
from locum.traffic.strict_json import canonical_json
from locum.traffic.token_counts import answer_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.schema import CallMarks, Endpoint, JsonObject, Outcome, OwnPrice

__all__ = [
    "RedactedValues",
    "RedactsValues",
    "content_id",
    "has_id",
    "keep_call",
    "keep_marks",
    "make_call",
    "redact_call",
]

_PREVIEW = 80
_ID_DIGITS = 32
_SHORTEST_PROVIDER_ID = 20


class RedactedValues(Protocol):
    """Values without secrets and personal data."""

    @property
    def values(self) -> Sequence[Any]:
        """In the order in which they were given."""


class RedactsValues(Protocol):
    """Takes secrets and personal data out of JSON values."""

    def redact(self, values: Sequence[Any], secrets: Sequence[str] = ()) -> RedactedValues:
        """Return the values with placeholders, the same one for the same text."""


class _Spent(NamedTuple):
    """What a call took.

    Args:
        models: The one that answered, as far as the answer says that, then the one that was asked.
        tokens: How many, as they are priced.
        share: Share of the usual price that they cost.
        input_tokens: Those of the request; ``None`` where the answer does not say.
        output_tokens: Those of the answer, likewise.
    """

    models: tuple[str, ...]
    tokens: Tokens
    share: float
    input_tokens: int | None
    output_tokens: int | None


def has_id(given: str | None, response: JsonObject | None) -> bool:
    """Return whether a call is named by its source or by its provider, and not by its content."""
    return bool(given) or _provider_id(response) is not None


def content_id(request: JsonObject, response: JsonObject | None, beside: float | str | None) -> str:
    """Return the id that its content, and one fact beside it, give a call.

    Args:
        request: Redacted, so that nothing can be learnt from the id.
        response: Likewise.
        beside: When it was sent, ``None`` where that is not known; or an id that it shares with
            other calls.
    """
    told = str(beside).encode("utf-8", "replace")
    parts = (canonical_json(request), canonical_json(response), told)
    return _digest(b"content", *parts)


def make_call(  # noqa: PLR0913 - the facts of a call are many
    *,
    source: str,
    endpoint: Endpoint,
    request: JsonObject,
    response: JsonObject | None,
    time: float,
    redactor: RedactsValues,
    secrets: Sequence[str] = (),
    id: str | None = None,  # noqa: A002 - as the fact is called
    outcome: Outcome = "whole",
    status: int | None = None,
    application: str | None = None,
    upstream: str | None = None,
    streamed: bool = False,
    latency_ms: float | None = None,
    first_byte_ms: float | None = None,
    task: str | None = None,
    cost_usd: float | None = None,
    prices: Mapping[str, OwnPrice] = MappingProxyType({}),
) -> Call:
    """Bring the bodies into one shape, redact them, and read the facts off them.

    A call is named by the id that the provider gave its response together with its input, so that
    what the gateway recorded and what stands in an imported log is one call. Where that is missing
    or short (some servers count, or always say the same) it is named by the id that its source
    gives it, else by its redacted content and its time.

    Args:
        source: ``gateway``, or the format that the call was imported from.
        endpoint: Which API the bodies belong to.
        request: The body as it was sent.
        response: The body that came back, of a stream what `assemble` returned.
        time: When it was sent, in seconds since 1970.
        redactor: Takes out what must not reach the disk.
        secrets: Texts that are taken out wherever they stand, such as the key of this call.
        id: How the source names the call, where it does.
        outcome: See `CallFacts`, as for all that follow.
        status: HTTP status of the answer.
        application: The application that called.
        upstream: Who answered.
        streamed: Whether the answer was streamed.
        latency_ms: Milliseconds to the end of the answer.
        first_byte_ms: Milliseconds to the first byte of the answer.
        task: The task that was named.
        cost_usd: What the call cost; by its model's price where it is not known.
        prices: One's own prices, by model; for other models the list's hold.

    Raises:
        TypeError: The bodies hold something that JSON cannot say.
    """
    chat = to_chat(endpoint, request, response)
    kept, answer = redactor.redact([chat.request, chat.response], secrets).values
    said = input_text(kept)
    spent = _spent(chat.request, chat.response)
    facts = CallFacts(
        id=_own_id(source, id, said, answer) or content_id(kept, answer, time),
        time=time,
        source=source,
        endpoint=endpoint,
        outcome=outcome,
        model=as_text(kept.get("model")) or as_text((answer or {}).get("model")),
        fingerprint=fingerprint(endpoint, kept),
        task=task,
        application=application,
        upstream=upstream,
        status=status,
        streamed=streamed,
        latency_ms=latency_ms,
        first_byte_ms=first_byte_ms,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_usd=_price(spent, prices, time) if cost_usd is None else cost_usd,
        preview=_preview(said),
    )
    return Call(facts, kept, answer)


def keep_call(call: Call, redactor: RedactsValues, task: str | None = None) -> Call:
    """Return a call of another store under its own name, redacted by the rules of this one.

    Args:
        call: As that store had it.
        redactor: Takes out what must not reach the disk.
        task: The task that is named now; by default the call keeps its own.
    """
    kept = redact_call(call, redactor)
    facts = replace(
        call.facts,
        fingerprint=fingerprint(call.facts.endpoint, kept.request),
        task=task or call.facts.task,
        preview=_preview(input_text(kept.request)),
    )
    return kept._replace(facts=facts)


def keep_marks(marks: CallMarks, redactor: RedactsValues) -> CallMarks:
    """Return what another store knew of a call, redacted as `keep_call` does."""
    if marks.soft_label is None:
        return marks
    [bought] = redactor.redact([marks.soft_label.as_object()]).values
    return marks._replace(soft_label=KeptSoftLabel.from_object(bought))


def redact_call(call: Call, redactor: RedactsValues) -> Call:
    """Return a recorded call as if it were recorded under other rules.

    Placeholders that stand in it already stay, so under the rules of its recording it is as it was.

    Args:
        call: As the store has it.
        redactor: Takes out what those rules name.
    """
    request, response = redactor.redact([call.request, call.response]).values
    return call._replace(request=request, response=response)


def _spent(request: JsonObject, response: JsonObject | None) -> _Spent:
    answer = response or {}
    usage = as_object(answer.get("usage"))
    details = as_object(usage.get("prompt_tokens_details"))
    input_tokens = _first_count(usage, "prompt_tokens", "input_tokens", "inputTokens")
    answered = _first_count(usage, "completion_tokens", "output_tokens", "outputTokens")
    output_tokens = answer_tokens(input_tokens, answered, _first_count(usage, "total_tokens"))
    tokens = Tokens(
        input_tokens or 0,
        output_tokens or 0,
        cached=_first_count(details, "cached_tokens") or 0,
        written=_first_count(details, "cache_write_tokens", "cache_creation_tokens") or 0,
    )
    models, share = _models(request, answer), price_share(request, answer)
    return _Spent(models, tokens, share, input_tokens, output_tokens)


def price_share(request: JsonObject, response: JsonObject) -> float:
    """Return which share of the usual price a call has by the tier that served it."""
    return batch_share(service_tier(request, response), _models(request, response))


def _models(request: JsonObject, response: JsonObject) -> tuple[str, ...]:
    named = (as_text(response.get("model")), as_text(request.get("model")))
    return tuple(dict.fromkeys(model for model in named if model))


def _first_count(usage: JsonObject, *names: str) -> int | None:
    for name in names:
        count = as_count(usage.get(name))
        if count is not None:
            return count
    return None


def _price(spent: _Spent, prices: Mapping[str, OwnPrice], time: float) -> float | None:
    """What a call cost by one's own price, else by the list's; ``None`` where nothing tells that.

    Calls of a batch cost half of either where their provider sells them so.

    Some answers name a model that no list knows, such as a deployment of the one that was asked.
    """
    if spent.input_tokens is None and spent.output_tokens is None:
        return None
    own = next((prices[model] for model in spent.models[::-1] if model in prices), None)
    if own is not None:
        return spent.share * Price("", own).cost_usd(spent.tokens)
    listed = (list_cost_usd(model, spent.tokens, time) for model in spent.models)
    return next((spent.share * cost for cost in listed if cost is not None), None)


def _preview(text: str) -> str:
    return " ".join(text.lstrip()[: 4 * _PREVIEW].split())[:_PREVIEW]


def _own_id(source: str, given: str | None, said: str, response: JsonObject | None) -> str | None:
    own = _provider_id(response)
    if own is not None:
        return _digest(b"response", own.encode("utf-8", "replace"), said.encode("utf-8", "replace"))
    return _digest(source.encode(), given.encode("utf-8", "replace")) if given else None


def _provider_id(response: JsonObject | None) -> str | None:
    own = as_text((response or {}).get("id"))
    return own if len(own) >= _SHORTEST_PROVIDER_ID else None


def _digest(*parts: bytes) -> str:
    """Thirty-two hexadecimal digits; no two lists of parts are joined to the same bytes."""
    joined = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return sha256(joined).hexdigest()[:_ID_DIGITS]
