import google.generativeai as genai

from analytics.schema import describe_tables

model = genai.GenerativeModel(
    "gemini-1.5-pro",
    generation_config={"temperature": 0, "max_output_tokens": 2048},
)


def write_sql(question: str) -> str:
    prompt = (
        "You write PostgreSQL for analysts. Explain each common table expression in a comment.\n"
        f"Tables:\n{describe_tables()}\n\nQuestion: {question}\nSQL:"
    )
    return model.generate_content(prompt).text
