from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Invitation
from accounts.tenancy import platform_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("invite", *arguments, stdout=out)
    return out.getvalue()


def test_it_prints_the_link(cast: Cast) -> None:
    printed = run("First@acme.example", "--tenant", "acme", "--role", "owner")
    assert printed.startswith("http://localhost:8000/invitation/?key=")
    with platform_scope("test"):
        invitation = Invitation.objects.get()
        assert AuditEntry.objects.get(action="invitation.created").actor == "system"
    assert (invitation.email, invitation.role) == ("first@acme.example", "owner")
    assert invitation.tenant == cast.acme.tenant


def test_it_mails_the_link(cast: Cast, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    assert "key=" not in run("first@acme.example", "--tenant", "acme")
    assert "The operator of this service invites you to join Acme" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a@b.example", "--tenant", "none"], "no tenant"),
        (["nonsense", "--tenant", "acme"], "no e-mail address"),
        (["owner@acme.example", "--tenant", "acme"], "a member already"),
    ],
)
def test_what_is_wrong_is_said(cast: Cast, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*arguments)
