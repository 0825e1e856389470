"""Every page of the admin x every role x its own and the other tenant's rows."""

import pytest

from accounts.admin.base import TenantAdmin
from accounts.models import ApiKey, Credential, Membership, Tenant
from conversations.models import Agent, Conversation
from tests.accounts.admin.walk import (
    KNOWN_ROUTES,
    ROLES,
    SEEN_BY,
    Rows,
    address,
    registered,
    routes,
)
from tests.cast import Cast
from tests.conversations.talks import signed_in


def test_every_model_and_every_route_stands_in_the_tables() -> None:
    assert set(registered()) == set(SEEN_BY)
    assert {route.name for route in routes()} == KNOWN_ROUTES


def test_every_model_admin_is_one_of_ours() -> None:
    assert [each for each in registered().values() if not isinstance(each, TenantAdmin)] == []


def test_people_see_their_own_rows_and_no_others(cast: Cast, rows: dict[str, Rows]) -> None:
    for role in ROLES:
        client = signed_in(getattr(cast.acme, role))
        for model, seers in SEEN_BY.items():
            seen = 200 if role in seers else 404
            listed = client.get(address(model))
            assert listed.status_code == seen, (role, model)
            if seen == 200:
                assert str(rows["other"][model].pk) not in listed.text
            for view in ("change", "history"):
                answers = {
                    whose: client.get(address(model, view, rows[whose][model])).status_code
                    for whose in ("own", "other")
                }
                assert answers == {"own": seen, "other": 404}, (role, model, view)


@pytest.mark.parametrize(
    ("app", "model", "field"),
    [
        ("conversations", "conversation", "agent"),
        ("conversations", "conversation", "tenant"),
        ("conversations", "turn", "conversation"),
        ("accounts", "membership", "user"),
        ("accounts", "membership", "tenant"),
        ("accounts", "credential", "created_by"),
    ],
)
def test_autocompletes_offer_only_own_rows(
    cast: Cast, rows: dict[str, Rows], app: str, model: str, field: str
) -> None:
    query = {"app_label": app, "model_name": model, "field_name": field}
    hidden = [*(str(row.pk) for row in rows["other"].values()), str(cast.stranger.pk)]
    for role in ROLES:
        client = signed_in(getattr(cast.acme, role))
        for term in ("", "globex", "o", str(rows["other"][Conversation].pk)):
            answer = client.get("/admin/autocomplete/", {**query, "term": term})
            assert answer.status_code in {200, 403}
            assert [each for each in hidden if each in answer.text] == []


def test_filters_neither_name_nor_find_other_tenants(cast: Cast, rows: dict[str, Rows]) -> None:
    client = signed_in(cast.acme.owner)
    other = rows["other"]
    for model, seers in SEEN_BY.items():
        if "owner" not in seers:
            continue
        page = client.get(address(model)).text
        assert "globex" not in page.lower()
        for lookup, value in (
            ("tenant__id__exact", other[Tenant].pk),
            ("tenant__slug", "globex"),
            ("agent__id__exact", other[Agent].pk),
            ("user__password__startswith", "m"),
            ("id", other[model].pk),
            ("q", other[model].pk),
        ):
            answer = client.get(address(model), {lookup: str(value)})
            assert answer.status_code in {200, 302, 400}, (model, lookup)
            assert "of-globex" not in answer.text


def test_secret_columns_cannot_be_probed(cast: Cast, rows: dict[str, Rows]) -> None:
    for user in (cast.acme.owner, cast.operator):
        client = signed_in(user)
        for model, lookup in (
            (ApiKey, "hash__startswith"),
            (Credential, "sealed_secret__contains"),
            (Credential, "created_by__password__startswith"),
            (Membership, "user__password__startswith"),
        ):
            assert client.get(address(model), {lookup: "a"}).status_code == 400, (model, lookup)


@pytest.mark.parametrize("who", ["member", "stranger"])
def test_others_stay_outside(cast: Cast, rows: dict[str, Rows], who: str) -> None:
    user = cast.stranger if who == "stranger" else cast.acme.member
    client = signed_in(user)
    for model, row in rows["own"].items():
        for each in (address(model), address(model, "change", row)):
            answer = client.get(each)
            assert answer.status_code in {302, 403}
            if answer.status_code == 302:
                assert "login" in answer["Location"]


def test_operators_see_all_tenants(cast: Cast, rows: dict[str, Rows]) -> None:
    client = signed_in(cast.operator)
    for model in SEEN_BY:
        assert client.get(address(model)).status_code == 200
        for whose in ("own", "other"):
            for view in ("change", "history"):
                answer = client.get(address(model, view, rows[whose][model]))
                assert answer.status_code == 200, (model, view)


@pytest.mark.parametrize("view", ["", "accounts/", "conversations/", "search/?s=a"])
def test_the_sites_own_pages(cast: Cast, rows: dict[str, Rows], view: str) -> None:
    for role in ROLES:
        answer = signed_in(getattr(cast.acme, role)).get(f"/admin/{view}")
        # A reviewer may see nothing of the accounts.
        assert answer.status_code == (404 if (role, view) == ("reviewer", "accounts/") else 200)
        assert "globex" not in answer.text.lower()


def test_no_page_shows_a_secret(cast: Cast, rows: dict[str, Rows]) -> None:
    for user in (cast.operator, cast.acme.owner):
        client = signed_in(user)
        for model, row in rows["own"].items():
            if user is not cast.operator and "owner" not in SEEN_BY[model]:
                continue
            pages = (address(model), address(model, "change", row), address(model, "history", row))
            for page in pages:
                text = client.get(page).text
                assert "canary" not in text
                assert cast.acme.api_key.rsplit("_", 1)[1] not in text
