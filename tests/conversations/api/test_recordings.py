"""What was heard is listed, and given whole or in ranges to whoever may read; that is noted."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from config.settings import storage
from conversations.models import Agent, Conversation, Recording
from tests.cast import Cast
from tests.conversations.talks import make_conversation, signed_in, with_key


@pytest.fixture
def recorded(agent: Agent, settings: Settings, tmp_path: Path) -> Conversation:
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{tmp_path}")}
    row = make_conversation(agent, None)
    lost = {"epoch": 1, "length_ms": 1000, "lost_ms": 1000, "rate": 16000, "bytes": 0}
    with tenant_scope(agent.tenant_id):
        for segment, side in ((1, "user"), (0, "user"), (0, "agent")):
            Recording.objects.create(
                conversation=row, side=side, segment=segment, start_ms=segment * 1000, **lost
            )
    return row


def test_pieces_and_the_whole(cast: Cast, recorded: Conversation) -> None:
    client, here = with_key(cast.acme.api_key), f"/api/v1/conversations/{recorded.pk}/"
    page = client.get(f"{here}recordings/", {"limit": 2}).json()
    found = [*page["results"], *client.get(page["next"]).json()["results"]]
    order = [(each["segment"], each["side"], each["lost_ms"]) for each in found]
    assert order == [(0, "agent", 1000), (0, "user", 1000), (1, "user", 1000)]
    total = ""
    for accepted in ("*/*", "audio/wav"):
        headers = {"Range": "bytes=0-3", "Accept": accepted}
        sound = client.get(f"{here}recording/", headers=headers)
        assert (sound.status_code, sound["Content-Type"], sound.content) == (
            206,
            "audio/wav",
            b"RIFF",
        )
        total = sound["Content-Range"].partition("/")[2]
    beyond = client.get(f"{here}recording/", headers={"Range": "bytes=999999999-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range-not-satisfiable")
    whole = client.get(f"{here}recording/")
    assert (whole.status_code, whole["Content-Length"]) == (200, total)
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="recording.played").count() == 1


def test_who_hears_nothing(cast: Cast, recorded: Conversation, agent: Agent) -> None:
    here = f"/api/v1/conversations/{recorded.pk}/"
    for client, status in [
        (with_key(cast.globex.api_key), 404),
        (signed_in(cast.acme.member), 403),
        (signed_in(cast.acme.developer), 403),
    ]:
        for tail in ("recordings/", "recording/"):
            assert client.get(here + tail).status_code == status
    unrecorded = make_conversation(agent, None)
    answer = with_key(cast.acme.api_key).get(f"/api/v1/conversations/{unrecorded.pk}/recording/")
    assert answer.status_code == 404
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(action="recording.played").exists()
