"""Chat of the travel assistant."""

from fastapi import APIRouter
from openai import AsyncOpenAI
from pydantic import BaseModel

from travel.sessions import load_history, save_turn

router = APIRouter()
client = AsyncOpenAI()

SYSTEM = {
    "role": "system",
    "content": "You are a friendly travel assistant. Help the guest to plan a trip.",
}


class Turn(BaseModel):
    session_id: str
    text: str


@router.post("/chat")
async def chat(turn: Turn) -> dict[str, str]:
    history = await load_history(turn.session_id)
    messages = [SYSTEM, *history, {"role": "user", "content": turn.text}]
    completion = await client.chat.completions.create(model="gpt-4o", messages=messages)
    answer = completion.choices[0].message.content
    await save_turn(turn.session_id, turn.text, answer)
    return {"answer": answer}
