import pytest

from accounts.tenancy import tenant_scope
from conversations.admin.webhook_form import WebhookForm
from conversations.models import WebhookKind
from tests.cast import Cast
from tests.conversations.webhooks.rows import allow_host


@pytest.mark.django_db
def test_every_kind_can_be_chosen_and_no_other(cast: Cast) -> None:
    allow_host(cast.acme.tenant, "hooks.example.com")
    form = {"name": "Shop", "url": "https://hooks.example.com/", "signing": "v1", "is_on": "on"}
    with tenant_scope(cast.acme.tenant.pk):
        whole = WebhookForm(form | {"kinds": WebhookKind.values})
        assert whole.is_valid(), whole.errors
        assert whole.cleaned_data["kinds"] == WebhookKind.values
        assert "kinds" in WebhookForm(form | {"kinds": ["webhook.test"]}).errors
        assert "url" in WebhookForm(form | {"kinds": ["turn.final"], "url": "ftp://x"}).errors
