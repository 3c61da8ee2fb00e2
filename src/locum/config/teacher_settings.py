"""What ``locum.toml`` says of a teacher."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from locum.config.section import Count, Seconds, Section, Variable

__all__ = ["TeacherSettings"]


def _twice(given: object) -> object:
    return [given, given] if isinstance(given, int) else given


class TeacherSettings(Section):
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
    key_env: Variable | None = None
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
