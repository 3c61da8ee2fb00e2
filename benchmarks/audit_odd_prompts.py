"""Traffic of nineteen more tasks, whose prompts were written once discovery was built.

Tags, JSON and SQL around the input, prompts of one word, instructions that hold documents, prompts
of several under one persona, greetings and names that vary. One rule was changed after these were
seen: that a word of five letters as a heading may be a prompt.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from benchmarks.audit_mixture import (
    EDITORS,
    HELPFUL,
    ONE_OFF,
    Pair,
    Places,
    Request,
    Source,
    labelled,
    prose,
    system,
    user,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_odd_sources"]

PERSONA = "You are the newsroom assistant of the Daily Planet."
TAGS = "<instructions>\n{}\n</instructions>\n<input>\n{{text}}\n</input>"
SQL = "-- schema: users(id, name), orders(id, user_id, total)\n-- question: {text}\nSELECT"
TRANSLATE = "Translate the text below from English to {}.\n{{text}}"
SUMMARIZE = "Summarize the following {} in {}.\n\n{{text}}"


def read_odd_sources(places: Places) -> list[Source]:
    """Read the texts and return the tasks."""
    banking, trec, messages, movies, amazon, editorials, reuters, newsgroups = (
        labelled(name, places)
        for name in (
            *("banking77", "trec", "messages", "movies"),
            *("amazon", "editorials", "reuters", "newsgroups"),
        )
    )
    generator = random.Random(1)  # noqa: S311 - no secret
    return [
        Source("products, tags", amazon, written(TAGS.format("Extract the product."))),
        Source("directors, tags", movies, written(TAGS.format("Extract the film's director."))),
        Source("grammar, greetings", messages, _letter),
        Source("moderation, JSON", messages, _json),
        Source("intent, one short word", banking, written("Intent? {text}")),
        Source("classify, one word", trec, written("Classify: {text}")),
        Source("news in a sentence", reuters, _summary("article", "1 sentence")),
        Source("news in points", reuters, _summary("article", "three bullet points")),
        Source("mail in points", newsgroups, _summary("email", "three bullet points")),
        Source(
            "replies", banking, written("Write a polite reply to this customer: {text}", HELPFUL)
        ),
        Source("SQL", trec, written(SQL)),
        Source(
            "tests",
            banking,
            written("{text}", "You are a senior developer. Turn the request into a unit test."),
        ),
        Source(
            "facts, persona",
            editorials,
            written("Fact-check this paragraph and list the doubtful claims:\n\n{text}", PERSONA),
        ),
        Source(
            "calendar, persona",
            messages,
            written("Turn this note into a calendar entry with title and date:\n\n{text}", PERSONA),
        ),
        Source("handbook in the instruction", trec, _handbook(editorials)),
        Source("Polish", banking, written(TRANSLATE.format("Polish"))),
        Source("Danish", banking, written(TRANSLATE.format("Danish"))),
        Source(
            "titles, slot in front",
            newsgroups,
            written("{text}\n\n---\nTitle for the post above (max 8 words):"),
        ),
        Source("transcripts", messages, _transcript(messages)),
        Source(ONE_OFF, prose(amazon, generator), written("{text}")),
    ]


def _summary(what: str, how: str) -> Callable[[Pair, random.Random], Request]:
    return written(SUMMARIZE.format(what, how), HELPFUL)


def _letter(pair: Pair, generator: random.Random) -> Request:
    greeting = generator.choice(["Hi", "Hello", "Hey there"])
    asked = f"{greeting},\n\n```\n{pair.text}\n```\n\nfix the grammar, keep the tone."
    return Request([user(f"{asked} Thanks, {generator.choice(EDITORS)}")], pair.answer, {})


def _json(pair: Pair, generator: random.Random) -> Request:
    asked = {
        "request_id": f"{generator.getrandbits(64):x}",
        "user": generator.choice(EDITORS),
        "op": "moderate",
        "payload": {"text": pair.text, "lang": "en"},
    }
    return Request([user(json.dumps(asked))], pair.answer, {})


def _handbook(pages: list[Pair]) -> Callable[[Pair, random.Random], Request]:
    def write(pair: Pair, generator: random.Random) -> Request:
        found = " ".join(page.text for page in generator.sample(pages, 3))
        told = f"Use the handbook to answer.\n<handbook>\n{found}\n</handbook>"
        return Request([system(told), user(pair.text)], pair.answer, {})

    return write


def _transcript(said: list[Pair]) -> Callable[[Pair, random.Random], Request]:
    def write(pair: Pair, generator: random.Random) -> Request:
        turns = generator.sample(said, generator.randint(2, 8))
        lines = [
            f"{'Caller' if place % 2 else 'Agent'}: {turn.text}" for place, turn in enumerate(turns)
        ]
        head = f"Transcript of call {generator.randint(1, 9999)}:"
        asked = "\n".join([head, *lines, "", "Was the caller satisfied? yes/no"])
        return Request([system(HELPFUL), user(asked)], pair.answer, {})

    return write
