from typing import Annotated

from fastapi import Depends, FastAPI
from openai import OpenAI

from itdesk.deps import get_llm
from itdesk.schemas import Incident

app = FastAPI()

PRIORITIES = {"P1": 15, "P2": 60, "P3": 480}
PRIORITY_PROMPT = (
    "You assess incidents of an IT department.\n"
    "Respond with the priority (P1, P2 or P3) and nothing else."
)


@app.post("/incidents")
def report(incident: Incident, llm: Annotated[OpenAI, Depends(get_llm)]) -> dict[str, int]:
    out = llm.chat.completions.create(  # expect: closed-answer
        model="gpt-4.1",
        max_tokens=2,
        messages=[
            dict(role="system", content=PRIORITY_PROMPT),
            dict(role="user", content=incident.summary),
        ],
    )
    priority = out.choices[0].message.content
    return {"minutes": PRIORITIES[priority]}
