import google.genai as genai

PROMPT = """Suggest how to refactor the function below. Show the new code and say why it is better.

```python
{source}
```
"""


class Refactorer:
    def __init__(self, client: genai.Client) -> None:
        self.client = client

    def suggest(self, source: str) -> str:
        response = self.client.models.generate_content(
            model="gemini-2.5-pro",
            contents=PROMPT.format(source=source),
            config={"temperature": 0.0, "max_output_tokens": 8192},
        )
        if response.text is None:
            raise RuntimeError("no answer")
        return response.text
