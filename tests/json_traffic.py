"""Made-up mails to a shop with answers in JSON whose right values are known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.schema import Example, JsonObject
from locum.shapes import ExtractionTask

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "INTENTS",
    "SCHEMA",
    "SHORT_SCHEMA",
    "Mail",
    "make_answers",
    "make_mails",
    "make_short_mails",
    "make_short_task",
    "make_task",
]

INTENTS = ("refund", "delivery", "exchange", "invoice")

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "intent": {"enum": list(INTENTS)},
        "urgent": {"type": "boolean"},
        "order": {
            "type": "object",
            "properties": {
                "number": {"type": ["string", "null"]},
                "total": {"type": ["number", "null"]},
            },
            "required": ["number", "total"],
            "additionalProperties": False,
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"product": {"type": "string"}, "quantity": {"type": "integer"}},
                "required": ["product", "quantity"],
                "additionalProperties": False,
            },
        },
        "summary": {"type": "string"},
    },
    "required": ["intent", "urgent", "order", "items"],
    "additionalProperties": False,
}

SHORT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "intent": SCHEMA["properties"]["intent"],
        "urgent": SCHEMA["properties"]["urgent"],
        "number": {"type": ["string", "null"]},
        "summary": {"type": "string"},
    },
    "required": ["intent", "urgent", "number"],
    "additionalProperties": False,
}

_ASKED = {
    "refund": [
        "Please send my money back.",
        "A refund would be the fair thing to do.",
        "Kindly return the payment to my card.",
        "My account should be credited again.",
    ],
    "delivery": [
        "The courier has not turned up.",
        "Tracking shows no movement since Monday.",
        "Nobody can tell where the parcel is.",
        "The van drove past without a stop.",
    ],
    "exchange": [
        "Another size would fit far better.",
        "Could this be swapped for the blue one.",
        "A replacement in green is what we need.",
        "It should be exchanged for the smaller model.",
    ],
    "invoice": [
        "The bill lacks our tax number.",
        "Accounting needs a corrected receipt.",
        "A copy of the statement is missing.",
        "The receipt bears the wrong company name.",
    ],
}
_VAGUE = [
    "You will know what to do.",
    "The usual, if you please.",
    "Kindly see to it as before.",
    "The matter is the one we spoke about.",
]
_HURRY = [
    "This cannot wait any longer.",
    "It is urgent, we leave tomorrow.",
    "An answer today is vital.",
    "Please treat this as an emergency.",
]
_CALM = [
    "There is no hurry at all.",
    "Whenever you find the time is fine.",
    "Take as long as you need.",
    "Next week is soon enough.",
]
_PRODUCTS = [
    "oak shelf",
    "desk lamp",
    "garden hose",
    "wool blanket",
    "tea kettle",
    "steel bucket",
    "paper lantern",
    "cork board",
    "rain coat",
    "bread knife",
    "wall clock",
    "linen curtain",
]
_OPENINGS = ["Hello", "Good morning", "Dear team", "Hi there", "Greetings", "To whom it concerns"]
_ASIDES = [
    "I have shopped with you for years and mostly liked it.",
    "My neighbour recommended your store warmly.",
    "The website was hard to use on my old phone.",
    "Our dog was delighted by the cardboard box.",
    "Somebody at your hotline was friendly but of little help.",
    "We moved house in spring and are still unpacking.",
    "The weather here has been dreadful lately.",
    "My grandmother knits and sends her regards.",
    "I write from a train and the signal is weak.",
    "The colours in the catalogue look different on paper.",
    "Your newsletter arrives twice every morning.",
    "A friend of mine works in the same trade.",
    "The kitchen is being painted this month.",
    "I could not find the form that the manual mentions.",
    "Sorry for any mistakes, English is not my first language.",
    "The children have made a fort out of it already.",
]
_NAMES = ["Amina", "Bruno", "Chloe", "Dario", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas"]
_SURNAMES = ["Abbot", "Brandt", "Costa", "Dubois", "Eriksen", "Ferrari", "Garcia", "Haas", "Ito"]


class Mail(NamedTuple):
    """A mail, and the object that says what is in it."""

    text: str
    answer: JsonObject


def make_task(name: str = "mail", *, leave_out: Sequence[str] = ()) -> ExtractionTask:
    """A task of `SCHEMA`."""
    return ExtractionTask(
        name, SCHEMA, instruction="Say what the mail is about.", leave_out=tuple(leave_out)
    )


def make_short_task(name: str = "mail", *, leave_out: Sequence[str] = ()) -> ExtractionTask:
    """A task of `SHORT_SCHEMA`."""
    return ExtractionTask(name, SHORT_SCHEMA, leave_out=tuple(leave_out))


def make_mails(
    count: int,
    *,
    seed: int = 0,
    vague: float = 0.0,
    numbered: float = 0.8,
    summarised: float = 0.0,
) -> list[Mail]:
    """Return mails with answers of `SCHEMA`.

    Args:
        count: How many.
        seed: Of the random choices.
        vague: Share of the mails that do not say what is asked for; the answer then names some
            intent at random.
        numbered: Share of the mails with an order's number.
        summarised: Share of the answers that hold a free-text summary.
    """
    generator = np.random.default_rng(seed)
    return [_make_mail(generator, vague, numbered, summarised, short=False) for _ in range(count)]


def make_short_mails(
    count: int, *, seed: int = 0, numbered: float = 0.8, summarised: float = 0.0
) -> list[Mail]:
    """Return mails with answers of `SHORT_SCHEMA`, which are quick to learn from."""
    generator = np.random.default_rng(seed)
    mails = [_make_mail(generator, 0.0, numbered, summarised, short=True) for _ in range(count)]
    return [Mail(text, _shortened(answer)) for text, answer in mails]


def make_answers(mails: Sequence[Mail]) -> list[Example]:
    """Return mails as recorded inputs, with what a call took."""
    return [
        Example(mail.text, answer=json.dumps(mail.answer), latency_ms=900.0, cost_usd=0.0002)
        for mail in mails
    ]


def _shortened(answer: JsonObject) -> JsonObject:
    kept = {name: answer[name] for name in ("intent", "urgent", "summary") if name in answer}
    return kept | {"number": answer["order"]["number"]}


def _make_mail(
    generator: np.random.Generator,
    vague: float,
    numbered: float,
    summarised: float,
    *,
    short: bool,
) -> Mail:
    intent, urgent = INTENTS[generator.integers(len(INTENTS))], bool(generator.random() < 0.4)
    number = _number(generator) if generator.random() < numbered else None
    priced = not short and generator.random() < 0.6
    cents = int(generator.integers(500, 500_000)) if priced else None
    items = [] if short else _items(generator)
    sentences = [
        _pick(generator, _VAGUE if generator.random() < vague else _ASKED[intent]),
        _pick(generator, _HURRY if urgent else _CALM),
        *map(str, generator.choice(_ASIDES, 2, replace=False)),
    ]
    if items:
        sentences.append(f"I ordered {_listed(items)}.")
    if number is not None:
        sentences.append(f"{_pick(generator, ['My order is', 'Order number'])} {number}.")
    if cents is not None:
        sentences.append(f"{_pick(generator, ['I paid', 'The total was'])} ${cents / 100:,.2f}.")
    generator.shuffle(sentences)
    name = f"{_pick(generator, _NAMES)} {_pick(generator, _SURNAMES)}"
    text = f"{_pick(generator, _OPENINGS)}, {' '.join(sentences)} {name}"
    order = {"number": number, "total": None if cents is None else cents / 100}
    answer: JsonObject = {"intent": intent, "urgent": urgent, "order": order, "items": items}
    if generator.random() < summarised:
        answer["summary"] = _summary(generator, name, intent, urgent=urgent)
    return Mail(text, answer)


def _number(generator: np.random.Generator) -> str:
    return f"{_pick(generator, ['RX', 'QB', 'TL'])}-{generator.integers(10_000, 100_000)}"


def _items(generator: np.random.Generator) -> list[dict[str, Any]]:
    chosen = generator.choice(_PRODUCTS, int(generator.integers(1, 4)), replace=False)
    return [
        {"product": str(product), "quantity": int(generator.integers(1, 10))} for product in chosen
    ]


def _listed(items: Sequence[dict[str, Any]]) -> str:
    return " and ".join(f"{item['quantity']} x {item['product']}" for item in items)


def _summary(generator: np.random.Generator, name: str, intent: str, *, urgent: bool) -> str:
    mood = _pick(generator, ["politely", "briefly", "once more", "at length", "with regret"])
    pace = "soon" if urgent else "in time"
    return f"{name} asks {mood} for {intent} and wants to hear {pace} from customer care"


def _pick(generator: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(generator.integers(len(choices)))]
