"""Talk to the documentation bot in a terminal."""

import os

import anthropic

SYSTEM = "You answer questions of developers about our message broker. Be precise."


def main() -> None:
    client = anthropic.Anthropic(api_key=os.environ["ANTHROPIC_API_KEY"])
    conversation = []
    while True:
        question = input("> ")
        if question in ("exit", "quit"):
            break
        conversation.append({"role": "user", "content": question})
        reply = client.messages.create(
            model="claude-3-5-sonnet-latest",
            max_tokens=1500,
            system=SYSTEM,
            messages=conversation,
        )
        text = reply.content[0].text
        conversation.append({"role": "assistant", "content": text})
        print(text)


if __name__ == "__main__":
    main()
