from pathlib import Path

from openai import OpenAI

client = OpenAI()


def transcribe_all(folder: Path) -> None:
    """Write the text of each voicemail beside its recording."""
    for recording in folder.glob("*.mp3"):
        with recording.open("rb") as audio:
            transcript = client.audio.transcriptions.create(
                model="gpt-4o-transcribe",
                file=audio,
                prompt="A patient leaves a message for a dental practice.",
            )
        recording.with_suffix(".txt").write_text(transcript.text)
