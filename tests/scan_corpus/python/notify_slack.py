import os

import requests

from jobs.models import Posting

URL = "https://slack.com/api/chat.postMessage"


def announce(posting: Posting) -> bool:
    """Tell the hiring channel of a new posting."""
    response = requests.post(
        URL,
        headers={"Authorization": f"Bearer {os.environ['SLACK_TOKEN']}"},
        json={
            "channel": "#hiring",
            "messages": [{"role": "user", "content": posting.title}],
            "text": f"New posting: {posting.title}. React with yes or no.",
        },
        timeout=10,
    )
    return response.json()["ok"] is True
