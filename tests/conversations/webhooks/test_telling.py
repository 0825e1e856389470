"""Everything that is told, by the code in which it happens, held against the reference."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.credentials import CredentialUndecryptable, live_connection_settings
from accounts.failover.failures import Failure, bring_back, note_failure
from accounts.models import Credential
from accounts.tenancy import platform_scope, tenant_scope
from config.settings import storage
from conversations.admission import admit, give_back
from conversations.ending import end_for_staff
from conversations.models import Agent, Lease, Turn, WebhookEndpoint, WebhookEvent, WebhookKind
from conversations.models.webhooks import TEST_KIND
from conversations.quotas.running import standings
from conversations.states import EndReason, Speaker, TurnState
from conversations.tasks import close_abandoned_conversations
from conversations.transcripts.writer import write
from conversations.webhooks.delivering import payload_of
from conversations.webhooks.endpoints import send_test
from conversations.whereabouts import end_unhosted
from conversations.worker.intake import give_up
from tests.accounts.failover.rows import NOW, credential
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import made
from tests.conversations.quotas.ledger import ids, limit, running, used
from tests.conversations.talks import add_turn, ago, make_open
from tests.conversations.test_admission import NO_COOKIE, start
from tests.conversations.transcripts.test_posted import posted, token  # noqa: F401 - a fixture
from tests.conversations.transcripts.test_writer import batch, turn
from tests.conversations.webhooks.rows import make_endpoint
from tests.services import ROOT

pytestmark = pytest.mark.django_db

PAGE = (ROOT / "docs" / "reference" / "webhooks.md").read_text(encoding="utf-8")
DOCUMENTED: dict[str, Any] = {
    kind: json.loads(example)
    for kind, example in re.findall(
        r"^### ([a-z.]+)\n.*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
}
FRAME: dict[str, Any] = json.loads(
    re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
)


@pytest.fixture(autouse=True)
def listening(cast: Cast) -> WebhookEndpoint:
    return make_endpoint(cast.acme.tenant)


def told() -> list[tuple[str, dict[str, Any]]]:
    """What was told since the last look, each checked against the reference."""
    with platform_scope("test"):
        events = list(WebhookEvent.objects.order_by("happened_at"))
        bodies = [json.loads(payload_of(event)) for event in events]
        WebhookEvent.objects.all().delete()
    for body in bodies:
        assert shape(body | {"data": {}}) == shape(FRAME)
        check(body["data"], DOCUMENTED[body["type"]])
    return [(body["type"], body["data"]) for body in bodies]


def shape(told: Any) -> Any:
    return {name: type(value) for name, value in told.items()}


def check(found: Any, example: Any) -> None:
    """The same fields, each of the kind that the example has, or null."""
    assert found.keys() == example.keys()
    for name, value in found.items():
        if isinstance(value, dict):
            check(value, example[name])
        elif value is not None and example[name] is not None:
            assert isinstance(value, type(example[name])), name


def test_every_kind_is_in_the_reference() -> None:
    assert set(DOCUMENTED) == {*WebhookKind.values, TEST_KIND}


def test_a_conversation_that_begins_and_is_given_back(cast: Cast, agent: Agent) -> None:
    admitted = admit(NO_COOKIE, start(agent, cast.acme.api_key))
    [(kind, data)] = told()
    assert kind == "conversation.started"
    conversation = data["conversation"]
    assert conversation["id"] == str(admitted.conversation_id)
    assert (conversation["agent"], conversation["user"]) == (str(agent.pk), None)
    give_back(admitted)
    [(kind, data)] = told()
    assert (kind, data["conversation"]["end_reason"]) == ("conversation.ended", "capacity-full")


def test_each_way_in_which_nobody_hosts_it_any_more(cast: Cast, agent: Agent) -> None:
    member = cast.acme.member
    left, ended, given_up, lost = (make_open(agent, member, ago(hours=3)) for _ in range(4))
    half = add_turn(lost, 50, "The price is", Speaker.AGENT, TurnState.PARTIAL)
    with platform_scope("test"):
        Lease.objects.filter(conversation=given_up).update(worker="w")
    end_unhosted(left.pk)
    with tenant_scope(agent.tenant_id):
        end_for_staff(ended, "system")
    give_up(given_up.pk, "w", EndReason.CREDENTIAL_PROBLEM)
    close_abandoned_conversations()
    found = told()
    reasons = {
        data["conversation"]["id"]: data["conversation"]["end_reason"]
        for kind, data in found
        if kind == "conversation.ended"
    }
    assert reasons == {
        str(left.pk): "user-left",
        str(ended.pk): "staff-ended",
        str(given_up.pk): "credential-problem",
        str(lost.pk): "network-lost",
    }
    [closed] = [data["turn"] for kind, data in found if kind == "turn.final"]
    assert (closed["turn"], closed["state"], closed["text"]) == (
        half.key,
        "interrupted",
        "The price is",
    )
    end_unhosted(left.pk)
    close_abandoned_conversations()
    assert told() == [], "what was over is not told again"


def test_what_a_worker_writes(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=-60), words=())
    half = turn(6, "Hm", state=TurnState.PARTIAL, end_ms=None)
    whole = batch(row, turn(3, "Hello"), half)
    for _ in range(2):  # as after a commit whose answer was lost
        write([whole])
    [(kind, data)] = told()
    assert (kind, data["conversation"]) == ("turn.final", str(row.pk))
    assert data["turn"] == {
        "turn": "1.3",
        "speaker": "user",
        "state": "final",
        "text": "Hello",
        "start_ms": 30,
        "end_ms": 35,
    }
    cut = turn(6, "Hm, no", speaker=Speaker.AGENT, state=TurnState.INTERRUPTED)
    write([batch(row, cut, state="ended", end_reason=EndReason.IDLE_LIMIT)])
    found = dict(told())
    assert found["turn.final"]["turn"]["state"] == "interrupted"
    over = found["conversation.ended"]["conversation"]
    assert (over["end_reason"], over["user"]) == ("idle-limit", str(cast.acme.member.pk))
    assert over["duration_ms"] >= 0


def test_under_a_lost_lease_nothing_is_told(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=-60), words=())
    with platform_scope("test"):
        Lease.objects.update(epoch=7)
    write([batch(row, turn(3, "Hello"), end_reason=EndReason.USER_LEFT)])
    assert told() == []


def test_a_transcript_that_is_posted(token: Any) -> None:  # noqa: F811
    row = posted(token)
    with platform_scope("test"):
        turns = Turn.objects.filter(conversation=row).count()
    found = told()
    kinds = sorted(kind for kind, _ in found)
    assert kinds == ["conversation.ended", "conversation.started", *["turn.final"] * turns]
    assert dict(found)["conversation.ended"]["conversation"]["duration_ms"] == 10_000


def test_an_export_that_is_ready(cast: Cast, settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{tmp_path}/files")}
    export = made(cast.acme.tenant, Clock(timezone.now() + timedelta(seconds=30)))
    [(kind, data)] = told()
    assert kind == "export.ready"
    assert (data["export"]["id"], data["export"]["sha256"]) == (str(export.pk), export.sha256)


def test_a_credential_each_time_it_stops(cast: Cast) -> None:
    with platform_scope("test"):
        row = credential(cast.acme.tenant)
        quota = Failure("quota_exceeded", "The quota is used up.", timedelta(minutes=1))
        for _ in range(2):  # two sessions find out
            note_failure(row.pk, row.version, quota, NOW)
        [(kind, data)] = told()
        bring_back(NOW + timedelta(minutes=2))
        note_failure(row.pk, row.version, quota, NOW + timedelta(minutes=3))
    assert kind == "credential.failing"
    assert (data["credential"]["problem"], data["credential"]["id"]) == (
        "quota_exceeded",
        str(row.pk),
    )
    assert "google" not in json.dumps(data).lower(), "nothing of the secret"
    assert len(told()) == 1


def test_a_credential_that_does_not_open(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        row = credential(cast.acme.tenant)
        Credential.objects.update(
            sealed_secret=credential(cast.acme.tenant, name="b").sealed_secret
        )
        row.refresh_from_db()
        for _ in range(2):
            with pytest.raises(CredentialUndecryptable):
                live_connection_settings(row)
    [(kind, data)] = told()
    assert (kind, data["credential"]["state"]) == ("credential.failing", "undecryptable")


def test_a_budget_at_each_threshold_once(cast: Cast, agent: Agent) -> None:
    tenant = cast.acme.tenant
    rows = ids(running(agent, cast.acme.member))
    limit(tenant, day_minutes=100)
    limit(agent, month_spend_micros=10_000_000)
    used(tenant, minutes=85)
    used(tenant, agent.pk, spent=11)
    for _ in range(2):
        standings(rows)
    found = [(kind, data["budget"]) for kind, data in told()]
    assert sorted((kind, data["of"], data["kind"]) for kind, data in found) == [
        ("budget.reached", "agent", "month-spend"),
        ("budget.warning", "agent", "month-spend"),
        ("budget.warning", "organisation", "day-minutes"),
    ]
    [days] = [data for _, data in found if data["kind"] == "day-minutes"]
    assert (days["percent"], days["used"], days["limit"]) == (85, 5_100_000, 6_000_000)
    assert {data["agent"] for _, data in found} == {None, str(agent.pk)}


def test_a_test(cast: Cast, listening: WebhookEndpoint) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        send_test(listening, "system", timezone.now())
    assert told() == [("webhook.test", {"webhook": {"id": str(listening.pk), "name": "Shop"}})]
