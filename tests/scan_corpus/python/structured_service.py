"""Generic access to structured output; callers bring instruction and class."""

from typing import TypeVar

from openai import AsyncOpenAI
from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


class StructuredService:
    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = model

    async def extract(self, instruction: str, text: str, output: type[T]) -> T:
        completion = await self._client.beta.chat.completions.parse(
            model=self._model,
            messages=[
                {"role": "system", "content": instruction},
                {"role": "user", "content": text},
            ],
            response_format=output,
            temperature=0,
        )
        parsed = completion.choices[0].message.parsed
        if parsed is None:
            raise ValueError("no answer")
        return parsed
