"""Every night: read the new property listings and store their facts."""

import time

import schedule
from google import genai
from pydantic import BaseModel

from listings.store import ListingStore

gemini = genai.Client()
store = ListingStore.from_env()


class Facts(BaseModel):
    rooms: float
    living_area_m2: float | None
    floor: str | None
    heating: str | None
    available_from: str | None


def enrich_new_listings() -> None:
    for listing in store.without_facts(limit=500):
        response = gemini.models.generate_content(  # expect: fixed-schema, offline-loop
            model="gemini-2.5-flash",
            contents="Extract the facts of this property listing:\n" + listing.description,
            config={
                "response_mime_type": "application/json",
                "response_schema": Facts,
                "temperature": 0,
            },
        )
        store.save_facts(listing.id, response.parsed)


schedule.every().day.at("02:30").do(enrich_new_listings)

while True:
    schedule.run_pending()
    time.sleep(30)
