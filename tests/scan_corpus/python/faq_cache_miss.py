"""The three questions that everybody asks before they register."""

import vertexai
from fastapi import APIRouter
from vertexai.generative_models import GenerativeModel

vertexai.init(location="europe-west4")
router = APIRouter()
gemini = GenerativeModel("gemini-1.5-pro")

COMMON = "You write for parents whose child starts at a music school."
FEES = COMMON + " Explain in two sentences what a sibling discount is."


@router.get("/faq/fees")
async def fees() -> dict[str, str]:
    response = await gemini.generate_content_async(FEES)
    return {"answer": response.text}


@router.get("/faq/instruments/{instrument}")
async def instrument(instrument: str) -> dict[str, str]:
    response = await gemini.generate_content_async(
        f"{COMMON} Describe at length what learning the {instrument} is like in the first year."
    )
    return {"answer": response.text}
