"""Splits free-text postal addresses."""

import json
import os

import httpx

PROMPT = """Split the postal address into its parts. Return only a JSON object with the keys
"street", "house_number", "postcode", "city" and "country" (ISO code). Use null for missing parts.

Address: %s"""


class AddressParser:
    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def parse(self, address: str) -> dict[str, str | None]:
        response = self._http.post(  # expect: fixed-schema
            "https://api.anthropic.com/v1/messages",
            headers={
                "x-api-key": os.environ["ANTHROPIC_API_KEY"],
                "anthropic-version": "2023-06-01",
            },
            json={
                "model": "claude-3-5-haiku-20241022",
                "max_tokens": 300,
                "messages": [{"role": "user", "content": PROMPT % address}],
            },
        )
        response.raise_for_status()
        return json.loads(response.json()["content"][0]["text"])
