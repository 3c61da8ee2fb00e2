import logging
import time
from enum import StrEnum

from openai import APIConnectionError, OpenAI

log = logging.getLogger(__name__)


class Dringlichkeit(StrEnum):
    NOTFALL = "notfall"
    HEUTE = "heute"
    PLANBAR = "planbar"


def dringlichkeit(client: OpenAI, anruf: str, versuche: int = 3) -> Dringlichkeit:
    """Schätzt ein, wie eilig der Anruf in einer Tierarztpraxis ist."""
    messages = [
        {
            "role": "system",
            "content": "Du nimmst Anrufe in einer Tierarztpraxis an. Wie eilig ist der Anruf? "
            "Antworte nur mit notfall, heute oder planbar.",
        }
    ]
    messages.append({"role": "user", "content": anruf})
    for versuch in range(versuche):
        try:
            antwort = client.chat.completions.create(model="gpt-4o", messages=messages, temperature=0)  # expect: closed-answer
        except APIConnectionError:
            log.warning("Versuch %d ist gescheitert", versuch + 1)
            time.sleep(2**versuch)
            continue
        return Dringlichkeit(antwort.choices[0].message.content.strip().lower())
    return Dringlichkeit.HEUTE
