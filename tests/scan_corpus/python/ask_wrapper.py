"""Small helpers of the newsroom around the chat API."""

from openai import OpenAI

MODEL = "gpt-4o"
client = OpenAI()


def ask(prompt: str, model: str = MODEL, **kwargs) -> str:
    response = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        **kwargs,
    )
    return response.choices[0].message.content


def is_opinion(article: str) -> bool:
    answer = ask(f"Is this article an opinion piece? Answer TRUE or FALSE.\n\n{article}")  # expect: closed-answer
    return answer == "TRUE"


def headline(article: str) -> str:
    return ask(f"Write a headline for this article:\n\n{article}", max_tokens=30)  # expect: narrow-prompt


def background(article: str, archive: list[str]) -> str:
    clippings = "\n---\n".join(archive)
    return ask(
        "Write a background piece of about 800 words for the article, "
        f"drawing on the clippings.\n\nArticle:\n{article}\n\nClippings:\n{clippings}"
    )
