import json

import boto3

runtime = boto3.client("bedrock-runtime")


def translate_label(label: str) -> str:
    """Translate a label of the user interface into French."""
    body = json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 120,
            "temperature": 0,
            "system": "Translate the label of a user interface from English into French. "
            "Keep placeholders such as %s as they are.",
            "messages": [{"role": "user", "content": label}],
        }
    )
    response = runtime.invoke_model(  # expect: narrow-prompt
        modelId="anthropic.claude-3-sonnet-20240229-v1:0",
        contentType="application/json",
        body=body,
    )
    return json.loads(response["body"].read())["content"][0]["text"]
