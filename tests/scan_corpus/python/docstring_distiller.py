import json
from collections.abc import Iterator

from langchain_openai import AzureChatOpenAI


class Models:
    def __init__(self) -> None:
        self.chat_model = AzureChatOpenAI(azure_deployment="gpt-4o", api_version="2024-06-01")


class Distiller:
    """Prepares a data set of functions and their descriptions."""

    def __init__(self, llm: Models) -> None:
        self.llm = llm

    def split(self, function: dict[str, str]) -> list[dict[str, str]]:
        prompt = (
            "You are a "
            + function["language"]
            + " expert. Split the function into chunks and explain each. Return a JSON list of "
            "objects with the keys 'code' and 'explanation'."
        )
        answer = self.llm.chat_model.invoke(  # expect: fixed-schema, offline-loop
            [("system", prompt), ("human", function["code"])]
        )
        return json.loads(answer.content)

    def run(self, functions: list[dict[str, str]]) -> Iterator[dict[str, str]]:
        for function in functions:
            yield from self.split(function)
