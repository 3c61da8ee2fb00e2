"""Answers questions about the employee handbook."""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_postgres import PGVector

store = PGVector(
    embeddings=OpenAIEmbeddings(model="text-embedding-3-small"),
    collection_name="handbook",
    connection="postgresql+psycopg:///handbook",
)

prompt = ChatPromptTemplate.from_template(
    "Answer the employee's question from the context. Quote the section you rely on.\n\n"
    "Context:\n{context}\n\nQuestion: {question}"
)


def join(documents):
    return "\n\n".join(d.page_content for d in documents)


chain = (
    {"context": store.as_retriever() | join, "question": RunnablePassthrough()}
    | prompt
    | ChatOpenAI(model="gpt-4o")
    | StrOutputParser()
)


def answer(question: str) -> str:
    return chain.invoke(question)
