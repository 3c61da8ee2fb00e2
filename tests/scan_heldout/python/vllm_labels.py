import os

from openai import OpenAI

BASE = os.getenv("LLM_BASE", "http://127.0.0.1:8000/v1")
client = OpenAI(base_url=BASE, api_key="EMPTY")


def label(sentence: str) -> bool:
    out = client.chat.completions.create(
        model="meta-llama/Llama-3.1-8B-Instruct",
        messages=[
            {"role": "system", "content": "Is the sentence a claim that can be checked? yes/no"},
            {"role": "user", "content": sentence},
        ],
        max_tokens=1,
    )
    return out.choices[0].message.content.lower() == "yes"
