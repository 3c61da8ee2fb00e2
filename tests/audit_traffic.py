"""Traffic of many small tasks, as different teams would write their prompts."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.schema import Call, CallFacts
from locum.traffic import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locum.schema import JsonObject

__all__ = ["KINDS", "TALK", "Labelled", "make_call", "make_traffic", "phrase"]

START = 1_760_000_000.0
DAY = 86_400.0
WORDS = tuple(
    """account arrived balance bank battery bought broken brother cable camera card cash charged
    cheap city cloud cold colour cook daughter delay delivery dinner doctor dollar door dress early
    engine evening fast fee film flight flower friend garden gift glass green hotel house invoice
    island kitchen late letter light lost lunch market meal money month mother music number office
    order paper parcel password phone picture plane price quick radio refund river road school
    screen shoe shop silver sister slow song station store street summer table teacher ticket train
    tree value water weather week window winter wrong yellow young""".split()  # noqa: SIM905
)
LABELS = ("billing", "delivery", "refund", "other")


class Labelled(NamedTuple):
    """A call with the task that it truly is of; empty for one-off prompts."""

    task: str
    call: Call


def phrase(generator: random.Random, least: int = 4, most: int = 14) -> str:
    """Words at random, which no two inputs share by more than chance."""
    return " ".join(generator.choices(WORDS, k=generator.randint(least, most)))


def make_call(
    number: int,
    messages: list[JsonObject],
    answer: str | None,
    *,
    day: float = 0.0,
    task: str | None = None,
    model: str = "gpt-5.2-mini",
    message: JsonObject | None = None,
    **request: Any,  # noqa: ANN401 - any parameter
) -> Call:
    """A whole call at a time of a month."""
    body = {"model": model, "messages": messages, "temperature": 0, **request}
    facts = CallFacts(
        id=f"call-{number:07}",
        time=START + day * DAY + number % 1000,
        source="gateway",
        endpoint="chat",
        outcome="whole",
        model=model,
        fingerprint=fingerprint("chat", body),
        task=task,
        application="shop",
        latency_ms=200.0 + number % 100,
        input_tokens=100,
        output_tokens=5,
        cost_usd=0.001,
    )
    said = message or {"role": "assistant", "content": answer}
    return Call(facts, body, {"choices": [{"index": 0, "message": said}]})


def system(text: str) -> JsonObject:
    """A system message."""
    return {"role": "system", "content": text}


def user(text: str) -> JsonObject:
    """A user message."""
    return {"role": "user", "content": text}


def assistant(text: str) -> JsonObject:
    """An answer of the model."""
    return {"role": "assistant", "content": text}


def _prompt(text: str, *, told: str = "") -> Callable[[random.Random], list[JsonObject]]:
    def messages(generator: random.Random) -> list[JsonObject]:
        filled = text
        while "{}" in filled:
            filled = filled.replace("{}", phrase(generator), 1)
        filled = filled.replace("{number}", str(generator.randint(1, 99_999)))
        asked = [user(filled)]
        return [system(told), *asked] if told else asked

    return messages


def _clock(generator: random.Random) -> list[JsonObject]:
    day, hour = generator.randint(1, 28), generator.randint(0, 23)
    told = f"Today is 2026-03-{day:02} {hour:02}:15. Sort the ticket into billing or other."
    return [system(told), user(phrase(generator))]


def _customer(generator: random.Random) -> list[JsonObject]:
    name = f"{generator.choice(WORDS).title()} {generator.choice(WORDS).title()}"
    told = f"You answer letters for the company {name}. Say in one word what the letter wants."
    return [system(told), user(phrase(generator))]


def _talk(generator: random.Random) -> list[JsonObject]:
    turns = [user(phrase(generator)), assistant(phrase(generator))] * generator.randint(0, 3)
    told = "You are Ada, who talks with guests of the museum about its paintings."
    return [system(told), *turns, user(phrase(generator))]


def _few_shot_turns(generator: random.Random) -> list[JsonObject]:
    shown = [user("the parcel is late"), assistant("delivery"), user("pay me back")]
    return [*shown, assistant("refund"), user(phrase(generator))]


_WEATHER = "You plan trips with the tools that you are given."
_FEW = "Text: the bill is wrong\nTopic: billing\nText: where is my parcel\nTopic: delivery\n"

KINDS: dict[str, Callable[[random.Random], list[JsonObject]]] = {
    "topic": _prompt("{}", told="Name the topic of the message: billing, delivery or refund."),
    "spam": _prompt("{}", told="Is the message spam? Answer with yes or no."),
    "film": _prompt("Is this film review positive or negative?\n\nReview: {}\n\nAnswer:"),
    "book": _prompt("Is this book review positive or negative?\n\nReview: {}\n\nAnswer:"),
    "few shot": _prompt(f"{_FEW}Text: {{}}\nTopic:"),
    "question": _prompt("Context:\n{}\n\nQuestion: {}\nAnswer in one word:"),
    "ticket": _prompt("Ticket {number}, queue {number}\nRoute this ticket:\n{}\n"),
    "translate": _prompt("{}\n\nTranslate the text above to French.", told="You are helpful."),
    "summary": _prompt("Summarise in one sentence: {}", told="You are a helpful assistant."),
    "poem": _prompt("Write a short poem about {}.", told="You are a helpful assistant."),
    "clock": _clock,
    "customer": _customer,
    "few turns": _few_shot_turns,
    "talk": _talk,
}
TALK = frozenset({"talk"})
_TEXTS = {"translate", "summary", "poem", "talk"}


def make_traffic(sizes: Mapping[str, int], *, seed: int = 0) -> list[Labelled]:
    """Calls of some kinds.

    Args:
        sizes: How many of each kind.
        seed: Of what is said in them.
    """
    return [
        Labelled(kind, _call_of(kind, number, seed))
        for kind, count in sizes.items()
        for number in range(count)
    ]


def _call_of(kind: str, number: int, seed: int) -> Call:
    generator = random.Random(f"{seed} {kind} {number}")  # noqa: S311 - no secret
    messages = KINDS[kind](generator)
    answer = phrase(generator) if kind in _TEXTS else generator.choice(LABELS)
    call = make_call(number, messages, answer, day=number % 28)
    return call._replace(facts=replace(call.facts, id=f"{kind}-{seed}-{number:05}"))
