from collections.abc import Sequence

from mistralai import Mistral


class PersonaBot:
    """A bot whose character comes from its configuration."""

    def __init__(self, client: Mistral, persona: str, model: str) -> None:
        self._client = client
        self._persona = persona
        self._model = model

    def say(self, lines: Sequence[str]) -> str:
        response = self._client.chat.complete(
            model=self._model,
            messages=[
                {"role": "system", "content": self._persona},
                {"role": "user", "content": "\n".join(lines)},
            ],
            max_tokens=200,
            temperature=0.9,
        )
        return response.choices[0].message.content
