"""Traffic of twenty tasks on real texts, with prompts as different teams would write them.

The texts are those of `benchmarks.sets` and `benchmarks.extraction_sets`. Where people or a teacher
labelled them, the label is the answer; where a task would want prose, its answer is words of the
text, as discovery reads no answers.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.extraction_sets import read_conll, read_snips
from benchmarks.sets import read_set
from locum.schema import Call, CallFacts
from locum.traffic import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locum.schema import JsonObject

__all__ = [
    "EDITORS",
    "HELPFUL",
    "ONE_OFF",
    "LabelledCall",
    "Pair",
    "Places",
    "Request",
    "Source",
    "labelled",
    "prose",
    "read_sources",
    "system",
    "user",
    "written",
]

ONE_OFF = "one-off prompts"
START = 1_760_000_000.0
SECONDS = 30 * 86_400
MODELS = ("gpt-5.2-mini", "gpt-5.2", "claude-sonnet-4-6")
LONGEST = 1_500


class Places(NamedTuple):
    """Folders with what was downloaded: packages (see `benchmarks.sets`), SNIPS, CoNLL-2003."""

    packages: Path
    snips: Path
    conll: Path


class Pair(NamedTuple):
    """A text and an answer to it."""

    text: str
    answer: str


class LabelledCall(NamedTuple):
    """A call and the task that it truly is of."""

    task: str
    call: Call


class Request(NamedTuple):
    """What is sent, besides the model.

    Args:
        messages: The messages.
        answer: What comes back.
        more: Other parts of the body.
    """

    messages: list[JsonObject]
    answer: str | None
    more: JsonObject


@dataclass(frozen=True, slots=True)
class Source:
    """One task.

    Args:
        task: Its name.
        pairs: Texts with answers.
        write: Makes a request of a pair, with a source of chance.
    """

    task: str
    pairs: list[Pair]
    write: Callable[[Pair, random.Random], Request]

    def calls(self, count: int, seed: int = 0) -> Iterator[LabelledCall]:
        """Yield calls in a month; texts come again once all were asked about."""
        generator = random.Random(f"{self.task} {seed}")  # noqa: S311 - no secret
        model = MODELS[len(self.task) % len(MODELS)]
        pairs = list(self.pairs)
        generator.shuffle(pairs)
        for number, pair in enumerate(islice(cycle(pairs), count)):
            call = _call(self.write(pair, generator), model, generator)
            call_id = f"{generator.getrandbits(64):016x}{number:08x}"
            yield LabelledCall(self.task, call._replace(facts=replace(call.facts, id=call_id)))


def _call(request: Request, model: str, generator: random.Random) -> Call:
    body = {"model": model, "messages": request.messages, "temperature": 0, **request.more}
    words = sum(len(str(message.get("content")).split()) for message in request.messages)
    answered = len((request.answer or "").split())
    facts = CallFacts(
        id="",
        time=START + generator.random() * SECONDS,
        source="gateway",
        endpoint="chat",
        outcome="whole",
        model=model,
        fingerprint=fingerprint("chat", body),
        latency_ms=generator.lognormvariate(6.5, 0.4),
        input_tokens=4 * words // 3,
        output_tokens=4 * answered // 3 + 1,
        cost_usd=(words + 4 * answered) * 1e-6,
    )
    said: JsonObject = {"role": "assistant", "content": request.answer}
    if request.answer is None:
        said["tool_calls"] = [{"id": "1", "type": "function", "function": {"name": "search"}}]
    return Call(facts, body, {"choices": [{"index": 0, "message": said}]})


def system(text: str) -> JsonObject:
    """Return a system message."""
    return {"role": "system", "content": text}


def user(text: str) -> JsonObject:
    """Return a user message."""
    return {"role": "user", "content": text}


def _assistant(text: str) -> JsonObject:
    return {"role": "assistant", "content": text}


def written(prompt: str, told: str = "", **more: Any) -> Callable[[Pair, random.Random], Request]:  # noqa: ANN401 - any part of a body
    """Write the text of each pair into a prompt, below an instruction."""

    def write(pair: Pair, generator: random.Random) -> Request:
        filled = _fill(prompt, generator).replace("{text}", pair.text)
        messages = [user(filled)]
        if told:
            messages.insert(0, system(_fill(told, generator)))
        return Request(messages, pair.answer, more)

    return write


def _fill(text: str, generator: random.Random) -> str:
    """Put in what varies from call to call and says nothing."""
    if "{" not in text:
        return text
    day = f"2026-10-{generator.randint(1, 28):02}T{generator.randint(0, 23):02}:05:00Z"
    return (
        text.replace("{now}", day)
        .replace("{number}", str(generator.randint(1000, 99_999)))
        .replace("{id}", f"{generator.getrandbits(48):012x}a1")
        .replace("{editor}", generator.choice(EDITORS))
    )


EDITORS = tuple(
    f"{first} {last}"
    for first in ("Anna", "Bela", "Carl", "Dora", "Emil", "Fred", "Gina", "Hans", "Ida", "Juri")
    for last in ("Adler", "Brandt", "Conrad", "Dietz", "Engel", "Fuchs", "Graf", "Huber")
)
HELPFUL = "You are a helpful assistant."
SHOT = (
    "Question: Who wrote Hamlet ?\nKind: HUM\n\nQuestion: What is a quark ?\nKind: DESC\n\n"
    "Question: Where is Bonn ?\nKind: LOC\n\nQuestion: {text}\nKind:"
)
ALPACA = "### Instruction:\n{told}\n\n### Input:\n{{text}}\n\n### Response:\n"


def _documents(pairs: list[Pair]) -> Callable[[Pair, random.Random], Request]:
    """Ask about one of sixty documents."""
    documents = [" ".join(p.text for p in pairs[n * 3 : n * 3 + 3]) for n in range(60)]

    def write(pair: Pair, generator: random.Random) -> Request:
        document = generator.choice(documents)
        asked = f"Context:\n{document}\n\nQuestion: {pair.text}\nAnswer:"
        return Request([user(asked)], pair.answer, {"max_tokens": 200})

    return write


def _talk(pairs: list[Pair]) -> Callable[[Pair, random.Random], Request]:
    """Talk of up to four turns before the message."""
    told = "You are Mira, the friendly companion of the Harbour app. Keep people company."

    def write(pair: Pair, generator: random.Random) -> Request:
        earlier = generator.sample(pairs, 2 * generator.randint(0, 4))
        turns = [
            (_assistant if place % 2 else user)(said.text) for place, said in enumerate(earlier)
        ]
        return Request([system(told), *turns, user(pair.text)], pair.answer, {})

    return write


def _examples(pairs: list[Pair]) -> Callable[[Pair, random.Random], Request]:
    """Show three examples as turns."""
    shown = [turn for p in pairs[:3] for turn in (user(p.text), _assistant(p.answer))]

    def write(pair: Pair, _: random.Random) -> Request:
        return Request([*shown, user(pair.text)], pair.answer, {})

    return write


def _agent(pair: Pair, generator: random.Random) -> Request:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("search", "play", "book")
    ]
    used: JsonObject = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function"}],
    }
    step: list[JsonObject] = [
        used,
        {"role": "tool", "tool_call_id": "1", "content": generator.choice(EDITORS)},
    ]
    told = system("You run a smart home. Use the tools to do what you are asked.")
    steps = step * generator.randint(0, 3)
    return Request([told, user(pair.text), *steps], None, {"tools": tools})


def prose(pairs: list[Pair], generator: random.Random) -> list[Pair]:
    """Answer with the words of each text in another order."""
    return [Pair(p.text, " ".join(generator.sample(w := p.text.split(), len(w)))) for p in pairs]


def labelled(name: str, places: Places) -> list[Pair]:
    """Return the texts of a set with their labels."""
    given = read_set(name, places.packages)
    return [
        Pair(text[:LONGEST], given.labels[answer])
        for text, answer in zip(given.texts, given.answers, strict=True)
    ]


def read_sources(places: Places) -> list[Source]:
    """Read the texts and return the tasks."""
    generator = random.Random(0)  # noqa: S311 - no secret
    sets = {
        name: labelled(name, places)
        for name in (
            *("banking77", "trec", "messages", "movies"),
            *("amazon", "editorials", "reuters", "newsgroups"),
        )
    }
    snips, conll = read_snips(places.snips), read_conll(places.conll)
    spoken = [
        Pair(t.text, json.dumps(a)) for t, a in zip(snips.train, snips.train_answers, strict=True)
    ]
    news = [
        Pair(t.text, json.dumps(a)) for t, a in zip(conll.train, conll.train_answers, strict=True)
    ]
    long = {name: prose(pairs, generator) for name, pairs in sets.items()}
    topics = [Pair(" ".join(p.text.split()[:3]), p.answer) for p in long["amazon"]]
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "command", "schema": snips.schema},
    }
    intents = "\n".join(sorted({pair.answer for pair in sets["banking77"]}))
    review = "Is this {} review positive or negative? Answer with one word.\n\nReview: {{text}}\n"
    return [
        Source(
            "banking intents",
            sets["banking77"],
            written("{text}", f"Answer with the intent of the message alone:\n\n{intents}"),
        ),
        Source("question kinds, few-shot", sets["trec"], written(SHOT)),
        Source(
            "spam, slot in the middle",
            sets["messages"],
            written(
                "Decide whether this text message is spam.\n\n<message>{text}</message>\n\n"
                "Answer ordinary or spam."
            ),
        ),
        Source("film reviews", sets["movies"], written(review.format("film"))),
        Source("product reviews", sets["amazon"], written(review.format("product"))),
        Source(
            "tone, slot in front",
            sets["editorials"],
            written("{text}\n\nIs the tone of the text above positive or negative?", HELPFUL),
        ),
        Source(
            "newswire, time in the instruction",
            sets["reuters"],
            written("{text}", "The time is {now}. Name the desk that takes the story."),
        ),
        Source(
            "newsgroups, name in the instruction",
            sets["newsgroups"],
            written("{text}", "You sort mail for {editor}. Say which newsgroup it belongs to."),
        ),
        Source(
            "commands, schema",
            spoken,
            written("{text}", "Read the spoken command.", response_format=schema),
        ),
        Source(
            "entities, ids in the prompt",
            news,
            written("Document {id}, batch {number}\nList the entities as JSON.\n\n{text}"),
        ),
        Source(
            "headlines",
            long["reuters"],
            written("Write a headline for the following story:\n{text}", HELPFUL),
        ),
        Source("translation", long["trec"], written("Translate to German: {text}", HELPFUL)),
        Source("stories", topics, written("Write a short bedtime story about {text}.", HELPFUL)),
        Source("answers from documents", long["trec"], _documents(sets["editorials"])),
        Source("talk", long["messages"], _talk(sets["messages"])),
        Source("agent with tools", spoken, _agent),
        Source("film reviews, examples as turns", sets["movies"], _examples(sets["movies"])),
        Source(
            "politeness, shared format",
            sets["messages"],
            written(ALPACA.format(told="Say whether the text is polite.")),
        ),
        Source(
            "urgency, shared format",
            sets["banking77"],
            written(ALPACA.format(told="Rate how urgent the request is.")),
        ),
        Source(
            "rewriting",
            long["editorials"],
            written("Rewrite the paragraph in plain English.\n\nParagraph: {text}", HELPFUL),
        ),
        Source(ONE_OFF, long["newsgroups"], written("{text}")),
    ]
