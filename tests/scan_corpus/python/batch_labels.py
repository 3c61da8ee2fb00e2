"""Labels the night's feedback through the batch interface, at half the price."""

import json
import sys
import tempfile

from openai import OpenAI

from feedback.store import unlabelled

SYSTEM = "Label the feedback as praise, complaint or question. One word."


def main() -> int:
    client = OpenAI()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for item in unlabelled():
            request = {
                "custom_id": str(item.id),
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "gpt-4o-mini",
                    "max_tokens": 2,
                    "messages": [
                        {"role": "system", "content": SYSTEM},
                        {"role": "user", "content": item.text},
                    ],
                },
            }
            file.write(json.dumps(request) + "\n")
        file.flush()
        uploaded = client.files.create(file=open(file.name, "rb"), purpose="batch")
    batch = client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    print(batch.id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
