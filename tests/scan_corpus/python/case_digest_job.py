"""Job functions of the rq worker that prepares case digests for the lawyers."""

from anthropic import Anthropic
from redis import Redis
from rq import Queue
from rq.decorators import job

from practice.cases import load_case, store_digest

redis = Redis()
digests = Queue("digests", connection=redis)

INSTRUCTION = (
    "Prepare a digest of the court file below for a lawyer who takes over the case: parties, "
    "history of the proceedings, arguments of both sides, evidence, and what is due next."
)


@job(digests, connection=redis, timeout=900)
def write_digest(case_id: str) -> None:
    case = load_case(case_id)
    client = Anthropic()
    message = client.messages.create(  # expect: offline-loop
        model="claude-opus-4-1",
        max_tokens=4000,
        system=INSTRUCTION,
        messages=[{"role": "user", "content": case.full_text()}],
    )
    store_digest(case_id, message.content[0].text)
