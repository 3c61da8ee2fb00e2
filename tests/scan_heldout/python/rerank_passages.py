import os

import cohere

co = cohere.ClientV2(os.environ["CO_API_KEY"])


def best_passages(query: str, passages: list[str]) -> list[str]:
    results = co.rerank(model="rerank-v3.5", query=query, documents=passages, top_n=5)
    vectors = co.embed(
        texts=[query],
        model="embed-v4.0",
        input_type="search_query",
        embedding_types=["float"],
    )
    if not vectors.embeddings.float_:
        return []
    return [passages[item.index] for item in results.results if item.relevance_score > 0.3]
