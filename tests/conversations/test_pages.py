"""Who sees which page, and what stands on it."""

import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Credential, Membership, Tenant, User
from accounts.tenancy import platform_scope, tenant_scope
from conversations import pages
from conversations.models import Agent, Conversation
from conversations.states import TurnState
from tests.cast import Cast
from tests.conversations.recordings.takes import allow_recording
from tests.conversations.talks import (
    add_event,
    add_turn,
    ago,
    make_agent,
    make_conversation,
    make_open,
    signed_in,
)
from tests.permissions.furniture import furnish_recording

ROLES = ["owner", "admin", "developer", "reviewer", "member"]
REVIEWERS = {"owner", "admin", "reviewer"}


@pytest.fixture
def talk(cast: Cast, agent: Agent) -> Conversation:
    """A conversation of Acme's member that has ended."""
    return make_conversation(agent, cast.acme.member, first_words="Do you have size 42?")


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def config_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="page-config"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found
    config: dict[str, Any] = json.loads(found[1])
    return config


# --- the lobby --------------------------------------------------------------------------


def test_the_lobby_offers_the_tenants_agents(cast: Cast, agent: Agent) -> None:
    make_agent(cast.globex.tenant, "other")
    page = text_of(signed_in(cast.acme.member), "/")
    assert f'data-agent="{agent.id}"' in page
    assert f'href="/talk/{agent.id}/"' in page
    assert "Other" not in page


def test_the_lobby_shows_ones_own_last_conversations(
    cast: Cast, agent: Agent, talk: Conversation
) -> None:
    others = make_conversation(agent, cast.acme.owner)
    page = text_of(signed_in(cast.acme.member), "/")
    assert str(talk.id) in page
    assert str(others.id) not in page


def test_somebody_in_no_tenant_has_no_lobby(cast: Cast) -> None:
    assert signed_in(cast.stranger).get("/").status_code == 403


def test_an_operator_is_sent_to_the_admin(cast: Cast) -> None:
    answer = signed_in(cast.operator).get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


# --- talking ----------------------------------------------------------------------------


def test_the_talk_page_tells_the_script_what_it_needs(cast: Cast, agent: Agent) -> None:
    config = config_of(text_of(signed_in(cast.acme.member), f"/talk/{agent.id}/"))
    assert config == {
        "agent": {"id": str(agent.id), "name": "Shop"},
        "conversation": None,
        "draft": False,
        "socket_path": "/ws/conversations/",
        "recording": None,
        "urls": {
            "conversation": "/c/__id__/",
            "history": "/history/",
            "lobby": "/",
            "back": "/",
            "api": "/api/v1/conversations/",
        },
        "observes": False,
        "person": "You",
        "simulated": False,
        "user": {"name": "member@acme.example"},
    }


def test_it_says_when_answers_are_simulated(cast: Cast, agent: Agent) -> None:
    with tenant_scope(cast.acme.tenant.id):
        Credential.objects.create(
            tenant=cast.acme.tenant,
            name="Simulator",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            base_url="http://127.0.0.1:9",
            is_primary=True,
        )
    page = text_of(signed_in(cast.acme.member), f"/talk/{agent.id}/")
    assert config_of(page)["simulated"] is True


@pytest.mark.parametrize("whose", ["globex", "nobody"])
def test_there_is_no_talk_with_an_agent_of_others(cast: Cast, whose: str) -> None:
    agent_id = make_agent(cast.globex.tenant).id if whose == "globex" else uuid.uuid4()
    assert signed_in(cast.acme.member).get(f"/talk/{agent_id}/").status_code == 404


def test_while_it_runs_the_page_goes_on_with_it(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=1))
    config = config_of(text_of(signed_in(cast.acme.member), f"/c/{row.id}/"))
    assert config["conversation"] == str(row.id)
    assert config["agent"]["id"] == str(agent.id)


