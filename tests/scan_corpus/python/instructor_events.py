from datetime import datetime

import instructor
from openai import OpenAI
from pydantic import BaseModel

client = instructor.from_openai(OpenAI())


class CalendarEvent(BaseModel):
    title: str
    start: datetime
    end: datetime | None = None
    place: str | None = None
    attendees: list[str] = []


def event_from_mail(subject: str, body: str) -> CalendarEvent:
    return client.chat.completions.create(  # expect: fixed-schema
        model="gpt-4o-mini",
        response_model=CalendarEvent,
        max_retries=2,
        messages=[
            {"role": "system", "content": "Create a calendar event from the e-mail."},
            {"role": "user", "content": f"Subject: {subject}\n\n{body}"},
        ],
    )
