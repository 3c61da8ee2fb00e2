from collections.abc import Iterable

from llama_index.core.schema import NodeWithScore
from llama_index.llms.anthropic import Anthropic

RELEVANCE = (
    "Question: {question}\n\nPassage: {passage}\n\n"
    "Does the passage help to answer the question? Answer with Y or N."
)


class RelevanceFilter:
    """Drops passages that have nothing to do with the question."""

    def __init__(self) -> None:
        self._llm = Anthropic(model="claude-3-5-sonnet-latest", max_tokens=1)

    def keep(self, question: str, nodes: Iterable[NodeWithScore]) -> list[NodeWithScore]:
        return [node for node in nodes if self._helps(question, node.get_content())]

    def _helps(self, question: str, passage: str) -> bool:
        prompt = RELEVANCE.format(question=question, passage=passage)
        return self._llm.complete(prompt).text.strip() == "Y"  # expect: closed-answer, offline-loop
