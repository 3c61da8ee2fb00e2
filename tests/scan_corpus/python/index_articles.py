"""Fill the vector index with the articles of the help centre."""

import argparse

from openai import OpenAI

from helpcentre.articles import iterate_articles
from helpcentre.index import VectorIndex

MODEL = "text-embedding-3-large"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True)
    args = parser.parse_args()
    client = OpenAI()
    index = VectorIndex(args.index)
    for article in iterate_articles():
        text = f"Title: {article.title}\n\n{article.body}"
        response = client.embeddings.create(model=MODEL, input=text)
        index.add(article.id, response.data[0].embedding)
    index.save()


if __name__ == "__main__":
    main()
