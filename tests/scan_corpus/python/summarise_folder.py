"""Summarise every transcript of a folder."""

from pathlib import Path

import click
from openai import OpenAI

SYSTEM = """You write minutes. Summarise the transcript under the headings
Decisions, Open questions and Next steps. Keep names as they are spoken."""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--suffix", default=".minutes.md", show_default=True)
def summarise(folder: Path, suffix: str) -> None:
    client = OpenAI()
    for transcript in sorted(folder.glob("*.txt")):
        completion = client.chat.completions.create(  # expect: offline-loop
            model="gpt-4o",
            messages=[
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": transcript.read_text()},
            ],
        )
        transcript.with_suffix(suffix).write_text(completion.choices[0].message.content)
        click.echo(transcript.name)


if __name__ == "__main__":
    summarise()
