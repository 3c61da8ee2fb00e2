from llama_cpp import Llama
from tqdm import tqdm

SYSTEM = "You name groups of documents. Answer with a name of at most four words."


def name_groups(path: str, groups: dict[int, list[str]]) -> dict[int, str]:
    """Name each group with a model from a file."""
    model = Llama(model_path=path, n_ctx=8192, verbose=False)
    names = {}
    for number, documents in tqdm(groups.items()):
        joined = "\n".join(f"- {document[:300]}" for document in documents[:5])
        answer = model.create_chat_completion(
            messages=[
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": joined},
            ],
            max_tokens=12,
            temperature=0.0,
        )
        names[number] = answer["choices"][0]["message"]["content"].strip()
    return names
