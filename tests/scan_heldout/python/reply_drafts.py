from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404, render
from openai import OpenAI

from desk.models import Mail

DRAFT = """Draft a friendly and complete reply to the customer's mail on behalf of the workshop.
Ask for what is missing. Offer two dates when the customer wants to come by."""


@permission_required("desk.reply")
def draft(request, pk):
    mail = get_object_or_404(Mail, pk=pk)
    completion = OpenAI().chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": DRAFT},
            {"role": "user", "content": f"From: {mail.sender}\n\n{mail.body}"},
        ],
    )
    choice = completion.choices[0]
    state = "partial" if choice.finish_reason == "length" else "complete"
    return render(request, "draft.html", {"text": choice.message.content, "state": state})
