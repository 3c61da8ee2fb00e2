import json

from litellm import acompletion
from pydantic import BaseModel, ConfigDict


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    passed: bool
    reason: str


JUDGE = """You judge whether the output of a step of a data pipeline does what the step's
description asks for. Look at completeness and correctness, not at style."""


async def judge(description: str, output: object, judge_model: str = "gpt-4.1") -> Verdict:
    question = f"""
    Description: {description}

    Output:
    {json.dumps(output, indent=2, default=str)}

    Give your reason and decide.
    """
    response = await acompletion(  # expect: fixed-schema
        model=judge_model,
        messages=[
            {"role": "system", "content": JUDGE},
            {"role": "user", "content": question},
        ],
        response_format=Verdict,
    )
    return Verdict.model_validate_json(response.choices[0].message.content)
