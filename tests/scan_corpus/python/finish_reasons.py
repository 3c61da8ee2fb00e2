import anthropic

SYSTEM = (
    "Rewrite the patient leaflet in plain language. Keep all warnings and doses. Explain each "
    "medical term where it first occurs."
)


class LeafletTooLongError(Exception):
    pass


def plain_leaflet(client: anthropic.Anthropic, leaflet: str) -> str:
    message = client.messages.create(
        model="claude-sonnet-4-20250514",
        max_tokens=8000,
        system=SYSTEM,
        messages=[{"role": "user", "content": leaflet}],
    )
    if message.stop_reason == "max_tokens":
        raise LeafletTooLongError
    if message.stop_reason in ("refusal", "tool_use"):
        raise ValueError(message.stop_reason)
    block = message.content[0]
    return block.text if block.type == "text" else ""
