"""Texts as a language model learns from them: tokens, and which of them are learned.

A plain text is learned whole. Of a prompt with its completion, and of a conversation, what the
assistant says is learned and the rest is only read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import normalize

import orjson

from locum.chat_templates import dated_template
from locum.errors import InputError, UsageError
from locum.writers.prompts import text_beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

__all__ = ["Document", "conversation", "end_token", "passage", "prompted", "read_documents"]

_WHOLE = frozenset({".txt", ".md", ".rst"})
_LINES = frozenset({".jsonl", ".ndjson"})
_LONGEST_SHOWN = 40
_FORMS = 'expected {"text": ...}, {"prompt": ..., "completion": ...} or {"messages": [...]}'


class Document(NamedTuple):
    """One text.

    Args:
        tokens: Their ids.
        learned: Whether each is a target; false at what is only read. The first token of a
            document follows nothing, so it is never one.
    """

    tokens: list[int]
    learned: list[bool]


def passage(text: str, tokenizer: PreTrainedTokenizerBase) -> Document:
    """Return a text that is learned whole, with the token that ends it.

    A token that the tokenizer puts before every text is read. What looks like a special token in
    the text is text.
    """
    tokens = [*text_beginning(tokenizer), *_plain(text, tokenizer), end_token(tokenizer)]
    return Document(tokens, [False, *[True] * (len(tokens) - 1)])


def prompted(prompt: str, completion: str, tokenizer: PreTrainedTokenizerBase) -> Document:
    """Return a completion that is learned, after a prompt that is read, word for word.

    The two are tokenised apart, as they will be when the prompt alone is given, with the token
    before it that the tokenizer puts before every text.
    """
    read = [*text_beginning(tokenizer), *_plain(prompt, tokenizer)]
    written = [*_plain(completion, tokenizer), end_token(tokenizer)]
    learned = [False] * len(read) + [True] * len(written)
    return Document(read + written, [False, *learned[1:]])


def conversation(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    tools: Sequence[Mapping[str, Any]] | None = None,
) -> Document:
    """Return a conversation in the form of the model's chat template; its assistant is learned.

    A first message that is the assistant's answers nothing, and is only read; so is one whose
    ``weight`` is 0.

    Args:
        messages: Each with ``role`` and ``content``, and with what else the template reads.
        tokenizer: Of the student.
        tools: What the assistant can call, as OpenAI's API has it, for the template.

    Raises:
        UsageError: The tokenizer has no chat template, or one that changes what stands before an
            answer once the answer is there, so that nobody can tell which tokens it is, or that
            leaves out some of the answer.
        InputError: The assistant says nothing, or the template refuses the conversation.
    """
    if tokenizer.chat_template is None:
        raise UsageError(
            "this tokenizer has no chat template: give prompt and completion instead of messages"
        )
    roles = [message.get("role") for message in messages]
    answers = [n for n, role in enumerate(roles) if role == "assistant" and n > 0]
    if not any(_counts(messages[number]) for number in answers):
        raise InputError("no message is the assistant's answer: there is nothing to learn")
    tokens: list[int] = []
    learned: list[bool] = []
    for number in answers:
        before = _templated(messages[:number], tokenizer, tools, opened=True)
        after = _templated(messages[: number + 1], tokenizer, tools, opened=False)
        if after[: len(before)] != before or before[: len(tokens)] != tokens:
            raise UsageError(
                "the chat template words a conversation anew when an answer is added, so the "
                "answer's tokens cannot be told: give prompt and completion instead of messages"
            )
        learned += [False] * (len(before) - len(learned))
        learned += [_counts(messages[number])] * (len(after) - len(before))
        _refuse_unsaid(messages[number], after[len(before) :], tokenizer)
        tokens = after
    return Document(tokens, learned)


def _refuse_unsaid(
    message: Mapping[str, Any], tokens: list[int], tokenizer: PreTrainedTokenizerBase
) -> None:
    """See that a template writes an answer whole: some leave thoughts out."""
    said, written = str(message["content"]).strip(), str(tokenizer.decode(tokens))
    if _letters(said) not in _letters(written):
        raise UsageError(
            f"the chat template leaves out some of what the assistant says ({_shown(said)} is "
            f"learned as {_shown(written)}): give prompt and completion instead of messages"
        )


def _letters(text: str) -> str:
    """Return a text as tokenizers may spell it."""
    return "".join(normalize("NFKC", text).casefold().split())


def _counts(message: Mapping[str, Any]) -> bool:
    return message.get("weight") != 0


def end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token that ends a text.

    Raises:
        UsageError: The tokenizer has none.
    """
    found = tokenizer.eos_token_id
    if not isinstance(found, int):
        raise UsageError(
            "this tokenizer has no token that ends a text: set eos_token in its "
            "tokenizer_config.json"
        )
    return found


