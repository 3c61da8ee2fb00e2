"""Teachers as settings declare them."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.teachers.chat import ChatTeacher
from locum.teachers.messages import MessagesTeacher
from locum.teachers.votes import Votes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.config import TeacherSettings
    from locum.store import BatchStore
    from locum.teachers.http import HttpTeacher
    from locum.teachers.protocol import Teacher

__all__ = ["build_teacher"]

_KINDS = ("url", "local", "file", "function", "panel")
_OF_AN_API = (
    "model",
    "api",
    "batch",
    "votes",
    "key_env",
    "model_version",
    "top_logprobs",
    "parameters",
    "max_tokens",
    "temperature",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "attempts",
    "timeout_seconds",
)
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "url": _OF_AN_API,
    "local": ("model", "gguf_file", "revision", "dtype", "device", "batch_size"),
    "file": ("model",),
    "function": ("model", "model_version", "batch_size"),
    "panel": ("model",),
}
_USUAL_VOTES = (3, 8)
_ONCE = (1, 1)


def build_teacher(
    settings: TeacherSettings,
    others: Mapping[str, TeacherSettings],
    batches: BatchStore | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Teacher:
    """Return the teacher that settings describe.

    Args:
        settings: What is asked for.
        others: Declared teachers by name, for the members of a panel.
        batches: Where batches that lie with a provider are noted.
        told: Is told how batches go on.

    Raises:
        UsageError: They do not say who is asked, or name somebody who is not there.
    """
    given = [kind for kind in _KINDS if getattr(settings, kind) is not None]
    if len(given) != 1:
        raise UsageError(
            f"a teacher needs one of {', '.join(_KINDS)}, and got {', '.join(given) or 'none'}"
        )
    _check_fields(given[0], settings)
    if settings.panel is not None:
        members = [_declared(name, others) for name in settings.panel]
        return _panel([build_teacher(m, others, batches, told) for m in members], settings.model)
    if settings.url is not None:
        return _api(settings, batches, told)
    return _on_this_machine(settings)


def _check_fields(kind: str, settings: TeacherSettings) -> None:
    """Refuse settings that would do nothing."""
    said = settings.model_fields_set - {kind, *_FIELDS[kind]}
    idle = sorted(name for name in said if getattr(settings, name) not in (None, "", False, [1, 1]))
    if idle:
        raise UsageError(
            f"{', '.join(idle)} would do nothing for a teacher by {kind}: leave that out"
        )


def _declared(name: str, others: Mapping[str, TeacherSettings]) -> TeacherSettings:
    if name not in others:
        raise UsageError(
            f"there is no teacher {name!r} (declared: {', '.join(others) or 'none'}): give a URL, "
            f"or declare [teachers.{name}] in locum.toml"
        )
    if others[name].panel is not None:
        raise UsageError(f"teacher {name!r} is a panel, and cannot sit on one")
    return others[name]


def _panel(members: Sequence[Teacher], name: str | None) -> Teacher:
    from locum.teachers.panel import Panel

    return Panel(members, name=name)


def _on_this_machine(settings: TeacherSettings) -> Teacher:
    if settings.local is not None:
        from locum.teachers.local import LocalTeacher

        return LocalTeacher(
            settings.local,
            gguf_file=settings.gguf_file,
            batch_size=settings.batch_size,
            dtype=settings.dtype,
            device=settings.device,
            revision=settings.revision,
            name=settings.model,
        )
    if settings.file is not None:
        from locum.teachers.file import AnswerFile

        return AnswerFile(Path(settings.file), name=settings.model)
    assert settings.function is not None
    from locum.teachers.function import FunctionTeacher

    function = _import(settings.function)
    name = settings.model or settings.function
    return FunctionTeacher(
        function, name, version=settings.model_version, batch_size=settings.batch_size
    )


def _import(place: str) -> Callable[..., Any]:
    module, colon, name = place.partition(":")
    try:
        function = getattr(import_module(module), name) if colon else None
    except Exception as error:
        raise UsageError(
            f"function {place!r} cannot be imported ({type(error).__name__}: {error}): expected "
            "module:name, with the module in this folder or installed"
        ) from error
    if not callable(function):
        raise UsageError(f"function {place!r}: expected module:name of something to call")
    found: Callable[..., Any] = function
    return found


def _api(
    settings: TeacherSettings, batches: BatchStore | None, told: Callable[[str], None]
) -> Teacher:
    if settings.model is None:
        raise UsageError(f"teacher {settings.url!r} needs the name of its model: add --model NAME")
    if settings.batch and settings.api != "openai":
        raise UsageError("batch is for OpenAI's Batch API: leave it out, or use api = 'openai'")
    usual = _USUAL_VOTES if settings.api == "anthropic" else _ONCE
    least, most = settings.votes or usual
    several = most > 1
    asked: Any = _http_teacher(settings, several=several)
    if settings.batch:
        from locum.teachers.batch import BatchTeacher

        asked = BatchTeacher(asked, batches=batches, told=told)
    return Votes(asked, least=least, most=most) if several else asked


def _http_teacher(settings: TeacherSettings, *, several: bool) -> HttpTeacher:
    assert settings.url is not None
    assert settings.model is not None
    usual = 1.0 if several else 0.0
    options: dict[str, Any] = {
        "version": settings.model_version,
        "parameters": {
            name: None if value == "none" else value for name, value in settings.parameters.items()
        },
        "max_tokens": settings.max_tokens,
        "temperature": usual if settings.temperature is None else settings.temperature,
        "concurrency": settings.concurrency,
        "requests_a_minute": settings.requests_per_minute,
        "tokens_a_minute": settings.tokens_per_minute,
        "attempts": settings.attempts,
        "timeout": settings.timeout_seconds,
        "api_key": _key(settings.key_env),
    }
    if settings.api == "anthropic":
        return MessagesTeacher(settings.url, settings.model, **options)
    alternatives = 0 if several else settings.top_logprobs
    return ChatTeacher(settings.url, settings.model, top_logprobs=alternatives, **options)


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise UsageError(f"the environment variable {variable} holds no key: set it")
    return key
