"""What happened beside the words comes in order, with its time."""

from django.test import Client
from django.utils.dateparse import parse_datetime

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from conversations.models import Agent
from tests.cast import Cast
from tests.conversations.talks import add_event, make_conversation, with_key


def test_events_in_order(cast: Cast, agent: Agent) -> None:
    row = make_conversation(agent, None)
    for seq in (9, 3):
        add_event(row, seq, "interrupted")
    address = f"/api/v1/conversations/{row.pk}/events/"
    client: Client = with_key(cast.acme.api_key)
    page = client.get(address, {"limit": 1}).json()
    found = [*page["results"], *client.get(page["next"]).json()["results"]]
    assert [(each["event"], each["kind"], each["ms"]) for each in found] == [
        ("1.3", "interrupted", 3000),
        ("1.9", "interrupted", 9000),
    ]
    at = parse_datetime(found[0]["at"])
    assert at is not None
    assert (at - row.started_at).total_seconds() == 3
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="transcript.viewed").count() == 2
    assert with_key(cast.globex.api_key).get(address).status_code == 404
