"""Decides which pipeline an uploaded document goes through."""

from enum import Enum
from typing import Literal

from openai import OpenAI
from pydantic import BaseModel


class Direction(str, Enum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"


class DocumentKind(BaseModel):
    kind: Literal["invoice", "credit_note", "delivery_note", "contract", "letter"]
    direction: Direction
    needs_signature: bool


class DocumentSorter:
    MODEL = "gpt-4o-2024-08-06"
    INSTRUCTIONS = "Determine what kind of business document the text is."

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def sort(self, ocr_text: str) -> DocumentKind:
        response = self._client.responses.parse(  # expect: closed-answer
            model=self.MODEL,
            instructions=self.INSTRUCTIONS,
            input=ocr_text[:8000],
            text_format=DocumentKind,
        )
        parsed = response.output_parsed
        if parsed is None:
            raise ValueError("model refused to answer")
        return parsed
