import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST
from openai import OpenAI

from blog.models import Comment, Post

llm = OpenAI()


def looks_off_topic(title: str, comment: str) -> bool:
    prompt = (
        f"Post title: {title}\n"
        f"Comment: {comment}\n\n"
        "Is the comment unrelated to the post? Answer yes or no."
    )
    reply = llm.chat.completions.create(  # expect: closed-answer
        model="gpt-4.1",
        messages=[{"role": "user", "content": prompt}],
    )
    return reply.choices[0].message.content.lower().startswith("yes")


@require_POST
def add_comment(request: HttpRequest, post_id: int) -> JsonResponse:
    post = Post.objects.get(pk=post_id)
    text = json.loads(request.body)["text"]
    hidden = looks_off_topic(post.title, text)
    comment = Comment.objects.create(post=post, text=text, hidden=hidden)
    return JsonResponse({"id": comment.pk, "hidden": hidden}, status=201)
