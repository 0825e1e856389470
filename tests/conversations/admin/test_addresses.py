"""A form with an address: who may add its host, and what is told to who may not."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.admin.webhook_form import WebhookForm
from conversations.models import AllowedHost
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
ADD = "/admin/conversations/webhookendpoint/add/"


def form(url: str, **more: str) -> dict[str, object]:
    return {"name": "Shop", "url": url, "kinds": ["turn.final"], "signing": "v1", **more}


@pytest.mark.parametrize(
    ("url", "may_allow", "told"),
    [
        ("https://hooks.example.com/", False, "An admin can add it."),
        ("https://hooks.example.com/", True, "Or tick “Allow this host”."),
        ("ftp://hooks.example.com/", True, "It begins with https://"),
        ("https://*/", True, "is not one of"),
    ],
)
def test_what_is_told(cast: Cast, url: str, may_allow: bool, told: str) -> None:
    kind = type("Form", (WebhookForm,), {"may_allow": may_allow})
    with tenant_scope(cast.acme.tenant.pk):
        made = kind(form(url))
        assert told in made.errors["url"][0]
        assert ("tick" in made.errors["url"][0]) == ("tick" in told)
        assert ("allow_host" in made.fields) == may_allow


def test_who_may_allow_it_does_it_with_the_same_form(cast: Cast) -> None:
    owner = signed_in(cast.acme.owner)
    page = owner.post(ADD, form("https://hooks.example.com/", allow_host="on"))
    assert "whsec_" in page.text
    with platform_scope("test"):
        assert AllowedHost.objects.get().name == "hooks.example.com"
        assert AuditEntry.objects.filter(action="allowedhost.created").count() == 1
