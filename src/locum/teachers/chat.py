"""A teacher behind an OpenAI-compatible chat completions endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Self

from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypedDict  # pydantic takes that of typing from Python 3.12 on

from locum.errors import UsageError
from locum.schema import TeacherAnswer, Usage
from locum.teachers.cut_off import is_undecided, mark_as_cut_off
from locum.teachers.http import HttpTeacher
from locum.teachers.token_paths import label_distribution
from locum.teachers.transport import AttemptError
from locum.traffic import token_position, token_text

if TYPE_CHECKING:
    from locum.schema import GenerationTask, JsonObject, Task, TokenPosition
    from locum.shapes import ExtractionTask
    from locum.teachers.prompts import Message

__all__ = ["API_KEY_VARIABLES", "ChatTeacher"]

API_KEY_VARIABLES = ("LOCUM_API_KEY", "OPENAI_API_KEY")
Count = Annotated[int, Field(ge=0, le=10**9)]


# Dictionaries: there are twenty alternatives at each token, and objects would take longer.
class _Alternative(TypedDict):
    token: str
    logprob: Annotated[float, Field(le=1e-3, allow_inf_nan=False)]
    bytes: NotRequired[list[int] | None]


class _Token(_Alternative):
    top_logprobs: NotRequired[list[_Alternative] | None]


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _PromptTokens(BaseModel):
    cached_tokens: Count | None = None


class _Usage(BaseModel):
    prompt_tokens: Count
    completion_tokens: Count
    prompt_tokens_details: _PromptTokens | None = None


class _Completion(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None
    model: str | None = None
    system_fingerprint: str | None = None


class ChatTeacher(HttpTeacher):
    """Asks an OpenAI-compatible server for one label a call, with log-probabilities.

    Args:
        url: The API's base, such as ``https://api.openai.com/v1``; ``/chat/completions`` follows.
        model: Name of the model, as the server knows it.
        api_key: Sent as a bearer token; by default the value of ``LOCUM_API_KEY`` or
            ``OPENAI_API_KEY``, if one is set.
        top_logprobs: Alternatives asked for at each token; 0 asks for none, for servers that
            refuse the parameter.
        options: As `HttpTeacher` has them.
    """

    path = "/chat/completions"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        top_logprobs: int = 20,
        **options: Any,  # noqa: ANN401 - those of HttpTeacher
    ) -> None:
        if not 0 <= top_logprobs <= 20:
            raise UsageError(f"top_logprobs={top_logprobs}: expected 0 to 20")
        self.top_logprobs = top_logprobs
        self.response_format: JsonObject | None = None
        base = url.rstrip("/").removesuffix(self.path)
        super().__init__(base, model, API_KEY_VARIABLES, api_key=api_key, **options)

    def _authorization(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def _body(self, messages: list[Message]) -> JsonObject:
        request: JsonObject = {
            "model": self.model,
            "messages": messages,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }
        if self.response_format is not None:
            request["response_format"] = self.response_format
        if self.top_logprobs:
            request |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return request

    def as_writer(self, *, max_tokens: int, temperature: float) -> Self:
        """Return the same teacher, to be asked for texts, without log-probabilities."""
        writer = super().as_writer(max_tokens=max_tokens, temperature=temperature)
        writer.top_logprobs = 0
        return writer

    def as_extractor(self, task: ExtractionTask) -> Self:
        """Return the same teacher, to be asked for JSON; the schema is its ``response_format``."""
        extractor = super().as_extractor(task)
        extractor.top_logprobs = 0
        extractor.response_format = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": task.schema, "strict": False},
        }
        return extractor

    def as_answerer(self, task: GenerationTask) -> Self:
        """Return the same teacher, to be asked for texts, without log-probabilities."""
        answerer = super().as_answerer(task)
        answerer.top_logprobs = 0
        return answerer

    def read(self, task: Task, body: bytes, latency_ms: float | None) -> TeacherAnswer:
        """Return the answer that a chat completion holds.

        Raises:
            AttemptError: The body is no chat completion.
        """
        try:
            completion = _Completion.model_validate_json(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            shown = self.transport.shown(body)
            raise AttemptError(
                "malformed",
                f"not a chat completion ({where}: {first['msg']}): {shown}",
                charged=True,
            ) from None
        choice = completion.choices[0]
        tokens = (choice.logprobs.content or []) if choice.logprobs else []
        refusal = choice.message.refusal
        text = choice.message.content or refusal or ""
        distribution = label_distribution([_to_position(t) for t in tokens], task.labels)
        if choice.finish_reason == "length" and not self.writes and is_undecided(text, task):
            text, distribution = mark_as_cut_off(text), None
        return TeacherAnswer(
            text=text,
            distribution=distribution,
            usage=_to_usage(completion.usage),
            latency_ms=latency_ms,
            version=_version(completion),
            refused=bool(refusal) or choice.finish_reason == "content_filter",
        )


def _version(completion: _Completion) -> str | None:
    parts = [part for part in (completion.model, completion.system_fingerprint) if part]
    return " ".join(parts) or None


def _to_usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(usage.prompt_tokens, usage.completion_tokens, min(cached, usage.prompt_tokens))


def _to_position(token: _Token) -> TokenPosition:
    return token_position(_read(token), [_read(one) for one in token.get("top_logprobs") or ()])


def _read(one: _Alternative) -> tuple[str, float]:
    return token_text(one["token"], one.get("bytes")), one["logprob"]
