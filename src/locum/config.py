"""``locum.toml``: a project's tasks, teachers, students and gateway, and what is kept of calls."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from locum.errors import UsageError
from locum.schema import OwnPrice, Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "CONFIG_FILE",
    "ApplicationSettings",
    "GatewaySettings",
    "LimitSettings",
    "RedactionSettings",
    "Settings",
    "StoreSettings",
    "StudentSettings",
    "TeacherSettings",
    "UpstreamSettings",
    "load_settings",
    "load_task",
]

CONFIG_FILE = "locum.toml"
_MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class RedactionSettings:
    """What is taken out of calls before they reach the disk; credentials always are.

    Args:
        off: Kinds of personal data that are left in.
        patterns: Regular expressions of one's own, by the name of their placeholder.
    """

    off: frozenset[str] = frozenset()
    patterns: Mapping[str, str] = field(default_factory=dict)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class UpstreamSettings(_Section):
    """A server that answers calls: ``[gateway.upstreams.NAME]``.

    Args:
        url: Its base URL, such as ``https://api.openai.com/v1``.
        api: Whose paths and error shapes it has.
        key_env: Environment variable of the key that it gets; by default the client's own.
        soft_labels: Whether chat completions may be asked for log-probabilities.
        models: The models that it answers, ``*`` at an end meaning any; by default those that no
            other upstream names.
    """

    url: str
    api: Literal["openai", "anthropic"] = "openai"
    key_env: str | None = None
    soft_labels: bool = False
    models: list[str] = []


class ApplicationSettings(_Section):
    """Who may call the gateway: ``[gateway.applications.NAME]``.

    Args:
        key_env: Environment variable of the key that the application sends.
    """

    key_env: str


class LimitSettings(_Section):
    """What one request may take: ``[gateway.limits]``; sizes in bytes, times in seconds.

    Args:
        head_bytes: Request line and headers.
        body_bytes: Body, also after decompression.
        head_seconds: From the first byte of a request to the end of its headers.
        body_seconds: From the end of its headers to the end of its body.
        held_bytes: Bodies of all requests at once; more are answered 503.
        idle_seconds: How long a connection may wait for its next request.
        calls: Calls at once; more are answered 503.
        connections: Connections at once; more are closed.
        connect_seconds: Until an upstream accepts a connection.
        answer_seconds: From the request to the first byte of its answer, and between two bytes.
        notice_seconds: How long the gateway says that it is not ready, and goes on taking calls,
            before it stops on SIGTERM.
        drain_seconds: How long running calls may take when the gateway stops.
    """

    head_bytes: Count = 32 * 1024
    body_bytes: Count = 32 * _MEBIBYTE
    held_bytes: Count = 512 * _MEBIBYTE
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 30.0
    idle_seconds: Seconds = 75.0
    calls: Count = 1_000
    connections: Count = 10_000
    connect_seconds: Seconds = 10.0
    answer_seconds: Seconds = 600.0
    notice_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    drain_seconds: Seconds = 30.0


class GatewaySettings(_Section):
    """The gateway: ``[gateway]``.

    Args:
        host: Address to listen on; another than loopback needs applications.
        port: Port to listen on; 0 takes a free one.
        upstreams: Who answers, by name.
        applications: Who may call, by name; where there are none, anyone who can connect.
        limits: What one request may take.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8400
    upstreams: dict[str, UpstreamSettings] = {}
    applications: dict[str, ApplicationSettings] = {}
    limits: LimitSettings = LimitSettings()


def _twice(given: object) -> object:
    return [given, given] if isinstance(given, int) else given


