import litellm

GUIDE = (
    "You are good at answering with the help of notes about a person. Give accurate and concise "
    "answers. If the notes do not help, answer from what you know; be honest or say so."
)


class MemoryChat:
    """Adds what is known of a person to a conversation and passes it on."""

    def __init__(self, notes) -> None:
        self.notes = notes

    def create(self, model: str, messages: list[dict[str, str]], person: str, **options):
        prepared = [{"role": "system", "content": GUIDE}, *messages]
        if prepared[-1]["role"] == "user":
            facts = "\n".join(self.notes.search(prepared[-1]["content"], person))
            prepared[-1] = {"role": "user", "content": f"Notes:\n{facts}\n\n{messages[-1]}"}
        response = litellm.completion(model=model, messages=prepared, **options)
        if response.choices[0].message.role == "assistant":
            self.notes.add(messages, person)
        return response
