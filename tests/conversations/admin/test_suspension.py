import pytest

from accounts.models import Membership
from accounts.tenancy import platform_scope
from conversations.admin.suspension import of_member, of_tenant
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_conversation, make_open

pytestmark = pytest.mark.django_db


def test_it_counts_what_has_not_ended(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    make_conversation(agent, cast.acme.member)
    make_open(agent, cast.acme.member, ago(seconds=0))
    with platform_scope("test"):
        assert of_tenant(cast.acme.tenant) == "Acme: ends 1 live conversation."
        assert of_tenant(cast.globex.tenant) == "Globex: ends 0 live conversations."
        people = (cast.acme.member, cast.acme.admin)
        told = [of_member(Membership.objects.get(user=person)) for person in people]
    assert [each.partition(": ")[2] for each in told] == [
        "ends 1 live conversation.",
        "ends 0 live conversations.",
    ]
