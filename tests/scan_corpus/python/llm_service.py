"""The one place where the application talks to models."""

import logging

from tenacity import retry, stop_after_attempt, wait_exponential

import litellm

log = logging.getLogger(__name__)


class LLMService:
    def __init__(self, model: str, fallback: str) -> None:
        self.models = [model, fallback]

    @retry(stop=stop_after_attempt(3), wait=wait_exponential())
    def complete(self, system: str, user: str, max_tokens: int = 1024) -> str:
        last: Exception | None = None
        for model in self.models:
            try:
                response = litellm.completion(
                    model=model,
                    max_tokens=max_tokens,
                    messages=[
                        {"role": "system", "content": system},
                        {"role": "user", "content": user},
                    ],
                )
            except litellm.exceptions.APIError as error:
                log.warning("%s failed: %s", model, error)
                last = error
                continue
            return response.choices[0].message.content
        raise RuntimeError("no model answered") from last
