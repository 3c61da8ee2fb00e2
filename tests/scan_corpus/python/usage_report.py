"""Reads the types of the SDK, but calls nothing."""

from collections import Counter
from collections.abc import Iterable

from anthropic.types import Message
from openai import RateLimitError
from openai.types.chat import ChatCompletion


def tokens_by_model(completions: Iterable[ChatCompletion | Message]) -> Counter[str]:
    total: Counter[str] = Counter()
    for completion in completions:
        usage = completion.usage
        if isinstance(completion, Message):
            total[completion.model] += usage.input_tokens + usage.output_tokens
        elif usage is not None:
            total[completion.model] += usage.total_tokens
    return total


def is_temporary(error: Exception) -> bool:
    return isinstance(error, RateLimitError | TimeoutError)
