"""Forwards chat requests of the plugins, and counts their tokens."""

from fastapi import FastAPI, Header, Request
from openai import AsyncOpenAI

from plugins.accounts import charge, require_account

app = FastAPI()
upstream = AsyncOpenAI()


@app.post("/v1/chat/completions")
async def forward(request: Request, x_plugin_key: str = Header()):
    account = await require_account(x_plugin_key)
    body = await request.json()
    body.pop("stream", None)
    completion = await upstream.chat.completions.create(**body)
    await charge(account, completion.usage.total_tokens)
    return completion.model_dump()
