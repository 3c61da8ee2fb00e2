from flask import Blueprint, render_template
from openai import OpenAI

pages = Blueprint("pages", __name__)
client = OpenAI()

TIP_PROMPT = "Give one practical tip for saving water in the garden, in two sentences."


@pages.get("/")
def home():
    response = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": "You are an experienced gardener."},
            {"role": "user", "content": TIP_PROMPT},
        ],
    )
    return render_template("home.html", tip=response.choices[0].message.content)
