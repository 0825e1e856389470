import asyncio
import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import credentials as user_credentials

from live.simulator import Pace, Simulator
from live.simulator.grants import CLOUD_SCOPES, SCOPE_PREFIX, Grant, GrantRefused
from live.simulator.sign_in import CODE_LIFE_S, MAX_KEPT, USER, Client, SignIns
from tests.live.simulator.clock import Clock
from tests.live.simulator.stage import VERTEX_NAME
from tests.live.simulator.wire import VERTEX_PATH, dial, set_up

QUICK = Pace(setup=0.01, first_update=0.01)
BACK = "http://127.0.0.1:4711/"
SCOPES = f"{SCOPE_PREFIX}cloud-platform {SCOPE_PREFIX}generative-language.retriever"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_ins(clock: Clock) -> SignIns:
    return SignIns(clock)


@pytest.fixture
def client(sign_ins: SignIns) -> Client:
    return sign_ins.new_client()


def asked(client: Client, **changed: str | None) -> dict[str, str]:
    query = {
        "client_id": client.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": SCOPES,
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "access_type": "offline",
        **changed,
    }
    return {name: value for name, value in query.items() if value is not None}


def answer(sign_ins: SignIns, query: dict[str, str]) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(sign_ins.authorize(query)).query).items()}


def form(client: Client, made: str, /, **changed: str | None) -> dict[str, str]:
    fields = {
        "code": made,
        "redirect_uri": BACK,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "code_verifier": VERIFIER,
        **changed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def exchange_refused(sign_ins: SignIns, fields: dict[str, str]) -> tuple[str, int]:
    with pytest.raises(GrantRefused) as caught:
        sign_ins.exchange(fields)
    return caught.value.error, caught.value.status


def test_the_browser_goes_back_with_a_code_that_is_good_for_tokens(
    sign_ins: SignIns, client: Client
) -> None:
    query = asked(client)
    location = sign_ins.authorize(query)
    assert location.startswith(f"{BACK}?")
    back = answer(sign_ins, query)
    assert back["state"] == "s"
    assert set(back["scope"].split()) == set(SCOPES.split())
    granted = sign_ins.exchange(form(client, back["code"]))
    assert (granted.email, granted.scopes) == (USER, frozenset(SCOPES.split()))
    again = {"client_id": client.client_id, "client_secret": client.client_secret}
    for _ in range(2):
        refreshed = sign_ins.refresh({**again, "refresh_token": granted.refresh_token})
        assert refreshed == Grant(USER, granted.scopes, tells_scope=True)


def test_an_address_with_a_query_keeps_it(sign_ins: SignIns, client: Client) -> None:
    location = sign_ins.authorize(asked(client, redirect_uri="http://localhost:1/x?a=b"))
    assert location.startswith("http://localhost:1/x?a=b&state=s&")


def test_without_offline_access_there_is_no_refresh_token(
    sign_ins: SignIns, client: Client
) -> None:
    code = answer(sign_ins, asked(client, access_type=None))["code"]
    assert sign_ins.exchange(form(client, code)).refresh_token == ""


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": f"{SCOPE_PREFIX}drive"}, "invalid_scope"),
    ],
)
def test_what_is_asked_wrongly_goes_back_as_an_error(
    sign_ins: SignIns, client: Client, changed: dict[str, str | None], error: str
) -> None:
    assert answer(sign_ins, asked(client, **changed)) == {"state": "s", "error": error}


@pytest.mark.parametrize(
    ("changed", "error", "status"),
    [
        ({"client_id": "nobody"}, "invalid_client", 401),
        ({"client_id": None}, "invalid_client", 401),
        ({"redirect_uri": "https://example.com/"}, "redirect_uri_mismatch", 400),
        ({"redirect_uri": "http://example.com/"}, "redirect_uri_mismatch", 400),
        ({"redirect_uri": "http://[/"}, "redirect_uri_mismatch", 400),
        ({"redirect_uri": None}, "redirect_uri_mismatch", 400),
    ],
)
def test_a_browser_is_sent_to_nobody_who_is_not_known(
    sign_ins: SignIns, client: Client, changed: dict[str, str | None], error: str, status: int
) -> None:
    with pytest.raises(GrantRefused) as caught:
        sign_ins.authorize(asked(client, **changed))
    assert (caught.value.error, caught.value.status) == (error, status)


