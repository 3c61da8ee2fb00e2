"""Routes tickets with a classifier of one's own."""

import joblib
from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()
model = joblib.load("models/router.joblib")
LABELS = ["billing", "shipping", "technical"]


class Body(BaseModel):
    prompt: str


@router.post("/classify")
def classify(body: Body) -> dict[str, str]:
    messages = [body.prompt]
    response = model.predict(messages)
    answer = LABELS[int(response[0])]
    if answer == "billing":
        return {"queue": "finance"}
    return {"queue": answer}
