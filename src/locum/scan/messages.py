"""The words of a request: messages, prompts and templates in all their forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from locum.scan.formatting import placeholders
from locum.scan.models import looks_like_model
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Made,
    Reference,
    Scalar,
    Slot,
    Step,
    Text,
    Unknown,
    Value,
    as_text,
    constant_text,
    plain,
)

__all__ = ["Words", "add_words", "is_role_pair", "is_template"]

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
}
_MEDIA = re.compile(
    r"image|audio|inlinedata|filedata|blob|video|document|inputfile|fromuri|frombytes|media|^file$|^pdf$"
)
_TEXT_TYPES = frozenset({"text", "inputtext", "outputtext"})
_PLACEHOLDERS = re.compile(r"placeholder", re.IGNORECASE)
_TEMPLATE = re.compile(
    r"(?:^|[.:\\])(?=[A-Z])\w*Template(?:$|[.:])|(?:^|[.:])from_?(?:[Tt]emplate|[Mm]essages)$"
)
_HISTORY = re.compile(r"messages|history|conversation|turns|dialog|^thread$|^chat$|chatlog")
_BUILT = re.compile(r"content|message|part|text|prompt|block|build|history|turn")
_SPELLED_OUT = frozenset({"system", "developer", "user", "human", "assistant", "chatbot"})
_NO_CONTENT = frozenset({"role", "type", "build", "param", "params"})
_FETCHING = ("get", "load", "make", "fetch", "render", "format", "read", "find")
_BUILDING = frozenset({"text", "content", "role", "prompt"})
_CONTENT_KEYS = ("content", "text", "parts", "contents", "template", "messages", "prompt", "value")
_NOT_WORDS = frozenset({"role", "name", "cachecontrol", "type"})


@dataclass(slots=True)
class Words:
    """What a request says.

    Args:
        system: Texts of the system instruction.
        user: Texts of what the user says, those of examples in between among them.
        is_conversation: Whether a whole conversation is passed on.
        has_media: Whether there are images, sound or documents.
        inputs: Functions whose parameters stand for whole messages.
    """

    system: list[Text] = field(default_factory=list)
    user: list[Text] = field(default_factory=list)
    is_conversation: bool = False
    has_media: bool = False
    inputs: list[Input] = field(default_factory=list)

    def add(self, role: str, text: Text) -> None:
        """Note a text of a role."""
        known = text if any(text.parts) else Text((Slot("text"),))
        (self.system if role == "system" else self.user).append(known)

    def count(self) -> int:
        """Return how much has been noted."""
        return len(self.system) + len(self.user) + self.is_conversation + self.has_media

    def texts(self) -> list[Text]:
        """Return all texts, the system instruction first."""
        return [*self.system, *self.user]


def add_words(words: Words, value: Value, role: str, *, is_list: bool = False) -> None:
    """Note what a value says that stands where messages or a prompt are expected.

    Args:
        words: What is said so far.
        value: A text, a message, a list of messages, or a template.
        role: Whose words a bare text is.
        is_list: Whether a list of messages is expected, so that what is unknown is a conversation.
    """
    match value:
        case Text():
            words.add(role, value)
        case Items():
            _add_items(words, value, role)
        case Fields():
            _add_fields(words, value, role)
        case Made():
            _add_made(words, value, role, is_list=is_list)
        case Input():
            words.inputs.append(value)
            if is_list or _HISTORY.search(plain(value.name)):
                words.is_conversation = True
            else:
                words.add(role, as_text(value))
        case Unknown() | Reference():
            name = value.name if isinstance(value, Unknown) else value.path.rsplit(".", 1)[-1]
            if is_list or _HISTORY.search(plain(name)):
                words.is_conversation = True
            else:
                words.add(role, as_text(value))
        case Scalar():
            pass


def _add_items(words: Words, value: Items, role: str) -> None:
    pair = _pair(value)
    if pair is not None:
        if pair[0] == "placeholder":
            words.is_conversation = True
        else:
            add_words(words, pair[1], _ROLES.get(pair[0], role))
        return
    if value.grows:
        words.is_conversation = True
    unknown = [one for one in value.items if not isinstance(one, Text | Fields | Items | Made)]
    known = [one for one in value.items if isinstance(one, Text | Fields | Items | Made)]
    for item in known:
        add_words(words, item, role)
    words.is_conversation = words.is_conversation or (bool(unknown) and value.is_open)
    for other in [] if value.is_open else unknown:
        add_words(words, other, role)
    if value.is_open and not unknown:
        words.is_conversation = True


def _pair(value: Items) -> tuple[str, Value] | None:
    """``("system", text)``: a message as a tuple."""
    if len(value.items) != 2 or value.is_open:
        return None
    first = plain(constant_text(value.items[0]) or "")
    return (first, value.items[1]) if first in {*_ROLES, "placeholder"} else None


def is_role_pair(value: Value) -> bool:
    """Return whether a value is a message as a tuple, ``("system", text)``."""
    return isinstance(value, Items) and _pair(value) is not None


def _role_of(value: Value | None, otherwise: str) -> str:
    if isinstance(value, Reference):
        name = plain(value.path.rsplit(".", 1)[-1])
    else:
        name = plain(constant_text(value) or "")
    for known, role in _ROLES.items():
        if name == known or (len(known) > 2 and name.endswith(known)):
            return role
    return otherwise


def _add_fields(words: Words, value: Fields, role: str) -> None:
    entries = {plain(key): one for key, one in value.entries.items()}
    kind = plain(constant_text(entries.get("type")) or "")
    if kind and kind not in _TEXT_TYPES and ("role" not in entries):
        if _MEDIA.search(kind):
            words.has_media = True
        elif kind.startswith(("tool", "function")):
            words.is_conversation = True
        return
    if any(_MEDIA.search(key) for key in entries):
        words.has_media = True
    role = _role_of(entries.get("role"), _type_role(value.type_name, role))
    contents = [entries[key] for key in _CONTENT_KEYS if key in entries]
    if not contents and "role" not in entries:
        contents = [one for key, one in entries.items() if key not in _NOT_WORDS]
        contents = contents if len(contents) == 1 else []
    for content in contents[:1]:
        add_words(words, content, role)


def _type_role(type_name: str, role: str) -> str:
    return _role_of(Text((type_name.removesuffix("Message").removesuffix("Param"),)), role)


def _add_made(words: Words, value: Made, role: str, *, is_list: bool) -> None:
    path = value.path()
    own = plain(value.name)
    if _PLACEHOLDERS.search(own):
        words.is_conversation = True
    elif is_template(value) and (value.arguments or value.named or value.steps):
        _add_template(words, value, role)
    elif value.is_call and _MEDIA.search(own) and not re.search(r"user|system|message", own):
        words.has_media = True
    elif _is_built(value):
        _add_built(words, value, path, role, is_list=is_list and bool(_HISTORY.search(own)))
    elif is_list or (not value.is_call and _HISTORY.search(plain((path or "").rsplit(".", 1)[-1]))):
        words.is_conversation = True
    else:
        words.add(role, as_text(value))


def _is_built(value: Made) -> bool:
    """Whether a constructor, a function or a builder makes a message or a part of one."""
    if value.is_call:
        name = plain(value.name.rsplit(".", 1)[-1])
        is_made = bool(_BUILT.search(plain(value.name))) and not name.startswith(_FETCHING)
        return is_made or not value.name
    first = value.steps[0] if value.steps else None
    return first is not None and bool(first.arguments) and plain(first.name) in _BUILDING


def is_template(value: Made) -> bool:
    """Return whether a call makes a template of a prompt, by a class and not by any function."""
    return value.is_call and bool(_TEMPLATE.search(value.name))


def _add_template(words: Words, value: Made, role: str) -> None:
    inner = Words()
    steps = [one for one in value.steps if not re.search(r"format|invoke|render", plain(one.name))]
    parts: list[Made | Step] = [value, *steps]
    for part in parts:
        for argument in part.arguments:
            add_words(inner, argument, role)
        for key, argument in part.named.items():
            if plain(key) in {"template", "messages", "prompt"}:
                add_words(inner, argument, role)
    words.system += [placeholders(text) for text in inner.system]
    words.user += [placeholders(text) for text in inner.user]
    words.is_conversation = words.is_conversation or inner.is_conversation
    words.has_media = words.has_media or inner.has_media


def _add_built(words: Words, value: Made, path: str, role: str, *, is_list: bool) -> None:
    """A message that a constructor, a function or a builder makes."""
    named = [meant for known, meant in _ROLES.items() if known in _SPELLED_OUT and known in path]
    role = _builder_role(value, named[0] if named else role)
    role = _role_of(value.named.get("role") or value.named.get("Role"), role)
    count = words.count()
    given: list[Value] = [*value.arguments]
    given += [one for key, one in value.named.items() if plain(key) in _CONTENT_KEYS]
    for step in value.steps:
        given += _add_step(words, step, role)
    for argument in given:
        if isinstance(argument, Scalar) or _is_role(argument):
            role = _role_of(argument, role)
        elif not looks_like_model(constant_text(argument) or ""):
            add_words(words, argument, role, is_list=is_list)
    if words.count() == count and not any(step.name == "grows" for step in value.steps):
        words.add(role, Text((Slot(path),)))


def _add_step(words: Words, step: Step, role: str) -> tuple[Value, ...]:
    """Note a message that is added to others; return what else a method was given."""
    name = plain(step.name)
    if name == "grows":
        words.is_conversation = True
    elif name.startswith(("add", "append")) and name.endswith("message"):
        meant = _role_of(Text((name.removeprefix("add").removesuffix("message"),)), role)
        for argument in step.arguments[:1]:
            add_words(words, argument, meant)
    elif step.is_call and name not in _NO_CONTENT:
        return step.arguments
    return ()


def _is_role(value: Value) -> bool:
    if isinstance(value, Reference):
        return bool(_role_of(value, ""))
    return plain(constant_text(value) or "") in _ROLES


def _builder_role(value: Made, role: str) -> str:
    for step in value.steps:
        if plain(step.name) == "role" and step.arguments:
            return _role_of(step.arguments[0], role)
    return role