def test_a_user_may_refuse_all_or_a_part(sign_ins: SignIns, client: Client) -> None:
    sign_ins.refusal = "access_denied"
    assert answer(sign_ins, asked(client)) == {"state": "s", "error": "access_denied"}
    sign_ins.refusal = ""
    kept, sign_ins.withheld = SCOPES.split(maxsplit=1)[0], frozenset(SCOPES.split()[1:])
    back = answer(sign_ins, asked(client))
    assert back["scope"] == kept
    assert sign_ins.exchange(form(client, back["code"])).scopes == {kept}


@pytest.mark.parametrize(
    ("changed", "error", "status"),
    [
        ({"code": "4/other"}, "invalid_grant", 400),
        ({"code": None}, "invalid_request", 400),
        ({"code_verifier": "w" * 43}, "invalid_grant", 400),
        ({"code_verifier": None}, "invalid_grant", 400),
        ({"redirect_uri": "http://127.0.0.1:4712/"}, "redirect_uri_mismatch", 400),
        ({"client_id": "nobody"}, "invalid_client", 401),
        ({"client_secret": "wrong"}, "invalid_client", 401),
        ({"client_secret": None}, "invalid_client", 401),
    ],
)
def test_a_code_is_bound_to_who_asked_for_it(
    sign_ins: SignIns, client: Client, changed: dict[str, str | None], error: str, status: int
) -> None:
    code = answer(sign_ins, asked(client))["code"]
    assert exchange_refused(sign_ins, form(client, code, **changed)) == (error, status)


def test_a_code_of_another_client_a_spent_and_an_old_one(
    sign_ins: SignIns, client: Client, clock: Clock
) -> None:
    code = answer(sign_ins, asked(client))["code"]
    assert exchange_refused(sign_ins, form(sign_ins.new_client(), code)) == ("invalid_grant", 400)
    spent = answer(sign_ins, asked(client))["code"]
    assert sign_ins.exchange(form(client, spent)).email == USER
    assert exchange_refused(sign_ins, form(client, spent)) == ("invalid_grant", 400)
    old = answer(sign_ins, asked(client))["code"]
    clock.now += CODE_LIFE_S
    assert exchange_refused(sign_ins, form(client, old)) == ("invalid_grant", 400)


def test_a_client_without_pkce_needs_no_verifier(sign_ins: SignIns, client: Client) -> None:
    code = answer(sign_ins, asked(client, code_challenge=None))["code"]
    assert sign_ins.exchange(form(client, code, code_verifier=None)).email == USER


def test_refresh_tokens_are_of_one_client_of_some_scopes_and_can_be_revoked(
    sign_ins: SignIns, client: Client
) -> None:
    scope = f"{SCOPE_PREFIX}cloud-platform"
    token = sign_ins.new_refresh_token(client, frozenset({scope}))

    def refused(**changed: str) -> tuple[str, int]:
        given = {"client_id": client.client_id, "client_secret": client.client_secret}
        with pytest.raises(GrantRefused) as caught:
            sign_ins.refresh({**given, "refresh_token": token, **changed})
        return caught.value.error, caught.value.status

    other = sign_ins.new_client()
    assert refused(refresh_token="1//other") == ("invalid_grant", 400)
    assert refused(refresh_token="") == ("invalid_request", 400)
    assert refused(client_secret="wrong") == ("invalid_client", 401)
    stolen = {"client_id": other.client_id, "client_secret": other.client_secret}
    assert refused(**stolen) == ("invalid_grant", 400)
    assert refused(scope=SCOPES) == ("invalid_scope", 400)
    sign_ins.revoke_refresh_tokens()
    assert refused() == ("invalid_grant", 400)


def test_what_is_kept_is_bounded(sign_ins: SignIns, client: Client) -> None:
    first = sign_ins.new_refresh_token(client, CLOUD_SCOPES)
    for _ in range(MAX_KEPT):
        sign_ins.new_refresh_token(client, CLOUD_SCOPES)
    given = {"client_id": client.client_id, "client_secret": client.client_secret}
    with pytest.raises(GrantRefused):
        sign_ins.refresh({**given, "refresh_token": first})


async def test_googles_own_library_refreshes_a_user() -> None:
    async with Simulator(pace=QUICK) as simulator:
        info = simulator.authorized_user_info()
        credentials = user_credentials.Credentials(  # type: ignore[no-untyped-call]
            token=None,
            **{name: value for name, value in info.items() if name != "type"},
        )
        await asyncio.to_thread(credentials.refresh, Request())
        headers = {"Authorization": f"Bearer {credentials.token}"}
        async with dial(simulator, VERTEX_PATH, headers=headers) as socket:
            assert await set_up(socket, model=VERTEX_NAME)
