from openai import AsyncOpenAI

openai = AsyncOpenAI()


async def thread_title(first_message: str) -> str:
    """Title that the sidebar shows for a new conversation."""
    response = await openai.chat.completions.create(  # expect: narrow-prompt
        model="gpt-4o",
        max_tokens=16,
        messages=[
            {
                "role": "system",
                "content": "Give the conversation a short title. No quotes, no full stop.",
            },
            {"role": "user", "content": first_message},
        ],
    )
    return response.choices[0].message.content.strip().strip('"')
