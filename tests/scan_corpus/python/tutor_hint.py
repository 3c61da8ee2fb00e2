from fastapi import APIRouter
from openai import AsyncOpenAI
from pydantic import BaseModel

router = APIRouter()
client = AsyncOpenAI()

TUTOR = """Give the pupil a hint for the exercise without giving the solution away. Say what is
right in the attempt so far, where the mistake may be, and which rule helps."""


class Attempt(BaseModel):
    exercise: str
    attempt: str


@router.post("/hint")
async def hint(data: Attempt) -> dict[str, str]:
    response = await client.chat.completions.create(
        model="gpt-4o",
        max_tokens=350,
        temperature=0.4,
        messages=[
            {"role": "system", "content": TUTOR},
            {"role": "user", "content": f"Exercise: {data.exercise}\nAttempt: {data.attempt}"},
        ],
    )
    text = response.choices[0].message.content
    return {"hint": text if text != "" else "Try the first step again."}
