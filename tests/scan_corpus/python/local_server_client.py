import csv
import sys

from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="unused")


def language_of(text: str) -> str:
    response = client.chat.completions.create(
        model="Qwen/Qwen2.5-7B-Instruct",
        messages=[
            {"role": "system", "content": "Answer with the ISO code of the text's language."},
            {"role": "user", "content": text},
        ],
        max_tokens=4,
        temperature=0,
    )
    return response.choices[0].message.content


if __name__ == "__main__":
    for line in csv.reader(sys.stdin):
        print(line[0], language_of(line[1]), sep="\t")
