import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.callers import ACTIVE_TENANT
from accounts.models import AuditEntry, Invitation, Membership, User
from accounts.roles import Role
from accounts.tenancy import platform_scope
from tests.cast import PASSWORD, Cast, Company
from tests.conversations.talks import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
NEW = "new@example.com"


@pytest.fixture
def owner(cast: Cast) -> Client:
    return signed_in(cast.acme.owner)


def membership(company: Company, role: str) -> Membership:
    with platform_scope("test"):
        row: Membership = Membership.objects.get(user=getattr(company, role), tenant=company.tenant)
    return row


def invite(client: Client, email: str = NEW, role: str = "reviewer") -> Any:
    return client.post("/members/invite/", {"email": email, "role": role})


def invited(client: Client, **fields: str) -> str:
    """Invite somebody; the address of the link, without the host."""
    found = re.search(
        r"http://localhost:8000(/invitation/\?key=\w+)", invite(client, **fields).text
    )
    assert found is not None
    return found[1]


def test_the_list(owner: Client, cast: Cast, keyset_file: object) -> None:
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    page = owner.get("/members/").text
    assert re.findall(r'data-email="(\w+)@acme', page) == [
        "admin",
        "developer",
        "member",
        "owner",
        "reviewer",
    ]
    assert "globex" not in page
    assert "4 members log in with a password only" in page


@pytest.mark.parametrize("role", ["developer", "reviewer", "member"])
def test_others_stay_outside(client: Client, cast: Cast, role: str) -> None:
    client.force_login(getattr(cast.acme, role))
    target = membership(cast.acme, "member").pk
    assert client.get("/members/").status_code == 403
    assert invite(client).status_code == 403
    assert client.post(f"/members/{target}/", {"role": "owner"}).status_code == 403
    assert client.post("/members/second-factor/", {"required": "yes"}).status_code == 403


def test_another_tenants_ids_are_not_found(owner: Client, cast: Cast) -> None:
    other = Client()
    other.force_login(cast.globex.owner)
    invited(other)
    with platform_scope("test"):
        invitation = Invitation.objects.get()
    target = membership(cast.globex, "member")
    assert owner.post(f"/members/{target.pk}/", {"role": "admin"}).status_code == 404
    assert owner.post(f"/members/{target.pk}/", {"state": "disabled"}).status_code == 404
    assert owner.post(f"/members/invitations/{invitation.pk}/revoke/").status_code == 404
    assert NEW not in owner.get("/members/").text
    assert membership(cast.globex, "member").role == Role.MEMBER


def test_a_role_and_a_state_are_changed(owner: Client, cast: Cast) -> None:
    address = f"/members/{membership(cast.acme, 'member').pk}/"
    assert owner.post(address, {"role": "developer"})["Location"] == "/members/"
    asked = owner.post(address, {"state": "disabled"})
    assert "type <strong>member@acme.example</strong>" in asked.text
    assert "ends 0 live conversations" in asked.text
    typed = {"state": "disabled", "confirmed": "yes", "typed": "member@acme.example"}
    assert membership(cast.acme, "member").state == "active"
    owner.post(address, typed)
    row = membership(cast.acme, "member")
    assert (row.role, row.state) == ("developer", "disabled")
    owner.post(address, {"role": "emperor", "state": "gone"})
    assert membership(cast.acme, "member").role == "developer"


def test_what_is_refused_says_why(owner: Client, cast: Cast) -> None:
    address = f"/members/{membership(cast.acme, 'owner').pk}/"
    page = owner.post(address, {"role": "member"}, follow=True)
    assert "last owner" in page.text
    owner.force_login(cast.acme.admin)
    assert '<option value="owner"' not in owner.get("/members/").text
    assert "Only an owner" in owner.post(address, {"state": "disabled"}, follow=True).text
    assert "Only an owner" in invite(owner, role="owner").text
    with platform_scope("test"):
        assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("nonsense", "valid email"),
        ("member@acme.example", "is a member already"),
    ],
)
def test_a_wrong_invitation_is_told_at_its_field(owner: Client, email: str, says: str) -> None:
    page = invite(owner, email=email)
    assert says in page.text
    assert f'value="{email}"' in page.text
    assert "/invitation/?key=" not in page.text


def test_the_link_is_shown_once(owner: Client) -> None:
    address = invited(owner)
    again = owner.get("/members/").text
    assert NEW in again
    assert address not in again


def test_with_a_mail_server_the_link_is_sent(owner: Client, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    answer = invite(owner)
    assert answer["Location"] == "/members/"
    (message,) = mail.outbox
    assert "/invitation/?key=" in message.body
    page = owner.get("/members/").text
    assert "An invitation was sent to new@example.com" in page
    assert "?key=" not in page


def test_an_invitation_is_taken_back(owner: Client) -> None:
    address = invited(owner)
    with platform_scope("test"):
        pk = Invitation.objects.get().pk
    assert owner.post(f"/members/invitations/{pk}/revoke/")["Location"] == "/members/"
    page = Client().get(address, follow=True)
    assert page.status_code == 404
    assert "does not work any more" in page.text


def test_a_new_person_joins(owner: Client, cast: Cast) -> None:
    address, person = invited(owner), Client()
    form = person.get(address, follow=True)
    assert form.redirect_chain == [("/invitation/", 302)]  # the token leaves the address
    assert f'value="{NEW}"' in form.text
    short = person.post("/invitation/", {"name": "Nora", "password": "short"})
    assert "too short" in short.text
    assert 'value="short"' not in short.text
    answer = person.post("/invitation/", {"name": "Nora", "password": "a quiet room with a view"})
    assert answer["Location"] == "/"
    assert person.get("/review/").status_code == 200
    assert User.objects.get(email=NEW).name == "Nora"
    assert Client().get(address, follow=True).status_code == 404


def test_a_known_person_logs_in_and_joins(owner: Client, cast: Cast) -> None:
    address, person = invited(owner, email="member@globex.example"), Client()
    assert "has an account here already" in person.get(address, follow=True).text
    refused = person.post("/invitation/", {"name": "Eve", "password": "a quiet room with a view"})
    assert "has an account here already" in refused.text
    fields = {"login": "member@globex.example", "password": PASSWORD, "next": "/invitation/"}
    assert person.post("/login/", fields)["Location"] == "/invitation/"
    assert "Join Acme" in person.get("/invitation/").text
    assert person.post("/invitation/")["Location"] == "/"
    assert person.session[ACTIVE_TENANT] == str(cast.acme.tenant.pk)
    assert person.get("/review/").status_code == 200


def test_what_is_no_token_leaves_no_session(client: Client) -> None:
    for address in ("/invitation/?key=x", "/invitation/", "/password/link/?key=0-x"):
        client.get(address)
        assert not client.session.keys()


def test_nobody_joins_as_somebody_else(owner: Client, cast: Cast) -> None:
    address = invited(owner)
    person = Client()
    person.force_login(cast.stranger)
    assert "The invitation is for new@example.com" in person.get(address, follow=True).text
    assert "The invitation is for" in person.post("/invitation/").text
    with platform_scope("test"):
        assert not Membership.objects.filter(user=cast.stranger).exists()


def test_a_second_factor_is_required_of_all(owner: Client, cast: Cast) -> None:
    assert owner.post("/members/second-factor/", {"required": "yes"})["Location"] == "/members/"
    assert owner.get("/members/")["Location"] == "/account/second-factor/"
    cast.acme.tenant.refresh_from_db()
    assert cast.acme.tenant.requires_mfa
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="tenant.changed")
    assert entry.after == {"requires_mfa": True}
