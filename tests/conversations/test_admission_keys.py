"""Keys for certain agents, and for tests: what they are let in to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.api_keys import create_api_key
from accounts.models import Credential
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.admission import admit
from tests.accounts.admin.desk import store
from tests.conversations.talks import make_agent
from tests.conversations.test_admission import NO_COOKIE, opened, refusal, start

if TYPE_CHECKING:
    from conversations.models import Agent
    from tests.cast import Cast


def test_a_key_for_one_agent_knows_of_no_other(cast: Cast, agent: Agent) -> None:
    other = make_agent(cast.acme.tenant, "stories")
    _, key = create_api_key(cast.acme.tenant, "shop", ["talk", "read"], agents=[agent.pk])
    theirs = opened(admit(NO_COOKIE, start(other, cast.acme.api_key)))
    mine = opened(admit(NO_COOKIE, start(agent, key)))
    assert refusal(NO_COOKIE, start(other, key)) == (4404, "unknown-agent")
    for mode in ("take", "observe"):
        resume = p.Resume(conversation=str(theirs.pk), key=key, mode=mode)
        assert refusal(NO_COOKIE, resume) == (4404, "unknown-conversation")
        admit(NO_COOKIE, p.Resume(conversation=str(mine.pk), key=key, mode=mode))


def test_a_key_for_tests_talks_with_a_simulator_or_not_at_all(cast: Cast, agent: Agent) -> None:
    _, key = create_api_key(cast.acme.tenant, "CI", ["talk"], is_test=True)
    assert refusal(NO_COOKIE, start(agent, key)) == (4403, "no-simulator")
    google = "https://generativelanguage.googleapis.com"
    store(cast.acme.tenant, base_url=google, is_primary=True)
    assert refusal(NO_COOKIE, start(agent, key)) == (4403, "no-simulator")
    store(cast.acme.tenant, name="trial", base_url="http://127.0.0.1:1")
    with tenant_scope(cast.acme.tenant.id):
        Credential.objects.update(state=Credential.State.ACTIVE)
    admitted = admit(NO_COOKIE, start(agent, key))
    assert opened(admitted).is_test
    assert admitted.hello.simulated
    # The other way round it is the primary one, and nobody's test.
    real = admit(NO_COOKIE, start(agent, cast.acme.api_key))
    assert (opened(real).is_test, real.hello.simulated) == (False, False)
    resume = p.Resume(conversation=str(real.conversation_id), key=key)
    assert refusal(NO_COOKIE, resume) == (4404, "unknown-conversation")
