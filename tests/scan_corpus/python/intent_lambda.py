import json
import logging
import os

import boto3

log = logging.getLogger()
bedrock = boto3.client("bedrock-runtime", region_name=os.environ["AWS_REGION"])
sqs = boto3.client("sqs")

MODEL_ID = "anthropic.claude-3-5-sonnet-20241022-v2:0"

QUEUES = {
    "cancel": os.environ["CANCEL_QUEUE"],
    "refund": os.environ["REFUND_QUEUE"],
    "upgrade": os.environ["UPGRADE_QUEUE"],
}

INSTRUCTION = (
    "Classify what the customer wants. Answer with a single word: cancel, refund or upgrade."
)


def handler(event, context):
    """Consume a batch of SQS messages and pass each on to the queue of its intent."""
    for record in event["Records"]:
        mail = json.loads(record["body"])
        result = bedrock.converse(  # expect: closed-answer, offline-loop
            modelId=MODEL_ID,
            system=[{"text": INSTRUCTION}],
            messages=[{"role": "user", "content": [{"text": mail["text"]}]}],
            inferenceConfig={"maxTokens": 5, "temperature": 0.0},
        )
        intent = result["output"]["message"]["content"][0]["text"].strip().lower()
        url = QUEUES.get(intent)
        if url is None:
            log.warning("unknown intent %r for %s", intent, mail["id"])
            continue
        sqs.send_message(QueueUrl=url, MessageBody=record["body"])
