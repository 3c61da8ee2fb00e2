import datetime as dt

from django.http import JsonResponse
from openai import OpenAI

client = OpenAI()


def on_this_day(request):
    """Something about today's date in history."""
    today = dt.date.today()
    response = client.chat.completions.create(
        model="gpt-4o",
        temperature=0.8,
        messages=[
            {
                "role": "user",
                "content": f"Tell a story of several paragraphs about something that happened "
                f"on {today:%d %B} in the history of science.",
            }
        ],
    )
    return JsonResponse({"date": today.isoformat(), "text": response.choices[0].message.content})
