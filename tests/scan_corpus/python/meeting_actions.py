from openai import AzureOpenAI

ACTIONS_SCHEMA = {
    "name": "action_items",
    "strict": True,
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "required": ["items"],
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["owner", "task", "due"],
                    "properties": {
                        "owner": {"type": "string"},
                        "task": {"type": "string"},
                        "due": {"type": ["string", "null"]},
                    },
                },
            }
        },
    },
}


def action_items(client: AzureOpenAI, transcript: str) -> str:
    result = client.chat.completions.create(  # expect: fixed-schema
        model="gpt-4o",
        messages=[
            {
                "role": "system",
                "content": "List the action items that were agreed on in the meeting.",
            },
            {"role": "user", "content": transcript},
        ],
        response_format={"type": "json_schema", "json_schema": ACTIONS_SCHEMA},
    )
    return result.choices[0].message.content
