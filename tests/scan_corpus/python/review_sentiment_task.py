from anthropic import Anthropic
from celery import shared_task
from django.conf import settings

from shop.reviews.models import Review

anthropic = Anthropic(api_key=settings.ANTHROPIC_API_KEY)


@shared_task(bind=True, max_retries=3, rate_limit="60/m")
def tag_review(self, review_id: int) -> None:
    review = Review.objects.get(pk=review_id)
    message = anthropic.messages.create(  # expect: closed-answer, offline-loop
        model="claude-sonnet-4-20250514",
        max_tokens=10,
        messages=[
            {
                "role": "user",
                "content": (
                    "What is the sentiment of this product review? "
                    "Reply POSITIVE, NEGATIVE or NEUTRAL.\n\n"
                    f"Review: {review.text}"
                ),
            }
        ],
    )
    answer = message.content[0].text.strip().upper()
    if answer == "POSITIVE":
        review.stars_hint = 1
    elif answer == "NEGATIVE":
        review.stars_hint = -1
    else:
        review.stars_hint = 0
    review.save(update_fields=["stars_hint"])
