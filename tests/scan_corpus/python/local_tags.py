"""Tags notes with a model that runs on the same machine."""

import ollama

TAGS = ("work", "family", "health", "money")


def tag(note: str) -> str:
    response = ollama.chat(
        model="llama3.1:8b",
        messages=[
            {
                "role": "system",
                "content": "Answer with one tag for the note: work, family, health or money.",
            },
            {"role": "user", "content": note},
        ],
    )
    answer = response["message"]["content"].strip()
    return answer if answer in TAGS else "work"
