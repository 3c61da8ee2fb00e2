import base64

from celery import Celery
from openai import OpenAI

from events.storage import put_object

app = Celery("posters", broker="redis://redis:6379/0")
client = OpenAI()


@app.task
def make_poster(event_id: str, title: str, mood: str) -> str:
    result = client.images.generate(
        model="gpt-image-1",
        prompt=f"Poster for a concert called {title}. Mood: {mood}. No text.",
        size="1024x1536",
    )
    image = base64.b64decode(result.data[0].b64_json)
    return put_object(f"posters/{event_id}.png", image)
