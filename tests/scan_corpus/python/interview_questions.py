from fastapi import APIRouter
from openai import AsyncOpenAI

router = APIRouter()
client = AsyncOpenAI()


@router.get("/questions")
async def questions(profile: str, number: int = 8) -> dict[str, list[dict[str, str]]]:
    response = await client.chat.completions.create(
        model="gpt-4o",
        temperature=0.7,
        max_tokens=1200,
        messages=[
            {
                "role": "system",
                "content": "You prepare interviews. Give clear and concise questions. "
                "Write each as 'Q: <question>' followed by 'Aim: <what it shows>'.",
            },
            {"role": "user", "content": f"{number} questions for this profile:\n{profile}"},
        ],
    )
    found: list[dict[str, str]] = []
    for line in response.choices[0].message.content.split("\n"):
        line = line.strip()
        if line.startswith("Q:"):
            found.append({"question": line.removeprefix("Q:").strip()})
        elif line.startswith("Aim:") and found:
            found[-1]["aim"] = line.removeprefix("Aim:").strip()
    return {"questions": found}
