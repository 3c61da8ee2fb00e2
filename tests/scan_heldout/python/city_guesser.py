import httpx

from weather.settings import GEMINI_KEY

URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"


async def city_of(question: str) -> str:
    """Name of the city that a question about the weather is about."""
    async with httpx.AsyncClient(timeout=15) as http:
        response = await http.post(  # expect: narrow-prompt
            URL,
            params={"key": GEMINI_KEY},
            json={
                "contents": [
                    {"parts": [{"text": f"Which city is meant? Name the city only. {question}"}]}
                ],
                "generationConfig": {"maxOutputTokens": 10, "temperature": 0},
            },
        )
    response.raise_for_status()
    return response.json()["candidates"][0]["content"]["parts"][0]["text"].strip()
