import anthropic


class WelcomeScreen:
    """Texts of the welcome screen."""

    _MESSAGES = [
        {
            "role": "user",
            "content": "Explain in three short bullet points what a password manager is good for. "
            "Write for people who have never used one.",
        }
    ]

    def __init__(self) -> None:
        self._client = anthropic.Anthropic()

    def bullets(self) -> list[str]:
        message = self._client.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=400,
            messages=self._MESSAGES,
        )
        text = message.content[0].text
        return [line.lstrip("-• ") for line in text.splitlines() if line.strip()]
