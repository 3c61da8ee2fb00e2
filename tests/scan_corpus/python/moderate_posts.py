import os

from openai import OpenAI
from redis import Redis
from rq import Worker

from forum.posts import get_post, hide_post

client = OpenAI(api_key=os.environ["OPENAI_API_KEY"])


def moderate(post_id: int) -> None:
    post = get_post(post_id)
    verdict = client.moderations.create(model="omni-moderation-latest", input=post.body)
    if verdict.results[0].flagged is True:
        hide_post(post_id)


if __name__ == "__main__":
    Worker(["moderation"], connection=Redis()).work()
