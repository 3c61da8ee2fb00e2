from langchain_anthropic import ChatAnthropic
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.prompts import PromptTemplate
from pydantic import BaseModel, Field


class Ingredient(BaseModel):
    name: str
    amount: str | None = None


class Recipe(BaseModel):
    title: str = Field(description="Name of the dish")
    servings: int
    ingredients: list[Ingredient]
    steps: list[str]


parser = PydanticOutputParser(pydantic_object=Recipe)

prompt = PromptTemplate(
    template="Turn the blog post into a structured recipe.\n{format_instructions}\n\nPost:\n{post}",
    input_variables=["post"],
    partial_variables={"format_instructions": parser.get_format_instructions()},
)

llm = ChatAnthropic(model="claude-3-5-sonnet-latest", max_tokens=2048)


def import_recipe(post: str) -> Recipe:
    chain = prompt | llm | parser
    return chain.invoke({"post": post})  # expect: fixed-schema
