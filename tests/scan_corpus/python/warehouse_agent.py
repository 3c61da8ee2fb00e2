import json

from openai import OpenAI

from warehouse.tools import book_truck, find_stock, move_pallet

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": text,
            "parameters": {"type": "object", "properties": {"sku": {"type": "string"}}},
        },
    }
    for name, text in (
        ("find_stock", "Find where an article is stored"),
        ("move_pallet", "Move a pallet of an article to the ramp"),
        ("book_truck", "Book a truck for an article"),
    )
]
CALLS = {"find_stock": find_stock, "move_pallet": move_pallet, "book_truck": book_truck}


def run_agent(task: str) -> str:
    client = OpenAI()
    messages = [
        {"role": "system", "content": "You run a warehouse. Use the tools to carry out the task."},
        {"role": "user", "content": task},
    ]
    while True:
        response = client.chat.completions.create(model="gpt-4.1", messages=messages, tools=TOOLS)
        message = response.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            result = CALLS[call.function.name](**json.loads(call.function.arguments))
            messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)}
            )
