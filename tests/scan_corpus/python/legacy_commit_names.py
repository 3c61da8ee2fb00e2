"""Names branches after the diff; still on the old interface of the SDK."""

import os

import openai

openai.api_key = os.environ["OPENAI_API_KEY"]

PROMPT = "Propose a name for a branch with these changes, in lower case with hyphens:"
LIMIT = 10_000


async def complete(prompt: str) -> str:
    response = await openai.ChatCompletion.acreate(
        model="gpt-4",
        messages=[{"role": "user", "content": prompt[: LIMIT + 100]}],
        max_tokens=20,
    )
    return response.choices[0].message.content.strip()


async def branch_name(diff: str) -> str:
    assert diff
    return await complete(PROMPT + "\n\n" + diff)  # expect: narrow-prompt
