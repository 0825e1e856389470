import pytest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from accounts.audit.place import (
    NOWHERE,
    Place,
    at_place,
    client_address,
    current_place,
    is_trusted,
    place_of_request,
    place_of_socket,
)
from accounts.database import close_database_threads, in_database

PROXY, INNER = "10.0.0.1", "10.1.2.3"
CLIENT, LIAR = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [PROXY, "10.1.0.0/16", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, "", CLIENT),
        (CLIENT, LIAR, CLIENT),  # only our proxies are believed
        (PROXY, "", PROXY),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{LIAR}, {CLIENT}", CLIENT),  # the client's own header stands before
        (PROXY, f"{CLIENT},{INNER}", CLIENT),
        (PROXY, f"{LIAR}, {CLIENT} , {INNER}, {PROXY}", CLIENT),
        (PROXY, "nonsense", PROXY),
        (PROXY, f"{CLIENT}, nonsense", PROXY),
        (PROXY, f"{INNER}, {PROXY}", INNER),
        (PROXY, f"{CLIENT}:4711", CLIENT),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        ("fd00::1", "2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "", "fe80::1"),
        (f"::ffff:{PROXY}", CLIENT, CLIENT),
        ("", "", None),
        ("", CLIENT, None),  # a unix socket vouches for nobody
    ],
)
def test_whose_address_it_is(peer: str, forwarded: str, client: str | None) -> None:
    assert client_address(peer, forwarded) == client


def test_nobody_is_trusted_by_default(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_address(PROXY, CLIENT) == PROXY
    assert not is_trusted(PROXY)
    assert not is_trusted(None)


def test_a_requests_place() -> None:
    request = RequestFactory().get(
        "/", headers={"User-Agent": "Firefox\r\n\x00x", "X-Request-Id": "mine"}, REMOTE_ADDR=CLIENT
    )
    place = place_of_request(request)
    assert (place.ip, place.user_agent) == (CLIENT, "Firefox x")
    assert place.request_id not in {"", "mine"}
    assert place_of_request(request).request_id != place.request_id


def test_a_long_name_of_a_browser_is_cut() -> None:
    place = place_of_request(RequestFactory().get("/", headers={"User-Agent": "x" * 5000}))
    assert place.user_agent == "x" * 200


@pytest.mark.parametrize(("given", "taken"), [("abc-1.Z_9", True), ("a b", False), ("", False)])
def test_a_proxys_request_id_is_kept(given: str, taken: bool) -> None:
    request = RequestFactory().get("/", headers={"X-Request-Id": given}, REMOTE_ADDR=PROXY)
    assert (place_of_request(request).request_id == given) is taken


def test_a_sockets_place() -> None:
    headers = [
        (b"user-agent", b"chat/1"),
        (b"x-forwarded-for", CLIENT.encode()),
        (b"x-request-id", b"r1"),
    ]
    place = place_of_socket({"client": (PROXY, 4711), "headers": headers})
    assert place == Place(CLIENT, "chat/1", "r1")
    assert place_of_socket({"client": None, "headers": []}).ip is None


def test_places_nest() -> None:
    assert current_place() is NOWHERE
    with at_place(Place(CLIENT)):
        with at_place(Place(LIAR)):
            assert current_place().ip == LIAR
        assert current_place().ip == CLIENT
    assert current_place() is NOWHERE


@pytest.mark.django_db(transaction=True)
async def test_the_place_goes_along_to_the_database() -> None:
    with at_place(Place(CLIENT)):
        assert await in_database(current_place) == Place(CLIENT)
    close_database_threads()
