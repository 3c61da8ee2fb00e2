"""Weekly job: explains the changes of the permissions to the auditors."""

from apscheduler.schedulers.blocking import BlockingScheduler
from mistralai import Mistral

from access.changes import changes_of_last_week
from access.reports import add_paragraph
from access.settings import MISTRAL_KEY

scheduler = BlockingScheduler()
mistral = Mistral(api_key=MISTRAL_KEY)

EXPLAIN = (
    "Explain the change of permissions to an auditor: who can do what now that they could not do "
    "before, which systems are concerned, and what speaks for and against it."
)


@scheduler.scheduled_job("cron", day_of_week="mon", hour=5)
def explain_changes():
    for change in changes_of_last_week():
        answer = mistral.chat.complete(  # expect: offline-loop
            model="mistral-large-2411",
            messages=[
                {"role": "system", "content": EXPLAIN},
                {"role": "user", "content": change.as_text()},
            ],
        )
        add_paragraph(change.id, answer.choices[0].message.content)


scheduler.start()
