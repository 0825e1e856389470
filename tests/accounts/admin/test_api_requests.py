import pytest
from django.utils import timezone

from accounts.api.models import ApiRequest
from accounts.tenancy import tenant_scope
from tests.cast import Cast, Company
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/accounts/apirequest/"


def note(company: Company, request_id: str) -> ApiRequest:
    with tenant_scope(company.tenant.pk):
        row: ApiRequest = ApiRequest.objects.create(
            request_id=request_id,
            actor="key:1",
            method="POST",
            route="api-conversations",
            status=422,
            code="idempotency-key-reused",
            duration_ms=17,
            at=timezone.now(),
        )
    return row


def test_developers_find_a_request_and_change_nothing(cast: Cast) -> None:
    row, theirs = note(cast.acme, "req-1"), note(cast.globex, "req-2")
    developer = signed_in(cast.acme.developer)
    listed = developer.get(ADDRESS, {"q": "req-1"}).text
    for shown in (
        "POST api-conversations",
        "422",
        "idempotency-key-reused",
        "17\N{NO-BREAK SPACE}ms",
        " UTC",
    ):
        assert shown in listed
    assert "req-1" in developer.get(f"{ADDRESS}{row.pk}/change/").text
    assert str(theirs.pk) not in developer.get(ADDRESS).text
    assert developer.get(f"{ADDRESS}{theirs.pk}/change/").status_code == 404
    assert developer.post(f"{ADDRESS}{row.pk}/change/", {"code": ""}).status_code == 403
    assert developer.get(f"{ADDRESS}add/").status_code == 403
    assert signed_in(cast.acme.reviewer).get(ADDRESS).status_code == 404
