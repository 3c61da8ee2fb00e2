"""The texts in the values of a call, and copies of those values to change."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SHORTEST", "Leaf", "context_of", "copied", "leaves", "rename", "texts"]

# No kind of data that is known here is shorter, where nothing says what it is.
SHORTEST = 6
_SHORTEST_NAMED = 3
_SMALLEST = 10**12
_SMALLEST_NAMED = 100
# A longer key says nothing of its value, and what it says is not kept in memory.
_LONGEST_KEY = 64
# Nor does one that holds a placeholder, which has brackets.
_TELLING = re.compile(
    r"(?=[\w .:-]+$).*(?:pass|pwd|secret|token(?!s)|key|auth|cv[vc]|senha|phone|telef|\btel"
    r"|mobil|cell|fax|ssn|whatsapp)",
    re.IGNORECASE,
)
# Where OpenAI's APIs, vLLM, llama.cpp and SGLang list tokens of an answer or of a request.
_TOKENS = frozenset(
    {
        "logprobs",
        "prompt_logprobs",
        "completion_probabilities",
        "input_token_logprobs",
        "output_token_logprobs",
    }
)
_TOKEN = ("token", "content", "decoded_token")
# No kind of data is written in so few letters alone.
_PLAIN_KEY = re.compile(r"[a-z_]{0,40}|[A-Za-z]{0,12}")


class Leaf(NamedTuple):
    """A text, and where it stands.

    Args:
        container: The object or list that holds it.
        key: Its key or place there.
        text: What is to be searched.
        context: Text that is thought to stand before it, as it says what the text is.
        part: ``key`` where the text is the key itself, ``tokens`` where it is what the
            log-probabilities in this place spell.
    """

    container: Any
    key: Any
    text: str
    context: str
    part: Literal["value", "key", "tokens"]


def leaves(root: list[Any], shortest: int = SHORTEST) -> Iterator[Leaf]:
    """Yield what can hold something to redact, in the order in which it is written.

    A value in its place may be replaced while this runs; keys may not.

    Args:
        root: The values of a call.
        shortest: Characters of a text that can hold something by itself.
    """
    stack: list[tuple[Any, Iterator[tuple[Any, Any]], str]] = [(root, enumerate(root), "")]
    while stack:
        container, items, context = stack[-1]
        is_object = isinstance(container, dict)
        for key, value in items:
            if is_object:
                context, is_plain = _read_key(key)
                if not is_plain:
                    yield Leaf(container, key, key, "", "key")
            if not isinstance(value, (dict, list)):
                if (text := _text_of(value, context, shortest)) is not None:
                    yield Leaf(container, key, text, context, "value")
            elif key in _TOKENS and (spelt := _spelt(value)):
                yield Leaf(container, key, spelt, "", "tokens")
            elif below := _items(value):
                stack.append((value, below, context))
                break
        else:
            stack.pop()


def texts(value: Any, shortest: int = SHORTEST) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return text and context of each leaf of a value, in any order; faster than `leaves`."""
    found: list[tuple[str, str]] = []
    stack: list[tuple[Any, str]] = [(value, "")]
    while stack:
        held, context = stack.pop()
        if isinstance(held, dict):
            for key, item in held.items():
                told, is_plain = _read_key(key)
                if not is_plain:
                    found.append((key, ""))
                if key in _TOKENS and isinstance(item, (dict, list)) and (spelt := _spelt(item)):
                    found.append((spelt, ""))
                else:
                    stack.append((item, told))
        elif isinstance(held, list):
            if not _is_vector(held):
                stack.extend([(item, context) for item in held])
        elif (text := _text_of(held, context, shortest)) is not None:
            found.append((text, context))
    return found


def _text_of(value: object, context: str, shortest: int) -> str | None:
    if isinstance(value, str):
        least = min(_SHORTEST_NAMED, shortest) if context else shortest
        return value if len(value) >= least else None
    is_number = type(value) is int and value >= (_SMALLEST_NAMED if context else _SMALLEST)
    return str(value) if is_number else None


def _items(value: dict[str, Any] | list[Any]) -> Iterator[tuple[Any, Any]] | None:
    if isinstance(value, dict):
        return iter(value.items())
    return None if _is_vector(value) else enumerate(value)


def _is_vector(value: list[Any]) -> bool:
    """Whether a list is an embedding, which is long and holds nothing."""
    return bool(value) and type(value[0]) is float and set(map(type, value)) == {float}


def context_of(key: str) -> str:
    """Return what a key says of its value, as it could be written before it; often nothing."""
    return _read_key(key)[0]


def _read_key(key: str) -> tuple[str, bool]:
    """Return the context that a key gives, and whether it cannot hold anything itself."""
    return _read_short_key(key) if len(key) <= _LONGEST_KEY else ("", False)


@lru_cache(maxsize=4096)
def _read_short_key(key: str) -> tuple[str, bool]:
    return f'{key}="' if _TELLING.match(key) else "", _PLAIN_KEY.fullmatch(key) is not None


def _spelt(logprobs: dict[str, Any] | list[Any]) -> str:
    """Return the text that log-probabilities spell, in each of the shapes that APIs give them."""
    if isinstance(logprobs, list):
        return _joined(logprobs)
    tokens = logprobs.get("tokens")
    if isinstance(tokens, list):
        return "".join(token for token in tokens if isinstance(token, str))
    return _joined(logprobs.get("content")) + _joined(logprobs.get("refusal"))


def _joined(entries: object) -> str:
    if not isinstance(entries, list):
        return ""
    return "".join(map(_token_of, entries))


def _token_of(entry: object) -> str:
    """Return the token that was written at a place.

    It has a name, is the last of SGLang's three values, or is the first of vLLM's objects by the
    ids of tokens.
    """
    if isinstance(entry, list):
        return entry[-1] if entry and isinstance(entry[-1], str) else ""
    if not isinstance(entry, dict):
        return ""
    named = next((entry[name] for name in _TOKEN if name in entry), None)
    if named is None:
        first = next(iter(entry.values()), None)
        named = first.get("decoded_token") if isinstance(first, dict) else None
    return named if isinstance(named, str) else ""


def copied(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a copy in which objects and lists are new, however deep they lie."""
    root = [value]
    stack: list[Any] = [root]
    while stack:
        container = stack.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in items:
            if isinstance(item, (dict, list)):
                container[key] = item.copy()
                stack.append(container[key])
    return root[0]


def rename(container: dict[str, Any], names: dict[str, str]) -> None:
    """Change keys of an object in their place; a second one of the same name gets a dash."""
    items = list(container.items())
    container.clear()
    for key, value in items:
        name = names.get(key, key)
        while name in container:
            name += "-"
        container[name] = value
