from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_openai import ChatOpenAI

from .prompts import HOUSE_STYLE, TEMPLATE_ENTRY, TEMPLATE_NOTICE

llm = ChatOpenAI(model="gpt-4o")


def announces_hearing(notice: str) -> bool:
    prompt = PromptTemplate(template=TEMPLATE_NOTICE, input_variables=["notice"])
    chain = prompt | llm | StrOutputParser()
    answer = chain.invoke({"notice": notice})  # expect: closed-answer
    return "yes" in answer.lower()


def register_entry(text: str) -> dict[str, str]:
    chain = PromptTemplate.from_template(TEMPLATE_ENTRY) | llm | JsonOutputParser()
    return chain.invoke({"text": text})  # expect: fixed-schema


def in_house_style(article: str) -> str:
    chain = PromptTemplate.from_template(HOUSE_STYLE) | llm | StrOutputParser()
    return chain.invoke({"article": article})
