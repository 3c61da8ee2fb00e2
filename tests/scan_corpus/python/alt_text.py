from flask import Flask, jsonify, request
from openai import OpenAI

app = Flask(__name__)
client = OpenAI()

INSTRUCTIONS = (
    "Write alternative text for a figure of a museum catalogue from its caption and its "
    "inventory entry. One sentence, no more than twenty words."
)


@app.post("/alt-text")
def alt_text():
    data = request.get_json()
    response = client.responses.create(  # expect: narrow-prompt
        model="gpt-4.1",
        instructions=INSTRUCTIONS,
        input=f"Caption: {data['caption']}\nInventory: {data['inventory']}",
        max_output_tokens=60,
    )
    return jsonify(alt=response.output_text)
