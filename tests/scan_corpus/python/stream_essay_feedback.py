from django.http import StreamingHttpResponse
from django.views import View
from openai import OpenAI

from school.models import Essay


class FeedbackView(View):
    """Streams detailed feedback on a pupil's essay."""

    client = OpenAI()

    def get(self, request, pk):
        essay = Essay.objects.get(pk=pk, teacher=request.user)
        return StreamingHttpResponse(self.feedback(essay.text), content_type="text/plain")

    def feedback(self, text):
        for chunk in self.client.chat.completions.create(
            model="gpt-4o",
            stream=True,
            messages=[
                {
                    "role": "system",
                    "content": "Give a pupil detailed feedback on an essay: structure, argument, "
                    "style and spelling. Quote the passages you speak of.",
                },
                {"role": "user", "content": text},
            ],
        ):
            yield chunk.choices[0].delta.content or ""
