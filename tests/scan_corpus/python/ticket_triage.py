"""Routes incoming support tickets to the right queue."""

import os

from fastapi import APIRouter, Depends
from openai import AsyncOpenAI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.db import get_session
from helpdesk.models import Ticket

router = APIRouter(prefix="/tickets")
client = AsyncOpenAI(api_key=os.environ["OPENAI_API_KEY"])

SYSTEM_PROMPT = """You are a support ticket router.

Read the ticket and answer with exactly one of these queue names and nothing else:
- billing
- shipping
- returns
- technical
- other
"""


class NewTicket(BaseModel):
    subject: str
    body: str
    email: str


@router.post("")
async def create_ticket(payload: NewTicket, session: AsyncSession = Depends(get_session)) -> dict:
    completion = await client.chat.completions.create(  # expect: closed-answer
        model="gpt-4o",
        temperature=0,
        messages=[
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": f"{payload.subject}\n\n{payload.body}"},
        ],
    )
    queue = completion.choices[0].message.content.strip()
    ticket = Ticket(subject=payload.subject, body=payload.body, queue=queue)
    session.add(ticket)
    await session.commit()
    return {"id": ticket.id, "queue": queue}
