import pytest
from django.test import Client
from django.utils import timezone

from accounts.leaving.departures import ask_to_leave
from accounts.leaving.models import Departure
from accounts.models import Tenant
from tests.accounts.leaving.stage import just_signed_in
from tests.cast import Cast

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/departure/"


@pytest.fixture
def departure(cast: Cast) -> Departure:
    made = ask_to_leave(cast.acme.tenant.pk, f"user:{cast.acme.owner.pk}", timezone.now())
    Departure.objects.filter(pk=made.pk).update(counts={"conversations.turn": 1234})
    return made


@pytest.fixture
def operator(cast: Cast) -> Client:
    return just_signed_in(cast.operator)


def test_operators_see_the_report(operator: Client, departure: Departure) -> None:
    assert "Acme" in operator.get(LIST).text
    page = operator.get(f"{LIST}{departure.pk}/change/").text
    assert "1,234 conversations.turn" in page
    assert "It answers for it" in page
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.get(f"{LIST}{departure.pk}/delete/").status_code == 403


def test_an_operator_takes_it_back(operator: Client, departure: Departure) -> None:
    chosen = {"action": "take_back", "index": "0", "_selected_action": [str(departure.pk)]}
    assert "Let these organisations stay?" in operator.post(LIST, chosen).text
    assert Tenant.objects.get(slug="acme").state == "leaving"
    page = operator.post(LIST, chosen | {"confirmed": "yes"}, follow=True).text
    assert "Acme stays." in page
    assert Tenant.objects.get(slug="acme").state == "active"


def test_what_is_too_late_is_told(operator: Client, departure: Departure) -> None:
    Tenant.objects.filter(slug="acme").update(state=Tenant.State.ERASING)
    chosen = {"action": "take_back", "index": "0", "_selected_action": [str(departure.pk)]}
    page = operator.post(LIST, chosen | {"confirmed": "yes"}, follow=True).text
    assert "cannot be taken back any more" in page


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_nobody_of_a_tenant_sees_it(cast: Cast, departure: Departure, role: str) -> None:
    client = just_signed_in(getattr(cast.globex, role))
    assert client.get(LIST).status_code in {403, 404}
    assert client.get(f"{LIST}{departure.pk}/change/").status_code == 404
    assert "Departures" not in client.get("/admin/").text
