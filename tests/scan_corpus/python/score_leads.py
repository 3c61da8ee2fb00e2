#!/usr/bin/env python3
"""Label the leads of a CSV export: python score_leads.py leads.csv scored.csv"""

import argparse
import csv
from typing import Literal

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field


class LeadGrade(BaseModel):
    """How promising a lead is."""

    grade: Literal["hot", "warm", "cold", "spam"] = Field(description="Grade of the lead")


PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "You grade inbound sales leads for a B2B logistics product."),
        ("human", "Company: {company}\nRole: {role}\nMessage: {message}"),
    ]
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("target")
    args = parser.parse_args()

    llm = ChatOpenAI(model="gpt-4o", temperature=0)
    chain = PROMPT | llm.with_structured_output(LeadGrade)

    with open(args.source, newline="") as src, open(args.target, "w", newline="") as dst:
        writer = csv.writer(dst)
        for row in csv.DictReader(src):
            result = chain.invoke(  # expect: closed-answer, offline-loop
                {"company": row["company"], "role": row["title"], "message": row["message"]}
            )
            writer.writerow([row["id"], result.grade])


if __name__ == "__main__":
    main()
