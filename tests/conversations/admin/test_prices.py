from datetime import date
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from conversations.models import Agent, Price
from conversations.states import TokenKind
from conversations.usage.prices import Cost, Tariff
from tests.cast import Cast
from tests.conversations.talks import make_conversation, signed_in
from tests.conversations.usage.uses import set_prices, use

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/price/"
FIELDS = {
    "model": "gemini-9*",
    "kind": "audio_out",
    "amount": "12.5",
    "currency": "usd",
    "valid_from": "2026-12-01",
    "note": "From the price page.",
}


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    set_prices()


def test_an_operator_enters_a_price(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    assert operator.post(f"{ROOT}add/", FIELDS).status_code == 302
    price = Price.objects.get(model="gemini-9*")
    assert (price.micros_per_million, price.currency) == (12_500_000, "USD")
    page = operator.get(f"{ROOT}{price.pk}/change/").text
    assert 'value="12.500000"' in page
    assert "12.50 USD" in operator.get(ROOT).text
    changed = {**FIELDS, "amount": ""}
    assert operator.post(f"{ROOT}{price.pk}/change/", changed).status_code == 302
    price.refresh_from_db()
    assert price.micros_per_million is None
    assert "not known" in operator.get(ROOT).text
    with platform_scope("test"):
        acts = AuditEntry.objects.filter(object_type="conversations.price").order_by("pk")
        assert list(acts.values_list("action", flat=True)) == ["price.created", "price.changed"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("currency", "EUR", "Prices and costs are in USD here."),
        ("currency", "$$$", "Three letters"),
        ("model", "models/gemini-9", "without a path"),
        ("model", "gem*ini", "only at its end"),
        ("amount", "-1", "greater than or equal to 0"),
        ("valid_from", "soon", "Enter a valid date"),
    ],
)
def test_what_is_wrong_is_said(cast: Cast, field: str, value: str, said: str) -> None:
    answer = signed_in(cast.operator).post(f"{ROOT}add/", {**FIELDS, field: value})
    assert answer.status_code == 200
    assert said in answer.text
    assert not Price.objects.filter(model="gemini-9*").exists()


def test_one_price_from_a_day(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    operator.post(f"{ROOT}add/", FIELDS)
    assert "already exists" in operator.post(f"{ROOT}add/", FIELDS).text


def test_the_currency_stays_once_something_was_counted_in_it(cast: Cast, agent: Agent) -> None:
    use(make_conversation(agent, None, words=()))
    Price.objects.all().delete()
    operator = signed_in(cast.operator)
    assert "in USD here" in operator.post(f"{ROOT}add/", {**FIELDS, "currency": "EUR"}).text


def test_the_first_price_chooses_the_currency(cast: Cast) -> None:
    Price.objects.all().delete()
    fields = {**FIELDS, "currency": "EUR"}
    assert signed_in(cast.operator).post(f"{ROOT}add/", fields).status_code == 302


def test_prices_are_the_operators(cast: Cast) -> None:
    price = Price.objects.latest("pk")
    for user in (cast.acme.owner, cast.acme.developer):
        client = signed_in(user)
        assert client.get(ROOT).status_code == 404
        assert client.get(f"{ROOT}{price.pk}/change/").status_code == 404
        assert client.post(f"{ROOT}add/", FIELDS).status_code == 404


def test_googles_prices_are_there_from_the_start() -> None:
    Price.objects.all().delete()
    migration = import_module("conversations.migrations.0010_usage")
    with connection.schema_editor(atomic=False) as editor:
        migration.seed_prices(apps, editor)
    tariff = Tariff.current()
    day = date(2026, 11, 23)
    tokens = {TokenKind.TEXT_IN: 1_000_000, TokenKind.AUDIO_OUT: 1_000_000}
    assert tariff.cost("models/gemini-3.8-live", day, tokens) == Cost(12_750_000, "USD")
    preview = "gemini-2.5-flash-native-audio-preview-12-2025"
    assert tariff.cost(preview, day, tokens) == Cost(12_500_000, "USD")
    unknown = tariff.cost("gemini-3.8-live-extended-thinking", day, tokens)
    assert unknown == Cost(0, "USD", unpriced_tokens=2_000_000)
    assert {*TokenKind} == set(Price.objects.values_list("kind", flat=True))
    assert all(price.note for price in Price.objects.all())
