from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def run(email: str) -> str:
    out = StringIO()
    call_command("remove_second_factors", email, stdout=out)
    return out.getvalue()


def test_a_persons_second_factors_are_removed(cast: Cast, keyset_file: object) -> None:
    for person in (cast.acme.member, cast.acme.admin):
        TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    assert run("Member@acme.example") == "Removed: totp.\n"
    assert [row.user for row in Authenticator.objects.all()] == [cast.acme.admin]
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="user.second-factors-removed")
    assert (entry.object_id, entry.before) == (str(cast.acme.member.pk), {"kinds": ["totp"]})
    assert "none" in run("member@acme.example")


def test_an_unknown_person(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no account"):
        run("nobody@acme.example")
