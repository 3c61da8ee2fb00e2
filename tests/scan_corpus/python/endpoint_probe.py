import sys

import openai

PROBE = "Reply with the word ready and nothing else."


def is_served(client: openai.OpenAI, model: str) -> bool:
    """Ask an endpoint for a model once, to learn whether it is served there."""
    try:
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": PROBE}]
        )
    except openai.NotFoundError:
        return False
    except openai.APIError as error:
        print(f"{model}: {error}", file=sys.stderr)
        raise
    return answer.choices[0].message.content is not None


def served(client: openai.OpenAI, wanted: tuple[str, ...]) -> set[str]:
    return {model for model in wanted if is_served(client, model)}
