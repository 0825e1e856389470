"""The fixed addresses, and who they open to."""

from urllib.parse import unquote

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
ADDRESSES = {
    "lobby": "/",
    "conversation-new": f"/talk/{ID}/",
    "conversation": f"/c/{ID}/",
    "history": "/history/",
    "review": "/review/",
    "review-conversation": f"/review/{ID}/",
    "account_login": "/login/",
    "account_logout": "/logout/",
    "switch-tenant": "/tenant/",
    "account": "/account/",
    "members": "/members/",
    "invitation": "/invitation/",
    "api-docs": "/api/v1/docs/",
    "api-schema": "/api/v1/schema/",
    "healthz": "/healthz",
    "readyz": "/readyz",
    "admin:index": "/admin/",
}
# Without a log-in: what it answers. Everything else sends people to the log-in page.
OPEN = {
    "account_login": 200,
    "account_logout": 405,
    "account_signup": 200,  # which says that there is none
    "account_inactive": 200,
    "account_reset_password": 200,
    "account_reset_password_done": 200,
    "account_reset_password_from_key": 200,  # which says that the link is not good
    "account_reset_password_from_key_done": 200,
    "password-link": 404,
    "invitation": 404,
    "single-sign-on": 405,
    "single-sign-on-return": 400,  # nobody has begun a sign-in
    "google-auth-tokens": 403,
    "google-models": 403,
    "google-model": 403,
    "healthz": 200,
    "readyz": 200,
}

# Of the API: what programs read before they have a key. Everything else asks for one.
OPEN_TO_PROGRAMS = {"api-docs", "api-errors", "api-redoc", "api-schema"}

# What an address takes that is no ID; the rest of allauth's go on to the log-in page without
# `next`.
ARGUMENTS: dict[str, list[object]] = {
    "account_reset_password_from_key": ["0", "none"],
    "end-session": [1],
    "google-auth-tokens": ["v1"],
    "google-models": ["v1"],
    "google-model": ["v1", "gemini-3.8-live"],
    "mfa_edit_webauthn": [1],
    "mfa_remove_webauthn": [1],
}
WITHOUT_NEXT = {"mfa_authenticate", "mfa_login_webauthn"}


@pytest.mark.parametrize(("name", "address"), ADDRESSES.items())
def test_addresses_are_the_fixed_ones(name: str, address: str) -> None:
    arguments = [ID] if ID in address else []
    assert reverse(name, args=arguments) == address


def pages() -> list[str]:
    """Return the name of every address outside the admin."""
    found: list[str] = []
    waiting: list[URLPattern | URLResolver] = list(get_resolver().url_patterns)
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, URLPattern):
            found.append(str(entry.name))
        elif entry.namespace != admin.site.name:
            waiting.extend(entry.url_patterns)
    return sorted(found)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [name for name in pages() if not name.startswith("api-")])
def test_a_stranger_gets_the_log_in_page_or_nothing(client: Client, name: str) -> None:
    try:
        address = reverse(name)
    except NoReverseMatch:
        address = reverse(name, args=ARGUMENTS.get(name, [ID]))
    answer = client.get(address)
    if name in OPEN:
        assert answer.status_code == OPEN[name]
    else:
        assert answer.status_code == 302
        expected = "/login/" if name in WITHOUT_NEXT else f"/login/?next={address}"
        assert unquote(answer["Location"]) == expected


@pytest.mark.django_db(transaction=True)
def test_the_api_tells_a_stranger_nothing(client: Client) -> None:
    """Together: they are many, and to empty the database after each takes longer than to ask."""
    routes = [each for each in get_resolver().reverse_dict if str(each).startswith("api-")]
    wrong = {}
    for name in routes:
        [(template, names)] = get_resolver().reverse_dict.getlist(name)[0][0]
        address = "/" + template % dict.fromkeys(names, ID)
        status = client.get(address).status_code
        if status != (200 if name in OPEN_TO_PROGRAMS else 401):
            wrong[address] = status
    assert wrong == {}
    assert len(routes) > 20


def test_the_admin_asks_for_a_log_in(client: Client, db: None) -> None:
    answer = client.get("/admin/")
    assert answer["Location"] == "/admin/login/?next=/admin/"
    assert client.get(answer["Location"])["Location"] == "/login/?next=%2Fadmin%2F"
