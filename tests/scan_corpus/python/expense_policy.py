from dataclasses import dataclass

import litellm

ALLOWED = {"meals", "travel", "lodging", "software", "office", "other"}


@dataclass
class Expense:
    merchant: str
    note: str
    amount: float


class ExpenseCategoriser:
    """Puts an expense into one of the categories of the travel policy."""

    model = "claude-3-7-sonnet-20250219"
    template = (
        "Assign the expense to a category. Categories: meals, travel, lodging, software, "
        "office, other. Return the category only.\n"
        "Merchant: {merchant}\nNote: {note}\nAmount: {amount:.2f} EUR"
    )

    def categorise(self, expense: Expense) -> str:
        answer = litellm.completion(  # expect: closed-answer
            model=self.model,
            messages=[
                {
                    "role": "user",
                    "content": self.template.format(
                        merchant=expense.merchant, note=expense.note, amount=expense.amount
                    ),
                }
            ],
            temperature=0.0,
        )
        category = answer.choices[0].message.content.strip().lower()
        return category if category in ALLOWED else "other"
