from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.keyset import Unsealable
from conversations.models import WebhookEndpoint
from tests.cast import Cast

HOUR = timedelta(hours=1)


@pytest.mark.django_db
def test_the_last_secret_signs_for_a_while(cast: Cast) -> None:
    now = timezone.now()
    row = WebhookEndpoint(tenant=cast.acme.tenant)
    assert row.open_secrets(now) == ()
    row.set_secret("one", now + HOUR)
    assert (row.open_secrets(now), row.has_old_secret(now)) == (("one",), False)
    row.set_secret("two", now + HOUR)
    assert row.open_secrets(now) == ("two", "one")
    assert (row.open_secrets(now + HOUR), row.has_old_secret(now + HOUR)) == (("two",), False)
    row.set_secret("three", now + HOUR)
    assert row.open_secrets(now) == ("three", "two"), "never more than two"


@pytest.mark.django_db
def test_a_secret_opens_in_its_own_column_and_row_alone(cast: Cast) -> None:
    now = timezone.now()
    one, two = (WebhookEndpoint(tenant=cast.acme.tenant) for _ in range(2))
    one.set_secret("one", now)
    one.set_secret("two", now + HOUR)
    two.sealed_secret = one.sealed_secret
    with pytest.raises(Unsealable):
        two.open_secrets(now)
    one.sealed_secret = one.sealed_old_secret
    with pytest.raises(Unsealable):
        one.open_secrets(now)
