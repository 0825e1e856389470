from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.single_sign_on import protocol
from accounts.single_sign_on.protocol import Client, Person, SignOnFault
from tests.accounts.single_sign_on.conftest import at_provider
from tests.accounts.single_sign_on.provider import CLIENT_ID, CLIENT_SECRET, Provider

BACK = "https://parley.example/back/"
CLIENT = Client(CLIENT_ID, CLIENT_SECRET, BACK)


def sign_in(idp: Provider, client: Client = CLIENT, verifier: str = "v" * 64) -> Person:
    """The whole way without a browser."""
    found = protocol.discover(idp.url)
    asked = {"state": "s", "nonce": "n", "code_challenge": protocol.challenge_of("v" * 64)}
    back = at_provider(protocol.login_address(found, client, **asked))
    query = {name: value[0] for name, value in parse_qs(urlsplit(back).query).items()}
    code = protocol.check_return(query, idp.url)
    tokens = protocol.redeem(found, client, code, verifier)
    return protocol.person_of(found, client, tokens, "n")


def fault(act: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(SignOnFault) as caught:
        act()
    assert CLIENT_SECRET not in caught.value.text + caught.value.fix
    return caught.value.code, f"{caught.value.text} {caught.value.fix}"


def test_whom_it_names(idp: Provider) -> None:
    idp.person("Nora@ACME.example", name="Nora Lind")
    expected = Person("sub-Nora@ACME.example", "nora@acme.example", "Nora Lind")
    assert sign_in(idp) == expected
    idp.email_by_userinfo = True
    assert sign_in(idp) == expected
    idp.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert sign_in(idp) == expected
    assert idp.exchanged[-1]["client_id"] == CLIENT_ID
    assert CLIENT_SECRET not in repr(CLIENT)


def test_entra_says_verified_in_its_own_way(idp: Provider) -> None:
    del idp.claims["email_verified"]
    assert fault(lambda: sign_in(idp))[0] == "email-unverified"
    idp.claims["xms_edov"] = "1"
    assert sign_in(idp).email == "member@acme.example"
    idp.claims["email_verified"] = False
    assert fault(lambda: sign_in(idp))[0] == "email-unverified"


def test_the_userinfo_of_somebody_else_counts_for_nothing(idp: Provider) -> None:
    idp.email_by_userinfo = True
    idp.token_claims = {"sub": "another"}
    assert fault(lambda: sign_in(idp))[0] == "email-missing"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"issuer": "https://other.example"}, "to the last slash"),
        ({"token_endpoint": "http://other.example/"}, "no good token_endpoint"),
        ({"jwks_uri": None}, "no good jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no good authorization_endpoint"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "no client secret"),
    ],
)
def test_a_document_that_is_wrong(idp: Provider, document: dict[str, object], says: str) -> None:
    idp.document = document
    code, text = fault(lambda: protocol.discover(idp.url))
    assert code == "discovery-wrong"
    assert says in text


def test_what_is_no_provider(idp: Provider) -> None:
    idp.raw_document = b"<html>"
    assert fault(lambda: protocol.discover(idp.url))[0] == "discovery-wrong"
    assert fault(lambda: protocol.discover("http://127.0.0.1:1"))[0] == "issuer-unreachable"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": [CLIENT_ID, "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1}, "expired"),
        ({"iat": 4_000_000_000}, "future"),
        ({"exp": None}, "missing"),
        ({"sub": None}, "missing"),
    ],
)
def test_a_token_that_is_wrong(idp: Provider, claims: dict[str, object], says: str) -> None:
    idp.token_claims = claims
    code, text = fault(lambda: sign_in(idp))
    assert code == "token-wrong"
    assert says in text


def test_a_token_that_somebody_else_signed(idp: Provider) -> None:
    idp.foreign_key = True
    assert "not signed by the provider" in fault(lambda: sign_in(idp))[1]
    for algorithm in ("none", "HS256"):
        idp.algorithm = algorithm
        assert "not accepted" in fault(lambda: sign_in(idp))[1]


def test_several_audiences_with_our_name(idp: Provider) -> None:
    idp.token_claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert sign_in(idp).email == "member@acme.example"


def test_an_exchange_that_is_refused(idp: Provider) -> None:
    wrong = Client(CLIENT_ID, "wrong", BACK)
    assert fault(lambda: sign_in(idp, wrong))[0] == "client-refused"
    code, text = fault(lambda: sign_in(idp, verifier="w" * 64))
    assert code == "code-refused"
    assert BACK in text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": "access_denied"}, "cancelled"),
        ({"error": "unauthorized_client"}, "unauthorized_client"),
        ({"error": "<script>", "code": "x"}, "none that is known"),
        ({}, "none that is known"),
        ({"code": "x", "iss": "https://other.example"}, "another provider"),
    ],
)
def test_an_answer_without_a_code(answer: dict[str, str], says: str) -> None:
    code, text = fault(lambda: protocol.check_return(answer, "https://idp.example"))
    assert code == "provider-declined"
    assert says in text
