"""Compares two versions of a contract clause; the words of the prompt come from a package."""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from legalprompts import CLAUSE_COMPARISON, template_for


class ClauseComparison:
    def __init__(self, llm) -> None:
        self.llm = llm

    def compare(self, before: str, after: str) -> str:
        prompt = PromptTemplate(
            template=CLAUSE_COMPARISON,
            input_variables=["language"],
            partial_variables={"before": before, "after": after},
        )
        chain = prompt | self.llm | StrOutputParser()
        return chain.invoke({"language": "en"})

    def explain(self, kind: str, clause: str) -> str:
        prompt = PromptTemplate(template=template_for(kind), input_variables=["clause"])
        chain = prompt | self.llm | StrOutputParser()
        return chain.invoke({"clause": clause})