def read_documents(
    places: Sequence[str | Path], tokenizer: PreTrainedTokenizerBase
) -> list[Document]:
    """Read files and folders: one document a file of text, and one a line of JSON.

    Args:
        places: Files that end in ``.txt``, ``.md``, ``.rst`` (a document each), ``.jsonl`` or
            ``.ndjson`` (an object a line, with ``text``, ``prompt`` and ``completion``, which are
            texts or messages, or ``messages`` and perhaps ``tools``); and folders, whose files of
            those kinds are read in the order of their names. Files are UTF-8.
        tokenizer: Of the student.

    Raises:
        InputError: A file does not exist, is of another kind, is no UTF-8, or a line has another
            form; or there is no document.
    """
    found: list[Document] = []
    for place in places:
        for path in _files(Path(place)):
            text = _read(path)
            if path.suffix.lower() in _WHOLE:
                found += [passage(text, tokenizer)] if text.strip() else []
            else:
                found += _documents_of_lines(path, text, tokenizer)
    if not found:
        raise InputError(
            f"no text in {', '.join(map(str, places)) or 'no file'}: expected files that end in "
            f"{', '.join(sorted(_WHOLE | _LINES))}, or folders of them"
        )
    return found


def _files(place: Path) -> list[Path]:
    known = _WHOLE | _LINES
    if place.is_dir():
        inside = (path for path in place.rglob("*") if path.is_file())
        return sorted(path for path in inside if path.suffix.lower() in known)
    if not place.is_file():
        raise InputError(f"{place} does not exist: expected a file or a folder")
    if place.suffix.lower() not in known:
        raise InputError(
            f"{place} ends in {place.suffix or 'nothing'!r}, expected {', '.join(sorted(known))}"
        )
    return [place]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 at byte {error.start:,}: convert it first") from None


def _documents_of_lines(
    path: Path, text: str, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _document_of(orjson.loads(line), tokenizer)
        except UsageError as error:
            raise UsageError(f"{path} line {number:,}: {error}") from None
        except (InputError, orjson.JSONDecodeError) as error:
            raise InputError(f"{path} line {number:,}: {error}; {_FORMS}") from None


def _document_of(value: Any, tokenizer: PreTrainedTokenizerBase) -> Document:  # noqa: ANN401 - JSON
    match value:
        case {"messages": [*messages]}:
            return conversation(_checked(messages), tokenizer, _tools(value))
        case {"prompt": [*prompt], "completion": [*completion]}:
            messages = [*({**m, "weight": 0} for m in _checked(prompt)), *_checked(completion)]
            return conversation(messages, tokenizer, _tools(value))
        case {"prompt": str(prompt), "completion": str(completion)}:
            return prompted(prompt, completion, tokenizer)
        case {"text": str(text)}:
            return passage(text, tokenizer)
        case dict():
            raise InputError(f"it holds {', '.join(map(str, value)) or 'nothing'}")
    raise InputError(f"it is a {type(value).__name__}")


def _checked(messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Return messages of which each has a role and a text.

    Raises:
        InputError: One has not.
    """
    for number, message in enumerate(messages, start=1):
        match message:
            case {"role": str(), "content": str()}:
                continue
            case {"role": str(), "content": content}:
                found = f"the content {_shown(content)}"
            case dict():
                found = ", ".join(message) or "nothing"
            case _:
                raise InputError(f"message {number} is {_shown(message)}")
        raise InputError(f"message {number} has {found}, expected a role and a content, both text")
    return list(messages)


def _tools(value: dict[str, Any]) -> list[dict[str, Any]] | None:
    match value.get("tools"):
        case None:
            return None
        case [*tools] if all(isinstance(tool, dict) for tool in tools):
            return tools
        case other:
            raise InputError(f"tools is {_shown(other)}, expected a list of objects")


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    shown = orjson.dumps(value).decode()
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."


def _plain(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids)


def _templated(
    messages: Sequence[Mapping[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    tools: Sequence[Mapping[str, Any]] | None,
    *,
    opened: bool,
) -> list[int]:
    import jinja2

    try:
        tokens: list[int] = tokenizer.apply_chat_template(  # type: ignore[assignment]
            [dict(message) for message in messages],
            tools=None if tools is None else [dict(tool) for tool in tools],
            chat_template=dated_template(tokenizer),
            add_generation_prompt=opened,
            return_dict=False,
            sanitize_control_tokens=True,
            enable_thinking=False,
        )
    except jinja2.TemplateError as error:
        raise InputError(f"the chat template refuses the conversation: {error}") from None
    return list(tokens)
