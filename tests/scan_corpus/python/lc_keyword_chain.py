from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_mistralai import ChatMistralAI

_PROMPT = ChatPromptTemplate.from_template(
    "Donne trois mots-clés, séparés par des virgules, pour cette offre de stage :\n{offre}"
)


class MotsCles:
    def __init__(self, modele: str = "mistral-large-latest"):
        self.chaine = _PROMPT | ChatMistralAI(model=modele, max_tokens=32) | StrOutputParser()

    def extraire(self, offre: str) -> list[str]:
        brut = self.chaine.invoke({"offre": offre})  # expect: narrow-prompt
        return [mot.strip() for mot in brut.split(",")]
