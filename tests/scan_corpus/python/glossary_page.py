from django.shortcuts import render
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="gpt-4.1", temperature=0)

TERMS = ("escrow", "equity", "amortisation")


def glossary(request):
    """Glossary of the mortgage calculator."""
    question = (
        "Define these terms for first-time home buyers, one paragraph each: " + ", ".join(TERMS)
    )
    answer = llm.invoke(question)
    return render(request, "glossary.html", {"text": answer.content})
