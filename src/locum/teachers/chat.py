"""A teacher behind an OpenAI-compatible chat completions endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError

from locum.errors import UsageError
from locum.schema import TeacherAnswer, Usage
from locum.teachers.cut_off import is_undecided, mark_as_cut_off
from locum.teachers.http import HttpTeacher
from locum.teachers.token_paths import label_distribution
from locum.teachers.transport import AttemptError
from locum.traffic import answer_positions, answer_tokens, broke_off, said_text
from locum.traffic.apis.lenient import as_count, as_object

if TYPE_CHECKING:
    from locum.schema import GenerationTask, JsonObject, Task
    from locum.shapes import ExtractionTask
    from locum.teachers.prompts import Message

__all__ = ["API_KEY_VARIABLES", "ChatTeacher"]

API_KEY_VARIABLES = ("LOCUM_API_KEY", "OPENAI_API_KEY")
Count = Annotated[int, Field(ge=0, le=10**9)]
# The server gave up in the middle: as OpenRouter, vLLM and DeepSeek call it.
_GIVEN_UP = frozenset({"error", "abort", "insufficient_system_resource"})


class _Message(BaseModel):
    content: str | list[Any] | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: Any = None
    finish_reason: str | None = None


class _PromptTokens(BaseModel):
    cached_tokens: Count | None = None


class _Usage(BaseModel):
    prompt_tokens: Count
    completion_tokens: Count | None = None
    total_tokens: Any = None
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
            AttemptError: The body is no chat completion, or one that the server gave up.
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
        if choice.finish_reason in _GIVEN_UP:
            shown = self.transport.shown(body)
            raise AttemptError("broken off", f"the server gave it up: {shown}", charged=True)
        refusal = choice.message.refusal
        text = said_text(choice.message.content) or refusal or ""
        positions = answer_positions(as_object(choice.logprobs).get("content"), text)
        distribution = label_distribution(positions or (), task.labels)
        cut_off = broke_off(choice.finish_reason)
        if cut_off and not self.writes and is_undecided(text, task):
            text, distribution = mark_as_cut_off(text), None
        return TeacherAnswer(
            text=text,
            distribution=distribution,
            usage=_to_usage(completion.usage),
            latency_ms=latency_ms,
            version=_version(completion),
            refused=bool(refusal) or choice.finish_reason == "content_filter",
            cut_off=cut_off,
        )


def _version(completion: _Completion) -> str | None:
    parts = [part for part in (completion.model, completion.system_fingerprint) if part]
    return " ".join(parts) or None


def _to_usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    total = as_count(usage.total_tokens)
    answer = answer_tokens(usage.prompt_tokens, usage.completion_tokens, total)
    if answer is None:
        return None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(usage.prompt_tokens, answer, min(cached, usage.prompt_tokens))
