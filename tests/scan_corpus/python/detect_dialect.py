import enum

from google import genai
from google.genai import types

client = genai.Client()


class Dialect(enum.Enum):
    EUROPEAN = "pt-PT"
    BRAZILIAN = "pt-BR"
    UNKNOWN = "unknown"


def detect_dialect(text: str) -> Dialect:
    """Tell European from Brazilian Portuguese."""
    response = client.models.generate_content(  # expect: closed-answer
        model="gemini-2.5-pro",
        contents=f"Which variety of Portuguese is this text written in?\n\n{text}",
        config=types.GenerateContentConfig(
            response_mime_type="text/x.enum",
            response_schema=Dialect,
        ),
    )
    return Dialect(response.text)
