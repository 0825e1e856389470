"""Agents: their names within a tenant."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.cast import Cast
from tests.conversations.talks import make_agent

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_a_slug_is_taken_once_in_a_tenant(cast: Cast) -> None:
    first = make_agent(cast.acme.tenant, "helper")
    other = make_agent(cast.globex.tenant, "helper")
    assert first.slug == other.slug
    with pytest.raises(IntegrityError), transaction.atomic():
        make_agent(cast.acme.tenant, "helper")
