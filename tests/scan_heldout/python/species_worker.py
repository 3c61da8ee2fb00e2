import dramatiq
from anthropic import Anthropic
from pydantic import BaseModel

from herbarium.storage import labels, save


class Specimen(BaseModel):
    species: str
    collector: str | None
    found_at: str | None
    year: int | None


TOOL = {
    "name": "specimen",
    "description": "The specimen that the label describes",
    "input_schema": Specimen.model_json_schema(),
}


@dramatiq.actor(max_retries=2)
def read_label(label_id: int) -> None:
    client = Anthropic()
    reply = client.messages.create(  # expect: fixed-schema, offline-loop
        model="claude-sonnet-4-5",
        max_tokens=300,
        tools=[TOOL],
        tool_choice={"type": "tool", "name": "specimen"},
        messages=[
            {"role": "user", "content": f"Transcribed herbarium label:\n{labels.text(label_id)}"}
        ],
    )
    save(label_id, reply.content[0].input)
