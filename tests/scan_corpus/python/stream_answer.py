import anthropic
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
client = anthropic.AsyncAnthropic()


class Message(BaseModel):
    role: str
    content: str


class Conversation(BaseModel):
    messages: list[Message]


@app.post("/stream")
async def stream(conversation: Conversation) -> StreamingResponse:
    async def events():
        async with client.messages.stream(
            model="claude-sonnet-4-20250514",
            max_tokens=4096,
            messages=[m.model_dump() for m in conversation.messages],
        ) as answer:
            async for text in answer.text_stream:
                yield f"data: {text}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