# --- reading ----------------------------------------------------------------------------


def test_once_it_has_ended_the_page_is_its_transcript(cast: Cast, talk: Conversation) -> None:
    add_turn(talk, 20, "It is", state=TurnState.INTERRUPTED)
    add_event(talk, 22, "interrupted")
    page = text_of(signed_in(cast.acme.member), f"/c/{talk.id}/")
    said = [page.index(text) for text in ("Do you have size 42?", "Yes, two pairs", "It is")]
    assert said == sorted(said)
    assert "cut off here" in page
    assert 'data-kind="interrupted"' in page
    assert 'data-reason="user-left"' in page


def test_speakers_have_names(cast: Cast, talk: Conversation) -> None:
    cast.acme.member.name = "Max Fournier"
    cast.acme.member.save()
    page = text_of(signed_in(cast.acme.member), f"/c/{talk.id}/")
    assert '<span class="turn-speaker">Max Fournier</span>' in page
    assert '<span class="turn-speaker">Shop</span>' in page


def test_words_are_text_and_never_markup(cast: Cast, talk: Conversation) -> None:
    add_turn(talk, 20, "<script>alert(1)</script>")
    page = text_of(signed_in(cast.acme.member), f"/c/{talk.id}/")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("role", [role for role in ROLES if role != "member"])
def test_anothers_conversation_is_for_reviewers(cast: Cast, talk: Conversation, role: str) -> None:
    answer = signed_in(getattr(cast.acme, role)).get(f"/c/{talk.id}/")
    if role in REVIEWERS:
        assert (answer.status_code, answer["Location"]) == (302, f"/review/{talk.id}/")
    else:
        assert answer.status_code == 404


def test_one_without_a_user_is_nobodys_own(cast: Cast, agent: Agent) -> None:
    row = make_conversation(agent, None)
    assert signed_in(cast.acme.member).get(f"/c/{row.id}/").status_code == 404
    assert "Do you have" in text_of(signed_in(cast.acme.reviewer), f"/review/{row.id}/")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["/c/{id}/", "/review/{id}/"])
def test_the_other_tenant_finds_nothing(
    cast: Cast, talk: Conversation, role: str, path: str
) -> None:
    client = signed_in(getattr(cast.globex, role))
    foreign = client.get(path.format(id=talk.id)).status_code
    missing = client.get(path.format(id=uuid.uuid4())).status_code
    assert foreign == missing
    assert foreign == (403 if path.startswith("/review/") and role not in REVIEWERS else 404)


@pytest.mark.parametrize(("role", "status"), [("reviewer", 302), ("member", 404)])
def test_a_link_leads_into_another_of_ones_own_tenants(
    cast: Cast, talk: Conversation, role: str, status: int
) -> None:
    join(cast.acme.tenant, cast.globex.member, role)
    client = signed_in(cast.globex.member)
    answer = client.get(f"/c/{talk.id}/")
    assert answer.status_code == status
    seen = text_of(client, "/history/")
    assert (cast.acme.tenant.name in seen.partition("</summary>")[0]) == (status == 302)


def test_a_link_to_ones_own_conversation_works_from_any_tenant(
    cast: Cast, talk: Conversation
) -> None:
    join(cast.globex.tenant, cast.acme.member, "member")
    client = signed_in(cast.acme.member)
    client.post("/tenant/", {"tenant": str(cast.globex.tenant.id)})
    answer = client.get(f"/c/{talk.id}/", follow=True)
    assert answer.redirect_chain == [(f"/c/{talk.id}/", 302)]
    assert "Do you have size 42?" in answer.content.decode()


def join(tenant: Tenant, user: User, role: str) -> None:
    with tenant_scope(tenant.id):
        Membership.objects.create(tenant=tenant, user=user, role=role)