class TeacherSettings(_Section):
    """Who can be asked for labels: ``[teachers.NAME]``; one of the first five says who that is.

    Args:
        url: Base URL of an API; goes with ``model``.
        local: Name or folder of a Hugging Face model.
        file: File of answers.
        function: A Python function, as ``module:name``.
        panel: Names of other teachers whose answers are combined.
        model: The model's name, as the API or the report calls it.
        api: Which API it is.
        batch: Whether to use OpenAI's Batch API, for half the price and within a day.
        votes: How often to ask the same question at least and at most, where there are no
            log-probabilities; ``[1, 1]`` for once.
        key_env: Environment variable of the API's key.
        model_version: What the model's name stands for, where it is an alias.
        top_logprobs: Alternatives asked for at each token; 0 asks for none.
        parameters: What else each request says; ``"none"`` takes a parameter out.
        max_tokens: Tokens of an answer at most.
        temperature: Of the model's sampling; by default 0, or 1 where it is asked several times.
        concurrency: Calls in flight at most.
        requests_per_minute: Calls a minute at most; by default as the API's headers say.
        tokens_per_minute: Tokens a minute at most; likewise.
        attempts: Tries of one call.
        timeout_seconds: Of one try.
        gguf_file: Which file of the local model's folder to read, where it is a GGUF.
        revision: Branch, tag or commit of a local model on the hub.
        dtype: Type of a local model's weights: auto, bfloat16, float32 or float16.
        device: Where a local model runs, as torch calls it; by default a GPU if there is one.
        batch_size: Inputs that a local model reads at once.
    """

    url: str | None = None
    local: str | None = None
    file: str | None = None
    function: str | None = None
    panel: list[str] | None = None
    model: str | None = None
    api: Literal["openai", "anthropic"] = "openai"
    batch: bool = False
    votes: (
        Annotated[list[Count], Field(min_length=2, max_length=2), BeforeValidator(_twice)] | None
    ) = None
    key_env: str | None = None
    model_version: str = ""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 20
    parameters: dict[str, Any] = {}
    max_tokens: Count = 64
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    concurrency: Count = 64
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    attempts: Count = 5
    timeout_seconds: Seconds = 60.0
    gguf_file: str | None = None
    revision: str | None = None
    dtype: str = "auto"
    device: str | None = None
    batch_size: Count = 16


class StoreSettings(_Section):
    """Where calls are kept: ``[store]``.

    Args:
        url: ``postgresql://...``, or a path of a SQLite file; by default a file in the home.
    """

    url: str | None = None


class StudentSettings(_Section):
    """What students are made from: ``[students]``.

    Args:
        encoder: Folder or hub name of a sentence encoder; by default a small English one.
        embeddings: Folder or hub name of static token embeddings; by default they are distilled
            from the encoder.
    """

    encoder: str | None = None
    embeddings: str | None = None


class _Price(_Section):
    input: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cached_input: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class _Redaction(_Section):
    off: list[str] = []
    patterns: dict[str, str] = {}


class _TaskSettings(_Section):
    instruction: str = "Classify the text."
    labels: Annotated[dict[str, str] | list[str], Field(description="names, or name = meaning")]
    examples: dict[str, str] = {}


class _File(_Section):
    tasks: dict[str, _TaskSettings] = {}
    teachers: dict[str, TeacherSettings] = {}
    prices: dict[str, _Price] = {}
    gateway: GatewaySettings = GatewaySettings()
    store: StoreSettings = StoreSettings()
    students: StudentSettings = StudentSettings()
    redaction: _Redaction = _Redaction()


@dataclass(frozen=True)
class Settings:
    """All that a ``locum.toml`` says; ``prices`` are by model."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    teachers: Mapping[str, TeacherSettings] = field(default_factory=dict)
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    students: StudentSettings = field(default_factory=StudentSettings)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)


def load_settings(path: Path) -> Settings:
    """Return what a ``locum.toml`` says.

    Raises:
        UsageError: The file is missing, is not TOML, or holds something unexpected.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {where}: {first['msg']} (got {first['input']!r})") from None
    return Settings(
        tasks={name: _to_task(name, declared) for name, declared in file.tasks.items()},
        teachers=file.teachers,
        prices={
            model: OwnPrice(price.input, price.output, price.cached_input)
            for model, price in file.prices.items()
        },
        gateway=file.gateway,
        store=file.store,
        students=file.students,
        redaction=RedactionSettings(frozenset(file.redaction.off), file.redaction.patterns),
    )


def load_task(path: Path, name: str) -> Task:
    """Return one task of a ``locum.toml``.

    Raises:
        UsageError: As `load_settings`, or the file declares no task of that name.
    """
    tasks = load_settings(path).tasks
    if name not in tasks:
        declared = ", ".join(tasks) or "none"
        raise UsageError(f"{path} declares no task {name!r} (declared: {declared})")
    return tasks[name]


def _to_task(name: str, declared: _TaskSettings) -> Task:
    meanings = declared.labels if isinstance(declared.labels, dict) else {}
    return Task(
        name=name,
        labels=tuple(declared.labels),
        instruction=declared.instruction,
        descriptions=meanings,
        examples=declared.examples,
    )
