"""What an audit looks at in a recorded call."""

from __future__ import annotations

from hashlib import sha256
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.replaced import answering_model
from locum.audit.words import read_words
from locum.promotion.answerable import read_answerable
from locum.promotion.frame import settings_of
from locum.store import CallFilter, CallStore
from locum.traffic import input_text, instruction, thought_frame
from locum.traffic.conversation import first_choice
from locum.traffic.json_requests import asked_schema, object_text
from locum.traffic.make_call import price_share
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.schema import Call, JsonObject
    from locum.store import Database

__all__ = ["Asked", "ask", "digest", "read_asked", "read_calls"]

_DIGITS = 16
_INSTRUCTING = ("system", "developer")
_IDS_A_QUERY = 1_000


class Asked(NamedTuple):
    """One call.

    Args:
        id: Of the call.
        time: When it was sent, in seconds since 1970.
        fingerprint: Of its instruction and kind of output.
        form: Digest of the output format and the tools that it asks for.
        instruction: What the model is told to do.
        text: What the last user message says.
        turns: Digest of the turns before that, numbers and the like aside; empty where there are
            none.
        replies: Answers of the model among those turns.
        uses_tools: Whether the model may choose among tools, or has called one before.
        answer: What was answered; the arguments of the one tool that was offered. ``None`` for a
            refusal, for other tool calls and for nothing.
        thought: Whether the model's thoughts stand before that, in the answer's text.
        called: Whether the answer calls a tool.
        fields: Properties of the JSON Schema that the answer has to satisfy; empty without one.
        model: The model that was asked for.
        answered_by: The model that answered; see `answering_model`.
        settings: Digest of the settings that bear on what is answered, as of a frame; empty where
            something keeps every student from answering.
        application: The application that called; empty where that is not known.
        streamed: Whether the answer was streamed.
        batched: Whether it was paid at the price of batches.
        temperature: What was asked for; ``None`` where nothing was.
        latency_ms: Milliseconds to the end of the answer.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        cost_usd: What the call cost.
        request: Digest of the whole request and the application that sent it.
        hindrance: What of it keeps every student in a gateway from answering it; empty where
            nothing does.
    """

    id: str
    time: float
    fingerprint: str
    form: str
    instruction: str
    text: str
    turns: str
    replies: int
    uses_tools: bool
    answer: str | None
    thought: bool
    called: bool
    fields: tuple[str, ...]
    model: str
    answered_by: str
    settings: str
    application: str
    streamed: bool
    batched: bool
    temperature: float | None
    latency_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    request: bytes
    hindrance: str


def read_asked(
    database: Database, ids: Sequence[str], damaged: set[str] | None = None
) -> list[Asked]:
    """Read calls, in the order of their ids as given; those that are gone are left out.

    Args:
        database: The store.
        ids: Of the calls.
        damaged: Takes the ids of those that cannot be read, which are left out as well.

    Raises:
        InputError: The store cannot be read.
    """
    found = {call.facts.id: ask(call) for call in read_calls(database, ids, damaged)}
    return [found[call_id] for call_id in ids if call_id in found]


def read_calls(
    database: Database, ids: Sequence[str], damaged: set[str] | None = None
) -> Iterator[Call]:
    """Yield calls, in no order; arguments as of `read_asked`."""
    store, skipped = CallStore(database), set[str]() if damaged is None else damaged
    for start in range(0, len(ids), _IDS_A_QUERY):
        some = CallFilter(ids=tuple(ids[start : start + _IDS_A_QUERY]))
        yield from store.iterate(some, skipped.add)


def ask(call: Call) -> Asked:
    """Return what an audit looks at in a call."""
    facts, request, response = call.facts, call.request, call.response or {}
    temperature = request.get("temperature")
    turns = list(_earlier_turns(request))
    schema = asked_schema(request) or {}
    read = read_answerable(facts.endpoint, request)
    properties = schema.get("properties")
    return Asked(
        id=facts.id,
        time=facts.time,
        fingerprint=intern(facts.fingerprint),
        form=intern(_form(request)),
        instruction=intern(instruction(request)),
        text=input_text(request),
        turns=intern(_digest_of_turns(turns)),
        replies=sum(turn.get("role") == "assistant" for turn in turns),
        uses_tools=_uses_tools(request, turns),
        answer=object_text(request, response),
        thought=bool(thought_frame(response)),
        called=bool(_message(response).get("tool_calls")),
        fields=tuple(properties) if isinstance(properties, dict) else (),
        model=intern(facts.model),
        answered_by=answering_model(call),
        settings="" if isinstance(read, str) else intern(settings_of(read.split.rest)),
        application=intern(facts.application or ""),
        streamed=facts.streamed,
        batched=price_share(request, response) < 1,
        temperature=float(temperature) if isinstance(temperature, (int, float)) else None,
        latency_ms=facts.latency_ms,
        input_tokens=facts.input_tokens,
        output_tokens=facts.output_tokens,
        cost_usd=facts.cost_usd,
        request=sha256(canonical_json([facts.application, request])).digest()[:_DIGITS],
        hindrance=intern(read) if isinstance(read, str) else "",
    )


def digest(value: object) -> str:
    """Return digits that are alike for values that JSON writes alike."""
    return sha256(canonical_json(value)).hexdigest()[:_DIGITS]


def _form(request: JsonObject) -> str:
    form = request.get("response_format")
    plain = isinstance(form, dict) and form.get("type") == "text"
    asked = [None if plain else form, request.get("tools") or None]
    return "" if asked == [None, None] else digest(asked)


def _messages(request: JsonObject) -> list[JsonObject]:
    given = request.get("messages")
    return [message for message in given if isinstance(message, dict)] if given else []


def _message(response: JsonObject) -> JsonObject:
    message = first_choice(response).get("message")
    return message if isinstance(message, dict) else {}


def _earlier_turns(request: JsonObject) -> Iterator[JsonObject]:
    """Messages before the last one of the user's, but for the instruction."""
    messages = _messages(request)
    asking = [place for place, one in enumerate(messages) if one.get("role") == "user"]
    for message in messages[: asking[-1] if asking else len(messages)]:
        if message.get("role") not in _INSTRUCTING:
            yield message


def _uses_tools(request: JsonObject, turns: Sequence[JsonObject]) -> bool:
    """Tell whether there is a choice of tools; one alone is a way to ask for JSON."""
    tools = request.get("tools")
    several = isinstance(tools, list) and len(tools) > 1 and not _is_forced(request)
    messages = [*turns, *_messages(request)[-1:]]
    return several or any(
        message.get("tool_calls") or message.get("role") in {"tool", "function"}
        for message in messages
    )


def _is_forced(request: JsonObject) -> bool:
    return isinstance(request.get("tool_choice"), dict)


def _digest_of_turns(turns: Sequence[JsonObject]) -> str:
    if not turns:
        return ""
    said = [
        (turn.get("role"), read_words(input_text({"messages": [_as_user(turn)]})).keys)
        for turn in turns
    ]
    return digest(said)


def _as_user(turn: JsonObject) -> JsonObject:
    return {**turn, "role": "user"}
