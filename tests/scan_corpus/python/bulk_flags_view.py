from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_google_genai import ChatGoogleGenerativeAI

from ads.models import Advert

llm = ChatGoogleGenerativeAI(model="gemini-1.5-pro", temperature=0)

RULES = SystemMessage(
    content="Decide whether the classified advert offers live animals. Reply ANIMAL or OK."
)

STATES = {"ANIMAL": Advert.BLOCKED, "OK": Advert.ACTIVE}


@login_required
def check_selected(request):
    """Check the adverts that a moderator has ticked."""
    changed = {}
    for advert in Advert.objects.filter(pk__in=request.GET.getlist("id")):
        reply = llm.invoke([RULES, HumanMessage(content=advert.text)])  # expect: closed-answer
        advert.state = STATES.get(reply.content.strip(), Advert.WAITING)
        advert.save(update_fields=["state"])
        changed[advert.pk] = advert.state
    return JsonResponse(changed)
