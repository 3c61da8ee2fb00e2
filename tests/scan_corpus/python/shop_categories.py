from flask import Blueprint, request
from openai import OpenAI

from shop.db import db
from shop.models import Category

bp = Blueprint("suggest", __name__)
client = OpenAI()


@bp.post("/suggest-category")
def suggest_category():
    """Suggest one of the shop's own categories, which its owner may change at any time."""
    names = [name for (name,) in db.session.query(Category.name).filter_by(shop=request.shop)]
    listing = "\n".join(names)
    response = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": f"Choose a category for the product.\n{listing}"},
            {"role": "user", "content": request.json["description"]},
        ],
    )
    return {"category": response.choices[0].message.content}
