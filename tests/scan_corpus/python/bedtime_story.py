from anthropic import Anthropic
from flask import Flask, render_template, request

app = Flask(__name__)
claude = Anthropic()


@app.route("/story", methods=["POST"])
def story():
    hero = request.form["hero"]
    place = request.form["place"]
    message = claude.messages.create(
        model="claude-3-5-sonnet-20241022",
        max_tokens=3000,
        temperature=1.0,
        system="You are a children's author. Write a bedtime story of several pages.",
        messages=[{"role": "user", "content": f"The hero is {hero}. It happens in {place}."}],
    )
    return render_template("story.html", text=message.content[0].text)
