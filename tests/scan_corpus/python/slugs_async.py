"""Make URL slugs for all articles that have none yet."""

import asyncio

from anthropic import AsyncAnthropic

from cms import articles

client = AsyncAnthropic()
limit = asyncio.Semaphore(8)


async def make_slug(title: str) -> str:
    async with limit:
        msg = await client.messages.create(  # expect: narrow-prompt, offline-loop
            model="claude-3-opus-20240229",
            max_tokens=24,
            system="Turn the title into a short English URL slug in lower case with hyphens.",
            messages=[{"role": "user", "content": title}],
        )
    return msg.content[0].text


async def run() -> None:
    pending = await articles.without_slug()
    slugs = await asyncio.gather(*(make_slug(article.title) for article in pending))
    for article, slug in zip(pending, slugs, strict=True):
        await articles.set_slug(article.id, slug)


if __name__ == "__main__":
    asyncio.run(run())
