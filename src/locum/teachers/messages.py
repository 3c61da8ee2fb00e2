"""A teacher behind Anthropic's Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from locum.schema import TeacherAnswer, Usage
from locum.teachers.cut_off import is_undecided, mark_as_cut_off
from locum.teachers.http import HttpTeacher
from locum.teachers.transport import AttemptError

if TYPE_CHECKING:
    from locum.schema import JsonObject, Task
    from locum.teachers.prompts import Message

__all__ = ["ANTHROPIC_KEY_VARIABLES", "MessagesTeacher"]

ANTHROPIC_KEY_VARIABLES = ("ANTHROPIC_API_KEY",)
_VERSION = "2023-06-01"
Count = Annotated[int, Field(ge=0, le=10**9)]


class _Block(BaseModel):
    type: str
    text: str = ""


class _Usage(BaseModel):
    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class _Answer(BaseModel):
    content: list[_Block]
    usage: _Usage | None = None
    model: str | None = None
    stop_reason: str | None = None


class MessagesTeacher(HttpTeacher):
    """Asks Anthropic's Messages API for one label a call.

    The API gives no log-probabilities: ask it several times, with `locum.teachers.Votes`.

    Args:
        url: The API's base, such as ``https://api.anthropic.com``; ``/v1/messages`` follows.
        model: Name of the model.
        api_key: Sent as ``x-api-key``; by default the value of ``ANTHROPIC_API_KEY``.
        temperature: Of the model's sampling; 1 where it is to be asked several times.
        options: As `HttpTeacher` has them.
    """

    path = "/v1/messages"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        temperature: float = 1.0,
        **options: Any,  # noqa: ANN401 - those of HttpTeacher
    ) -> None:
        base = url.rstrip("/").removesuffix(self.path).removesuffix("/v1")
        super().__init__(
            base,
            model,
            ANTHROPIC_KEY_VARIABLES,
            api_key=api_key,
            temperature=temperature,
            **options,
        )

    def _authorization(self, key: str | None) -> dict[str, str]:
        version = {"anthropic-version": _VERSION}
        return version | {"x-api-key": key} if key else version

    def _body(self, messages: list[Message]) -> JsonObject:
        system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
        return {
            "model": self.model,
            "system": system or None,
            "messages": [message for message in messages if message["role"] != "system"],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def read(self, task: Task, body: bytes, latency_ms: float | None) -> TeacherAnswer:
        """Return the answer that a message holds.

        Raises:
            AttemptError: The body is no message.
        """
        try:
            answer = _Answer.model_validate_json(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            shown = self.transport.shown(body)
            raise AttemptError(
                "malformed", f"not a message ({where}: {first['msg']}): {shown}", charged=True
            ) from None
        text = "".join(block.text for block in answer.content if block.type == "text")
        cut_off = answer.stop_reason == "max_tokens"
        if cut_off and not self.writes and is_undecided(text, task):
            text = mark_as_cut_off(text)
        return TeacherAnswer(
            text=text,
            usage=_to_usage(answer.usage),
            latency_ms=latency_ms,
            version=answer.model,
            refused=answer.stop_reason == "refusal",
            cut_off=cut_off,
        )


def _to_usage(usage: _Usage | None) -> Usage | None:
    """Anthropic counts tokens from and to its cache apart from the others."""
    if usage is None:
        return None
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Usage(usage.input_tokens + read + written, usage.output_tokens, read, written)
