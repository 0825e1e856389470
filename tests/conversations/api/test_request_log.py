"""Who asked for what, how it went and how long it took; never what was said."""

import pytest
from django.db import DatabaseError
from django.test import Client

from accounts.api.models import ApiRequest
from accounts.models import ApiKey
from accounts.tenancy import platform_scope, tenant_scope
from conversations.api.request_log import keep
from tests.cast import Cast
from tests.conversations.talks import signed_in, with_key

LIST = "/api/v1/conversations/"


def noted() -> list[ApiRequest]:
    with platform_scope("test"):
        return list(ApiRequest.objects.order_by("id"))


def test_a_request_is_noted_without_a_word_of_it(cast: Cast) -> None:
    answer = with_key(cast.acme.api_key).get(f"{LIST}?state=live")
    [row] = noted()
    with platform_scope("test"):
        key = ApiKey.objects.get(tenant=cast.acme.tenant)
    assert row.request_id == answer["X-Request-Id"]
    assert (row.tenant_id, row.actor) == (cast.acme.tenant.pk, f"key:{key.pk}")
    assert (row.method, row.route, row.status, row.code) == ("GET", "api-conversations", 200, "")
    assert row.duration_ms >= 0
    assert "live" not in str([vars(each) for each in noted()])


def test_refusals_have_their_code_and_people_their_name(cast: Cast) -> None:
    client = signed_in(cast.acme.developer)
    client.get(LIST)
    client.post(f"{LIST}not-there/")
    client.get("/history/")
    told = [(row.actor, row.route, row.status, row.code) for row in noted()]
    developer = f"user:{cast.acme.developer.pk}"
    assert told == [
        (developer, "api-conversations", 403, "permission-denied"),
        (developer, "", 404, "not-found"),
    ]


def test_who_is_not_known_is_not_noted(client: Client, db: None) -> None:
    client.get(LIST)
    with_key("prl_000000000000_" + "0" * 64).get(LIST)
    assert noted() == []


def test_a_request_that_cannot_be_noted_was_answered_all_the_same(
    cast: Cast, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ApiRequest(tenant=cast.acme.tenant, request_id="r1")

    def fails(**options: bool) -> None:
        raise DatabaseError("a word of a statement")

    monkeypatch.setattr(row, "save", fails)
    with tenant_scope(cast.acme.tenant.pk):
        keep(row)
    assert "request r1 was not noted: DatabaseError" in caplog.text
    assert "statement" not in caplog.text
