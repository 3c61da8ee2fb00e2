"""LiteLLM's StandardLoggingPayload, as its callbacks write it to files, buckets and queues.

Rows of its own table, ``LiteLLM_SpendLogs``, have the same fields but for few: what was asked
stands in ``proxy_server_request``, and ``messages`` is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis import guess_endpoint
from locum.traffic.apis.lenient import as_object, without
from locum.traffic.imports.bodies import outcome_of, to_answer, to_request, with_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import (
    amount,
    decoded,
    first,
    milliseconds,
    moment,
    whole_number,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Endpoint, JsonObject

__all__ = ["LITELLM"]

_OWN = ("custom_llm_provider", "model_map_information", "litellm_call_id", "hidden_params")
# Others, such as image_generation, neither ask for text nor embed it.
_PLAIN = (
    *("completion", "text_completion", "responses", "embedding"),
    *("generate_content", "generate_content_stream", "llm_passthrough_route"),
)
_ASYNCHRONOUS = [f"a{name}" for name in _PLAIN]
_CALLS = {"", "anthropic_messages", "pass_through_endpoint", *_PLAIN, *_ASYNCHRONOUS}
_REDACTED = "redacted-by-litellm"
_TRUNCATED = "litellm_truncated"


def _matches(record: JsonObject) -> bool:
    return "call_type" in record and "messages" in record and any(n in record for n in _OWN)


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    call_type = word(record.get("call_type")) or ""
    if call_type not in _CALLS:
        return
    given = decoded(record.get("messages")) or _sent(record)
    _require_contents(given, record.get("response"))
    endpoint = _endpoint(call_type)
    parameters = as_object(decoded(record.get("model_parameters")))
    settings = {"model": record.get("model"), **parameters}
    failed = record.get("status") == "failure"
    cached = str(record.get("cache_hit")).lower() == "true"
    came = to_answer(None if failed else record.get("response"))
    answer = _answer(record, came.response, cached=cached)
    as_input = endpoint in ("responses", "embeddings") and not isinstance(given, dict)
    body = {**settings, "input": given} if as_input else to_request(given, settings, is_body=True)
    started = moment(record.get("startTime"))
    code = as_object(record.get("error_information")).get("error_code")
    yield LoggedCall(
        endpoint=endpoint if endpoint == "embeddings" else guess_endpoint(body, answer),
        request=body,
        response={"error": {"message": record.get("error_str")}} if failed else answer,
        id=word(first(record, "litellm_call_id", "request_id", "id")),
        time=started,
        outcome=outcome_of(answer, whole=came.whole),
        status=whole_number(code) if failed else None,
        application=word(as_object(decoded(record.get("metadata"))).get("user_api_key_alias")),
        upstream=word(record.get("custom_llm_provider")),
        streamed=record.get("stream") is True,
        latency_ms=milliseconds(started, moment(record.get("endTime"))),
        first_byte_ms=milliseconds(started, moment(record.get("completionStartTime"))),
        # Zero is also what LiteLLM says of a model that it has no price for.
        cost_usd=0.0 if cached else amount(first(record, "response_cost", "spend")) or None,
    )


def _sent(record: JsonObject) -> JsonObject:
    """The body that came to the proxy, with or without its HTTP envelope."""
    sent = as_object(decoded(record.get("proxy_server_request")))
    return as_object(sent.get("body")) or sent


def _require_contents(given: object, response: object) -> None:
    if _REDACTED in str(given)[:200]:
        raise BadRowError("LiteLLM logged it without contents (turn_off_message_logging)")
    if not given:
        raise BadRowError(
            "LiteLLM logged it without what was asked: set store_prompts_in_spend_logs, "
            "for calls from then on"
        )
    if _TRUNCATED in str(given) or _TRUNCATED in str(response):
        raise BadRowError(
            "LiteLLM cut its texts: set MAX_STRING_LENGTH_PROMPT_IN_DB higher, "
            "for calls from then on"
        )


def _answer(record: JsonObject, answer: JsonObject | None, *, cached: bool) -> JsonObject | None:
    tokens = (record.get("prompt_tokens"), record.get("completion_tokens"))
    response = with_usage(answer, *tokens)
    # A cached answer repeats the id of the one that was paid for.
    return without(response, "id") if response is not None and cached else response


def _endpoint(call_type: str) -> Endpoint:
    if "embedding" in call_type:
        return "embeddings"
    return "responses" if "responses" in call_type else "chat"


LITELLM = LogFormat("litellm", "LiteLLM StandardLoggingPayload", _matches, _read)
