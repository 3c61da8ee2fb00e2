from llama_index.core.prompts import PromptTemplate
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel


class PaperCard(BaseModel):
    """What the reading list shows of a paper."""

    title: str
    authors: list[str]
    year: int
    main_claim: str


CARD_PROMPT = PromptTemplate(
    "Below is the first page of a scientific paper. Fill in its card.\n\n{page}\n"
)


class CardMaker:
    def __init__(self) -> None:
        self.llm = OpenAI(model="gpt-4.1", temperature=0.1)

    async def make(self, first_page: str) -> PaperCard:
        return await self.llm.astructured_predict(PaperCard, CARD_PROMPT, page=first_page)  # expect: fixed-schema
