"""Prompts of the gazette's tools."""

TEMPLATE_NOTICE = """You read public notices of a gazette.
Decide whether the notice announces a hearing. In the reply write just "yes" or "no".

Notice: {notice}
"""

TEMPLATE_ENTRY = (
    "Extract the entry of the register from the text. Return JSON with the keys company, "
    "seat, number and capital.\n\nText: {text}"
)

HOUSE_STYLE = "Rewrite the article in the gazette's style, at full length.\n\n{article}"
