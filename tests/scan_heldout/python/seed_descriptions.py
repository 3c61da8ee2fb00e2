from functools import cache

from langchain_openai import ChatOpenAI


@cache
def model() -> ChatOpenAI:
    return ChatOpenAI(model_name="gpt-4o")


def care_instructions() -> str:
    """Text on the back of every bag of seeds."""
    messages = [
        ("system", "You are a nursery's copywriter."),
        ("human", "How are tomatoes sown on a window sill? Five steps."),
    ]
    return model().invoke(messages).content
