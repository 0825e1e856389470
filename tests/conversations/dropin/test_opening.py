"""Who is let in, to which agent, with what of the setup."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.api_keys import create_api_key
from accounts.tenancy import tenant_scope
from conversations.dropin.handles import handle_of
from conversations.dropin.opening import Opened, open_session
from conversations.dropin.paths import Service
from conversations.dropin.refusals import Refusal
from conversations.dropin.setup import read_setup
from conversations.models import Agent, Conversation, Lease
from conversations.states import ConversationState
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

MODEL = "models/gemini-3.8-live"
FUNCTION = {"functionDeclarations": [{"name": "book_slot", "description": "Books"}]}
WISHES: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Rhyme."}]},
    "generationConfig": {
        "temperature": 0.5,
        "speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}},
    },
    "tools": [FUNCTION],
}


@pytest.fixture
def key(cast: Cast) -> str:
    return create_api_key(cast.acme.tenant, "talker", ["talk"])[1]


def opened(key: str, model: str = MODEL, service: Service | None = None, **setup: Any) -> Opened:
    import msgspec  # noqa: PLC0415

    message = msgspec.json.encode({"setup": {"model": model, **setup}})
    scope = {
        "headers": [(b"x-goog-api-key", key.encode())],
        "client": ("192.0.2.1", 1),
        "query_string": b"",
    }
    return open_session(scope, service or Service("v1"), read_setup(message))


def refused(*args: Any, **setup: Any) -> str:
    with pytest.raises(Refusal) as caught:
        opened(*args, **setup)
    return f"{caught.value.code} {caught.value.reason}"


def row_of(found: Opened, agent: Agent) -> Conversation:
    with tenant_scope(agent.tenant_id):
        row: Conversation = Conversation.objects.get(pk=found.admitted.conversation_id)
        return row


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        "models/shop",
        "gemini-3.8-live",
        "projects/p/locations/l/publishers/google/models/shop",
    ],
)
def test_an_agent_goes_by_its_name_and_by_its_models(cast: Cast, key: str, model: str) -> None:
    agent = make_agent(cast.acme.tenant, "shop")
    make_agent(cast.acme.tenant, "younger")
    assert row_of(opened(key, model), agent).agent_id == agent.pk


def test_a_model_that_nobody_talks_with_is_not_found(cast: Cast, key: str) -> None:
    make_agent(cast.acme.tenant, "shop")
    make_agent(cast.globex.tenant, "theirs")
    for model in ("models/theirs", "models/gemini-2.5-flash"):
        assert refused(key, model).startswith(f"1008 {model} is not found for API version v1")
    vertex = refused(key, "publishers/google/models/x", Service("v1beta1", is_vertex=True))
    assert vertex.startswith("1008 Publisher model `publishers/google/models/x` was not found")


def test_all_of_an_agent_is_locked_unless_it_is_opened(cast: Cast, key: str) -> None:
    agent = make_agent(cast.acme.tenant, "shop")
    assert row_of(opened(key, **WISHES), agent).wishes == {}
    with tenant_scope(agent.tenant_id):
        Agent.objects.update(open_to_callers=["voice", "functions"])
    assert row_of(opened(key, **WISHES), agent).wishes == {
        "voice": "Puck",
        "functions": [{"name": "book_slot", "description": "Books"}],
    }


def test_a_wish_that_the_service_would_refuse_is_refused(cast: Cast, key: str) -> None:
    agent = make_agent(cast.acme.tenant, "shop")
    with tenant_scope(agent.tenant_id):
        Agent.objects.update(open_to_callers=["tuning", "hearing"])
    assert refused(key, generationConfig={"temperature": 9}).startswith("1007 Request contains an")
    manual = {"automaticActivityDetection": {"disabled": True}}
    assert "cannot be disabled" in refused(key, realtimeInputConfig=manual)
    with tenant_scope(agent.tenant_id):
        assert not Conversation.objects.exists()


def test_a_modality_that_the_agent_does_not_have(cast: Cast, key: str) -> None:
    make_agent(cast.acme.tenant, "shop")
    text = refused(key, generationConfig={"responseModalities": ["TEXT"]})
    assert text.startswith("1007 The requested combination of response modalities (TEXT)")


def test_a_handle_is_for_its_own_tenants_keys_and_for_what_has_not_ended(
    cast: Cast, key: str
) -> None:
    agent = make_agent(cast.acme.tenant, "shop")
    make_agent(cast.globex.tenant, "theirs")
    running = make_conversation(agent, None, state=ConversationState.PAUSED)
    with tenant_scope(agent.tenant_id):
        Lease.objects.get_or_create(conversation=running)
    resumption = {"handle": handle_of(running.pk)}
    found = opened(key, sessionResumption=resumption)
    assert found.admitted.conversation_id == running.pk
    assert found.manner.handle == resumption["handle"]
    lost = "1008 BidiGenerateContent session not found"
    assert refused(cast.globex.api_key, sessionResumption=resumption) == lost
    with tenant_scope(agent.tenant_id):
        Conversation.objects.update(state=ConversationState.ENDED)
    assert refused(key, sessionResumption=resumption) == lost
    malformed = refused(key, sessionResumption={"handle": resumption["handle"] + "x"})
    assert malformed == "1007 Invalid session handle"


def test_who_may_not_talk_is_refused(cast: Cast) -> None:
    make_agent(cast.acme.tenant, "shop")
    reader = create_api_key(cast.acme.tenant, "reader", ["read"])[1]
    assert refused(reader).startswith("1008 The caller does not have permission.")
    assert refused("").startswith("1008 Method doesn't allow unregistered callers")
    assert refused("AIza").startswith("1007 API key not valid. Please pass a valid API key.")


def test_a_key_for_one_agent_knows_of_no_other(cast: Cast, key: str) -> None:
    shop, other = make_agent(cast.acme.tenant, "shop"), make_agent(cast.acme.tenant, "other")
    _, narrow = create_api_key(cast.acme.tenant, "other", ["talk"], agents=[other.pk])
    # By the name of the model it has its own agent, though another one is older.
    assert row_of(opened(narrow, "gemini-3.8-live"), other).agent_id == other.pk
    assert refused(narrow, "models/shop").startswith("1008 models/shop is not found")
    theirs = opened(key, "models/shop")
    resumption = {"handle": handle_of(theirs.admitted.conversation_id)}
    assert refused(narrow, sessionResumption=resumption).endswith("session not found")
    assert row_of(opened(key, sessionResumption=resumption), shop).agent_id == shop.pk


def test_a_key_for_tests_does_not_talk_with_google(cast: Cast) -> None:
    make_agent(cast.acme.tenant, "shop")
    _, key = create_api_key(cast.acme.tenant, "CI", ["talk"], is_test=True)
    assert "This key is for tests" in refused(key)
