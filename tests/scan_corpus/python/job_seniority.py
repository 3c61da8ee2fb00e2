import os

from mistralai import Mistral

LEVELS = ["intern", "junior", "mid", "senior", "lead", "executive"]

_client = Mistral(api_key=os.environ["MISTRAL_API_KEY"])


def seniority(posting: str) -> str | None:
    """Read the seniority off a job posting."""
    response = _client.chat.complete(  # expect: closed-answer
        model="mistral-large-latest",
        messages=[
            {
                "role": "system",
                "content": "Which seniority does the job posting ask for? "
                f"Answer with one of: {', '.join(LEVELS)}.",
            },
            {"role": "user", "content": posting},
        ],
        max_tokens=8,
    )
    level = response.choices[0].message.content.strip().lower()
    if level not in LEVELS:
        return None
    return level
