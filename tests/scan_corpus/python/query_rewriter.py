import os

import cohere

co = cohere.ClientV2(os.environ["COHERE_API_KEY"])


class QueryRewriter:
    """Turns a shopper's sentence into keywords for the product search."""

    SYSTEM = "Rewrite the shopper's request as a keyword query for a furniture shop."

    def rewrite(self, sentence: str) -> str:
        reply = co.chat(  # expect: narrow-prompt
            model="command-r-plus-08-2024",
            messages=[
                {"role": "system", "content": self.SYSTEM},
                {"role": "user", "content": sentence},
            ],
            max_tokens=40,
            temperature=0.1,
        )
        return reply.message.content[0].text