def test_history_is_ones_own_newest_first(cast: Cast, agent: Agent, talk: Conversation) -> None:
    newer = make_conversation(agent, cast.acme.member)
    others = make_conversation(agent, cast.acme.owner)
    page = text_of(signed_in(cast.acme.member), "/history/")
    assert page.index(str(newer.id)) < page.index(str(talk.id))
    assert str(others.id) not in page


def test_history_comes_in_pages(cast: Cast, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    rows = [make_conversation(agent, cast.acme.member) for _ in range(3)]
    client = signed_in(cast.acme.member)
    assert str(rows[0].id) in text_of(client, "/history/?page=2")
    assert str(rows[0].id) not in text_of(client, "/history/")
    # A number that never was gives the first page.
    assert str(rows[2].id) in text_of(client, "/history/?page=99")
    assert str(rows[2].id) in text_of(client, "/history/?page=no")


# --- reviewing --------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_review_is_for_those_whose_role_includes_it(
    cast: Cast, talk: Conversation, role: str
) -> None:
    client = signed_in(getattr(cast.acme, role))
    expected = 200 if role in REVIEWERS else 403
    assert client.get("/review/").status_code == expected
    assert client.get(f"/review/{talk.id}/").status_code == expected


def test_review_shows_everybodys_of_the_own_tenant(
    cast: Cast, agent: Agent, talk: Conversation
) -> None:
    live = make_open(agent, cast.acme.owner, ago(seconds=1))
    foreign = make_conversation(make_agent(cast.globex.tenant), cast.globex.member)
    page = text_of(signed_in(cast.acme.reviewer), "/review/")
    assert str(talk.id) in page
    assert str(live.id) in page
    assert "member@acme.example" in page
    assert str(foreign.id) not in page


def test_review_filters(cast: Cast, agent: Agent, talk: Conversation) -> None:
    other = make_conversation(make_agent(cast.acme.tenant, "stories"), cast.acme.member)
    live = make_open(agent, cast.acme.owner, ago(seconds=1))
    client = signed_in(cast.acme.reviewer)
    page = text_of(client, f"/review/?agent={agent.id}&state=ended")
    assert str(talk.id) in page
    assert str(other.id) not in page
    assert str(live.id) not in page
    # What names nothing we have filters nothing.
    everything = text_of(client, "/review/?agent=no&state=asleep")
    assert all(str(row.id) in everything for row in (talk, other, live))


def test_the_next_page_of_a_review_keeps_the_filters(
    cast: Cast, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 1)
    for _ in range(2):
        make_conversation(agent, cast.acme.member)
    page = text_of(signed_in(cast.acme.reviewer), f"/review/?agent={agent.id}&state=ended")
    assert f'href="?agent={agent.id}&amp;state=ended&amp;page=2"' in page


def test_a_reviewer_reads_one_that_still_runs(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=1))
    page = text_of(signed_in(cast.acme.reviewer), f"/review/{row.id}/")
    assert "Do you have size 42?" in page
    assert 'data-testid="person"' in page


def test_a_reviewer_watches_one_that_still_runs(
    cast: Cast, agent: Agent, talk: Conversation
) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=1))
    client = signed_in(cast.acme.reviewer)
    watch = f"/review/{row.id}/watch/"
    assert watch in text_of(client, f"/review/{row.id}/")
    page = text_of(client, watch)
    config = config_of(page)
    assert (config["observes"], config["conversation"]) == (True, str(row.id))
    assert config["person"] == "member@acme.example"
    assert config["urls"]["back"] == f"/review/{row.id}/"
    assert "size 42" not in page, "what is said comes over the socket, which notes who watches"
    assert "watch/" not in text_of(client, f"/review/{talk.id}/")
    assert client.get(f"/review/{talk.id}/watch/").headers["Location"] == f"/review/{talk.id}/"
    own = config_of(text_of(signed_in(cast.acme.member), f"/c/{row.id}/"))
    assert (own["observes"], own["person"]) == (False, "You")


