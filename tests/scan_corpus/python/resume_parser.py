"""Resume parsing service."""

import anthropic
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

client = anthropic.AsyncAnthropic()

RECORD_CANDIDATE = {
    "name": "record_candidate",
    "description": "Record the details of a candidate found in a resume.",
    "input_schema": {
        "type": "object",
        "properties": {
            "full_name": {"type": "string"},
            "email": {"type": "string"},
            "years_of_experience": {"type": "integer"},
            "skills": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["full_name", "skills"],
    },
}


async def parse_resume(request: Request) -> JSONResponse:
    body = await request.json()
    message = await client.messages.create(  # expect: fixed-schema
        model="claude-opus-4-20250514",
        max_tokens=1024,
        system="Extract the candidate's details from the resume.",
        tools=[RECORD_CANDIDATE],
        tool_choice={"type": "tool", "name": "record_candidate"},
        messages=[{"role": "user", "content": body["resume"]}],
    )
    call = next(block for block in message.content if block.type == "tool_use")
    return JSONResponse(call.input)


app = Starlette(routes=[Route("/resumes", parse_resume, methods=["POST"])])
