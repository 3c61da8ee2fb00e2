"""Runs the prompts that editors keep in the database."""

from openai import OpenAI

from studio.models import PromptTemplate

client = OpenAI()


def run_prompt(name: str, variables: dict[str, str]) -> str:
    template = PromptTemplate.objects.get(name=name, active=True)
    prompt = template.body.format(**variables)
    response = client.chat.completions.create(
        model=template.model,
        temperature=template.temperature,
        max_tokens=template.max_tokens,
        messages=[{"role": "user", "content": prompt}],
    )
    return response.choices[0].message.content