def test_who_reads_what_others_said_is_recorded(cast: Cast, talk: Conversation) -> None:
    reviewer = cast.acme.reviewer
    text_of(signed_in(reviewer), f"/review/{talk.id}/")
    text_of(signed_in(cast.acme.member), f"/c/{talk.id}/")  # her own
    for stranger in (cast.acme.member, cast.globex.reviewer):
        signed_in(stranger).get(f"/review/{talk.id}/")
    with platform_scope("test"):
        (entry,) = AuditEntry.objects.filter(action="transcript.viewed")
    assert (entry.tenant_id, entry.object_id) == (cast.acme.tenant.pk, str(talk.id))
    assert (entry.actor, entry.ip) == (f"user:{reviewer.pk}", "127.0.0.1")
    assert "size 42" not in str(vars(entry))


# --- all of them ------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/history/", "/review/"])
def test_the_number_of_queries_does_not_grow(
    cast: Cast, agent: Agent, address: str, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(cast.acme.reviewer)

    def queries(rows: int) -> int:
        for _ in range(rows):
            make_conversation(agent, cast.acme.reviewer)
        with django_assert_max_num_queries(20) as counted:
            client.get(address)
        return len(counted)

    client.get(address)  # notes that the session was seen, once a minute
    assert queries(1) == queries(5)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("address", ["/", "/history/", "/review/"])
def test_pages_only_show(cast: Cast, address: str, method: str) -> None:
    assert getattr(signed_in(cast.acme.reviewer), method)(address).status_code == 405


# --- recordings ---------------------------------------------------------------------------


@pytest.fixture
def recorded(talk: Conversation) -> Conversation:
    """`talk`, of which everything was lost: there is nothing to hear, and it can be asked for."""
    with tenant_scope(talk.tenant_id):
        furnish_recording(talk)
    return talk


def sound_of(talk: Conversation) -> str:
    return f"/c/{talk.id}/recording.wav"


def test_a_recorded_conversation_has_a_player(cast: Cast, recorded: Conversation) -> None:
    page = text_of(signed_in(cast.acme.reviewer), f"/review/{recorded.id}/")
    assert f'src="{sound_of(recorded)}"' in page
    assert page.count('data-testid="turn-play"') == 2
    assert 'data-testid="player-lost"' in page


def test_without_a_recording_there_is_none(cast: Cast, talk: Conversation) -> None:
    assert 'data-testid="player"' not in text_of(signed_in(cast.acme.member), f"/c/{talk.id}/")
    assert signed_in(cast.acme.member).get(sound_of(talk)).status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_who_may_read_may_listen_and_of_staff_it_is_noted(
    cast: Cast, recorded: Conversation, role: str
) -> None:
    client = signed_in(getattr(cast.acme, role))
    answers = [client.get(sound_of(recorded), headers={"Range": "bytes=0-9"}) for _ in range(2)]
    may = role in REVIEWERS | {"member"}
    assert {answer.status_code for answer in answers} == ({206} if may else {404})
    with platform_scope("test"):
        noted = AuditEntry.objects.filter(action="recording.played", object_id=str(recorded.pk))
        assert noted.count() == (role in REVIEWERS)
    if may:
        assert answers[0]["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("role", ROLES)
def test_another_tenant_hears_nothing(cast: Cast, recorded: Conversation, role: str) -> None:
    client = signed_in(getattr(cast.globex, role))
    assert client.get(sound_of(recorded)).status_code == 404


def test_the_page_asks_when_the_agent_records(cast: Cast, agent: Agent) -> None:
    client, address = signed_in(cast.acme.member), f"/talk/{agent.id}/"
    assert 'data-testid="consent"' not in text_of(client, address)
    allow_recording(agent, Agent.Recorded.REQUIRED)
    page = text_of(client, address)
    assert "kept for 30 days" in page
    assert config_of(page)["recording"] == {"required": True, "version": "2026-11.30"}
