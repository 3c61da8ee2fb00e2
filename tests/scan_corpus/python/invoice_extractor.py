import datetime as dt
from decimal import Decimal

from openai import OpenAI
from pydantic import BaseModel


class LineItem(BaseModel):
    description: str
    quantity: int
    unit_price: Decimal


class Invoice(BaseModel):
    number: str
    issued_on: dt.date
    supplier: str
    items: list[LineItem]
    total: Decimal
    currency: str


class InvoiceExtractor:
    def __init__(self, client: OpenAI, model: str = "gpt-4o") -> None:
        self.client = client
        self.model = model

    def extract(self, text: str) -> Invoice | None:
        completion = self.client.beta.chat.completions.parse(  # expect: fixed-schema
            model=self.model,
            messages=[
                {"role": "system", "content": "Extract the invoice data from the text."},
                {"role": "user", "content": text},
            ],
            response_format=Invoice,
        )
        return completion.choices[0].message.parsed
