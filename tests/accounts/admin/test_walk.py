"""What the admin's lists, filters and autocompletes let out, beside their statuses, which
`tests/test_permissions.py` holds."""

from uuid import uuid4

import pytest
from django.db.models import Model

from accounts.admin.base import TenantAdmin
from accounts.models import ApiKey, Credential, Membership, Tenant
from conversations.models import Agent, Conversation
from tests.cast import Cast
from tests.conversations.talks import signed_in
from tests.permissions.admin import MODELS
from tests.permissions.furniture import Furniture, furnish
from tests.permissions.routes import registered

ROLES = ("owner", "admin", "developer", "reviewer")


@pytest.fixture
def sides(cast: Cast, keyset_file: object) -> dict[str, Furniture]:
    return {"own": furnish(cast.acme), "other": furnish(cast.globex)}


def listed(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def test_every_model_admin_is_one_of_ours() -> None:
    assert [each for each in registered().values() if not isinstance(each, TenantAdmin)] == []


def shown_of(furniture: Furniture) -> list[Model]:
    """The rows of the models that the admin has."""
    return [row for model, row in furniture.rows.items() if model in MODELS]


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
    cast: Cast, sides: dict[str, Furniture], app: str, model: str, field: str
) -> None:
    query = {"app_label": app, "model_name": model, "field_name": field}
    hidden = [*(str(row.pk) for row in shown_of(sides["other"])), str(cast.stranger.pk)]
    for role in ROLES:
        client = signed_in(getattr(cast.acme, role))
        for term in ("", "globex", "o", str(sides["other"].rows[Conversation].pk)):
            answer = client.get("/admin/autocomplete/", {**query, "term": term})
            assert answer.status_code in {200, 403}
            # Whole ids: a short number may stand in somebody's UUID.
            assert [each for each in hidden if f'"{each}"' in answer.text] == []


def test_filters_neither_name_nor_find_other_tenants(
    cast: Cast, sides: dict[str, Furniture]
) -> None:
    client = signed_in(cast.acme.owner)
    other = sides["other"].rows
    for model, shown in MODELS.items():
        if "owner" not in shown.seen:
            continue
        page = client.get(listed(model)).text
        assert "globex" not in page.lower()
        for lookup, value in (
            ("tenant__id__exact", other[Tenant].pk),
            ("tenant__slug", "globex"),
            ("agent__id__exact", other[Agent].pk),
            ("user__password__startswith", "m"),
            ("id", other[model].pk),
            ("q", other[model].pk),
        ):
            answer = client.get(listed(model), {lookup: str(value)})
            assert answer.status_code in {200, 302, 400}, (model, lookup)
            assert "of-globex" not in answer.text


def test_secret_columns_cannot_be_probed(cast: Cast, sides: dict[str, Furniture]) -> None:
    for user in (cast.acme.owner, cast.operator):
        client = signed_in(user)
        for model, lookup in (
            (ApiKey, "hash__startswith"),
            (Credential, "sealed_secret__contains"),
            (Credential, "created_by__password__startswith"),
            (Membership, "user__password__startswith"),
        ):
            assert client.get(listed(model), {lookup: "a"}).status_code == 400, (model, lookup)


def test_an_unknown_id_is_like_another_tenants(cast: Cast, sides: dict[str, Furniture]) -> None:
    client = signed_in(cast.acme.owner)
    for model in MODELS:
        for wrong in (uuid4(), "not-an-id", "1"):
            base = f"{listed(model)}{wrong}/"
            assert {
                client.get(f"{base}{view}/").status_code for view in ("change", "delete", "history")
            } == {404}
