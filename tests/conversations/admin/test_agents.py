import pytest

from accounts.tenancy import platform_scope
from conversations.models import Agent
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, signed_in

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/agent/"
FIELDS = {
    "slug": "guide",
    "name": "Guide",
    "model": "gemini-3.8-live",
    "voice": "Kore",
    "modality": "AUDIO",
    "recording": "off",
}


def test_a_developer_makes_and_changes_one(cast: Cast) -> None:
    developer = signed_in(cast.acme.developer)
    other = {"tenant": str(cast.globex.tenant.pk)}  # no field of this form
    assert developer.post(f"{ROOT}add/", {**FIELDS, **other}).status_code == 302
    with platform_scope("test"):
        agent = Agent.objects.get(slug="guide")
    assert agent.tenant == cast.acme.tenant
    fields = {**FIELDS, "name": "Tour guide"}
    assert developer.post(f"{ROOT}{agent.pk}/change/", fields).status_code == 302
    with platform_scope("test"):
        agent.refresh_from_db()
    assert agent.name == "Tour guide"


def test_an_operator_says_whose_it_is(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    fields = {**FIELDS, "tenant": str(cast.globex.tenant.pk)}
    assert operator.post(f"{ROOT}add/", fields).status_code == 302
    with platform_scope("test"):
        assert Agent.objects.get(slug="guide").tenant == cast.globex.tenant


def test_a_reviewer_only_looks(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    reviewer = signed_in(cast.acme.reviewer)
    assert reviewer.get(f"{ROOT}{agent.pk}/change/").status_code == 200
    assert reviewer.post(f"{ROOT}{agent.pk}/change/", FIELDS).status_code == 403
    assert reviewer.post(f"{ROOT}add/", FIELDS).status_code == 403


def test_one_that_was_talked_to_stays(cast: Cast) -> None:
    owner = signed_in(cast.acme.owner)
    used, unused = make_agent(cast.acme.tenant), make_agent(cast.acme.tenant, "unused")
    make_conversation(used, cast.acme.member)
    assert owner.post(f"{ROOT}{used.pk}/delete/", {"post": "yes"}).status_code == 403
    typed = {"confirmed": "yes", "typed": unused.name}
    assert owner.post(f"{ROOT}{unused.pk}/delete/", {"post": "yes"}).status_code == 200
    assert owner.post(f"{ROOT}{unused.pk}/delete/", typed).status_code == 302
    with platform_scope("test"):
        assert list(Agent.objects.values_list("slug", flat=True)) == ["shop"]


def test_the_search_finds_one(cast: Cast) -> None:
    make_agent(cast.acme.tenant, "guide")
    make_agent(cast.acme.tenant, "other")
    page = signed_in(cast.acme.owner).get(ROOT, {"q": "guide"}).text
    assert "1 agent" in page
    assert "Other" not in page
