"""What a call of a model asks for, put together from all the places where SDKs have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.prices import sells_no_batches
from locum.scan.gathering import (
    CHOICE,
    FORMAT,
    MESSAGES,
    MODEL,
    NESTED,
    PROMPT,
    SYSTEM,
    TOKENS,
    TOOLS,
    WHOLE,
    Gathered,
)
from locum.scan.messages import Words, add_words
from locum.scan.models import model_name
from locum.scan.tools import count_tools, must_call
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Made,
    Reference,
    Scalar,
    Value,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.scan.evaluation import Evaluator

__all__ = ["Request", "read_request"]

_MESSAGE = re.compile(r"(?:system|user|assistant|chat|human|ai)message(?:param)?$")
_LOCAL = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|host\.docker\.internal|\[::1\]|:11434|\.local\b|"
    r"//(10|192\.168|172\.(1[6-9]|2\d|3[01]))\.",
)
_LOCAL_NAMES = re.compile(r"ollama|llamacpp|llama_cpp|localai|lmstudio|vllm", re.IGNORECASE)


class Request(NamedTuple):
    """What a call of a model asks for.

    Args:
        model: Its value, as far as one is given.
        words: What is said.
        format: Values that may describe the answer's shape.
        tools: How many tools there are; ``None`` where that is unknown.
        is_forced: Whether a tool must be called.
        most_tokens: Bound on the answer.
        temperature: As a constant.
        is_local: Whether the model runs on a machine of one's own.
        sells_batches: Whether the provider may have a lower price for batches.
    """

    model: Value | None
    words: Words
    format: tuple[Value, ...]
    tools: int | None
    is_forced: bool
    most_tokens: int | None
    temperature: float | None
    is_local: bool
    sells_batches: bool


def read_request(ev: Evaluator, made: Made, places: tuple[str, ...]) -> Request:
    """Return what a call of a model asks for.

    Args:
        ev: For lambdas among the arguments.
        made: The call, and what it is called on.
        places: Names of arguments by their place.
    """
    gathered = Gathered(ev)
    last = made.last()
    if made.steps:
        gathered.spread_made(
            Made(made.name, made.is_call, made.arguments, made.named, made.types, made.steps[:-1])
        )
    for number, argument in enumerate(_without_context(last.arguments)):
        name = places[number] if number < len(places) else "request"
        if isinstance(argument, Fields) and _is_request(argument):
            name = "request"
        if name == "variables":
            continue
        if isinstance(argument, Made) and _MESSAGE.search(plain(argument.name)):
            name = "messages"
        if plain(last.name) in FORMAT:
            gathered.add(last.name, argument)
        elif name in NESTED and not isinstance(argument, Fields | Input):
            gathered.positional([argument])
        else:
            gathered.add(name, argument)
    for key, argument in last.named.items():
        gathered.add(key, argument)
    gathered.formats += [Reference(one) for one in last.types]
    return _request(gathered)


def _is_request(value: Fields) -> bool:
    keys = {plain(key) for key in value.entries}
    return bool(keys & {*MODEL, *MESSAGES, "system", "prompt"} - {"message", "text"})


def _without_context(arguments: Sequence[Value]) -> list[Value]:
    """Go passes a context first."""
    if arguments and _is_context(arguments[0]):
        return list(arguments[1:])
    return list(arguments)


def _is_context(value: Value) -> bool:
    if isinstance(value, Made):
        return value.path().startswith(("context.", "ctx")) or value.path().endswith(".context")
    return getattr(value, "name", "") in {"ctx", "context", "c"}


def _request(gathered: Gathered) -> Request:
    words = Words(is_conversation=gathered.grows)
    for value in gathered.all(SYSTEM):
        add_words(words, value, "system")
    for value in gathered.all(MESSAGES):
        add_words(words, value, "user", is_list=value in gathered.by_key.get("messages", ()))
    for value in gathered.all(PROMPT):
        if not (isinstance(value, Fields) and "format" in value.entries):
            add_words(words, value, "user")
    if not words.count():
        words.inputs += [one for one in gathered.all(WHOLE) if isinstance(one, Input)]
    tools = count_tools(gathered.all(TOOLS))
    formats = [*gathered.all(FORMAT), *gathered.formats]
    formats += [Fields({"enum": one}) for one in gathered.all(("enum",)) if isinstance(one, Items)]
    is_forced = must_call(gathered.first(CHOICE))
    if is_forced or (tools == 1 and _is_extraction(gathered)):
        formats += gathered.all(TOOLS)
    model = gathered.first(MODEL)
    if model is None and gathered.models:
        model = gathered.models[-1]
    most = _number(gathered.first(TOKENS))
    return Request(
        model=model,
        words=words,
        format=tuple(formats),
        tools=tools,
        is_forced=is_forced,
        most_tokens=None if most is None else int(most),
        temperature=_number(gathered.first(("temperature",))),
        is_local=_is_local(gathered),
        sells_batches=_sells_batches(gathered, model),
    )


def _is_extraction(gathered: Gathered) -> bool:
    return any(plain(name) in {"bindtools", "withtools"} for name in gathered.names) and bool(
        gathered.first(CHOICE)
    )


def _is_local(gathered: Gathered) -> bool:
    if any(_LOCAL.search(text) for text in gathered.texts):
        return True
    addresses = gathered.all(("baseurl", "apibase", "endpoint", "host"))
    if any("local" in getattr(one, "name", "").lower() for one in addresses):
        return True
    return any(_LOCAL_NAMES.search(name) for name in gathered.names)


def _sells_batches(gathered: Gathered, model: Value | None) -> bool:
    chosen = model.path() if isinstance(model, Made) else model_name(model) or ""
    named = [*gathered.names, chosen]
    addresses = [text for text in gathered.texts if "//" in text]
    return not any(sells_no_batches(one) for one in [*named, *addresses])


def _number(value: Value | None) -> float | None:
    """Return a number of at most 64 bits, as reports can hold no other."""
    if isinstance(value, Scalar) and isinstance(value.value, int | float):
        is_number = not isinstance(value.value, bool) and abs(value.value) < 2**63
        return value.value if is_number else None
    if isinstance(value, Items) and len(value.items) == 1:
        return _number(value.items[0])
    return None
