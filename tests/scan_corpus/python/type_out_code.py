import sys
from collections.abc import Iterator

from litellm import completion

SYSTEM = "You are a quick assistant in a terminal. Explain the error and show commands in a block."


def pieces(history: str) -> Iterator[str]:
    stream = completion(
        model="gpt-4o-mini",
        temperature=0,
        stream=True,
        messages=[
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"{history.strip()}\n\nWhat went wrong in the end?"},
        ],
    )
    for chunk in stream:
        yield chunk.choices[0].delta.content or ""


def show(history: str) -> None:
    ticks = 0
    for character in (c for piece in pieces(history) for c in piece):
        if character == "`":
            ticks += 1
        elif character in ("\n", "\\") or ticks % 6 >= 3:
            sys.stdout.write(character)
        else:
            sys.stdout.write(character.lower())
