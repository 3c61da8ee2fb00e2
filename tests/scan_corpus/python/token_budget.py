import sys
from pathlib import Path

import anthropic

SYSTEM = "Review the source file for security problems."


def main() -> None:
    """Print what the prompts of a review would weigh."""
    client = anthropic.Anthropic()
    total = 0
    for name in sys.argv[1:]:
        count = client.messages.count_tokens(
            model="claude-sonnet-4-20250514",
            system=SYSTEM,
            messages=[{"role": "user", "content": Path(name).read_text()}],
        )
        print(f"{count.input_tokens:>8} {name}")
        total += count.input_tokens
    print(f"{total:>8} total; models: {[m.id for m in client.models.list()]}")


if __name__ == "__main__":
    main()
