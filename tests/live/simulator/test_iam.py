import base64
import json

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from live.simulator.closes import Refusal
from live.simulator.iam import MAX_KEYS, ServiceAccounts
from live.simulator.rest_errors import RestError
from tests.live.simulator.clock import Clock

Info = dict[str, str]


@pytest.fixture
def accounts(service_account: Info) -> ServiceAccounts:
    made = ServiceAccounts(Clock())
    made.trust(service_account)
    return made


def test_a_key_file_has_what_googles_have(service_account: Info) -> None:
    assert service_account["type"] == "service_account"
    assert service_account["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert service_account["token_uri"] == "http://127.0.0.1:1/token"


def test_only_a_real_key_file_is_trusted(accounts: ServiceAccounts) -> None:
    with pytest.raises(ValueError, match="PEM"):
        accounts.trust({"private_key": "no", "client_email": "a", "private_key_id": "b"})


async def test_a_new_key_is_shown_once_with_its_key_file(
    accounts: ServiceAccounts, service_account: Info
) -> None:
    email, project = service_account["client_email"], service_account["project_id"]
    body = {"privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "keyAlgorithm": "KEY_ALG_RSA_2048"}
    made = await accounts.create_key("-", email, json.dumps(body).encode())
    info = json.loads(base64.b64decode(made.pop("privateKeyData")))
    assert info.keys() == service_account.keys()
    assert info["token_uri"] == service_account["token_uri"]
    assert info["private_key"] != service_account["private_key"]
    name = f"projects/{project}/serviceAccounts/{email}/keys/{info['private_key_id']}"
    assert made == {
        "name": name,
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "validAfterTime": "2027-01-15T08:00:00Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
    }
    listed = accounts.list_keys(project, email, ["USER_MANAGED"])["keys"]
    assert [key["name"] for key in listed][1:] == [name]
    assert "privateKeyData" not in listed[1]
    assert accounts.public_key(email, info["private_key_id"]) is not None


def test_disabled_enabled_deleted(accounts: ServiceAccounts, service_account: Info) -> None:
    email, key_id = service_account["client_email"], service_account["private_key_id"]
    for disabled in (True, True, False, False):
        accounts.disable_key("-", email, key_id, disabled=disabled)
        assert (accounts.public_key(email, key_id) is None) == disabled
        assert accounts.get_key("-", email, key_id).get("disabled", False) == disabled
    accounts.delete_key("-", email, key_id)
    assert accounts.public_key(email, key_id) is None
    assert accounts.list_keys("-", email, []) == {}
    assert accounts.knows(email)


async def test_an_account_has_room_for_ten(
    accounts: ServiceAccounts, service_account: Info
) -> None:
    email = service_account["client_email"]
    for number in range(MAX_KEYS - 1):
        accounts.trust({**service_account, "private_key_id": f"k{number}"})
    with pytest.raises(RestError) as caught:
        await accounts.create_key("-", email, b"")
    assert (caught.value.status, caught.value.name) == (400, "FAILED_PRECONDITION")
    accounts.delete_key("-", email, "k3")
    await accounts.create_key("-", email, b"")
    assert len(accounts.list_keys("-", email, [])["keys"]) == MAX_KEYS


def test_types_of_keys(accounts: ServiceAccounts, service_account: Info) -> None:
    email = service_account["client_email"]
    assert accounts.list_keys("-", email, ["SYSTEM_MANAGED"]) == {}
    with pytest.raises(RestError) as caught:
        accounts.list_keys("-", email, ["MINE"])
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", Refusal),
        (b'{"colour": 1}', Refusal),
        (b'{"privateKeyType": "TYPE_PKCS12_FILE"}', RestError),
        (b'{"keyAlgorithm": "KEY_ALG_RSA_1024"}', RestError),
    ],
)
async def test_requests_that_make_no_key(
    accounts: ServiceAccounts, service_account: Info, body: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await accounts.create_key("-", service_account["client_email"], body)


def test_what_is_not_there(accounts: ServiceAccounts, service_account: Info) -> None:
    email, key_id = service_account["client_email"], service_account["private_key_id"]
    for place in (("-", "x@y", key_id), ("other", email, key_id), ("-", email, "x")):
        with pytest.raises(RestError) as caught:
            accounts.delete_key(*place)
        assert caught.value.status == 404


def upload_of(pem: bytes) -> bytes:
    return json.dumps({"publicKeyData": base64.b64encode(pem).decode()}).encode()


def test_a_key_may_be_uploaded(accounts: ServiceAccounts, service_account: Info) -> None:
    email = service_account["client_email"]
    pem = trustme.CA(key_type=trustme.KeyType.RSA).cert_pem.bytes()
    shown = accounts.upload_key("-", email, upload_of(pem))
    assert shown["keyOrigin"] == "USER_PROVIDED"
    assert "privateKeyData" not in shown
    public = x509.load_pem_x509_certificate(pem).public_key()
    key_id = shown["name"].rpartition("/")[2]
    assert accounts.public_key(email, key_id) == public
    certificate = accounts.get_key("-", email, key_id, "TYPE_X509_PEM_FILE")["publicKeyData"]
    assert base64.b64decode(certificate) == pem


def test_the_public_half_of_a_key(accounts: ServiceAccounts, service_account: Info) -> None:
    place = "-", service_account["client_email"], service_account["private_key_id"]
    shown = accounts.get_key(*place, "TYPE_RAW_PUBLIC_KEY")
    half = load_pem_public_key(base64.b64decode(shown.pop("publicKeyData")))
    assert half == accounts.public_key(*place[1:])
    assert shown == accounts.get_key(*place) == accounts.get_key(*place, "TYPE_NONE")
    for kind in ("TYPE_X509_PEM_FILE", "MINE"):
        with pytest.raises(RestError) as caught:
            accounts.get_key(*place, kind)
        assert caught.value.status == 400


@pytest.mark.parametrize(
    "pem",
    [b"", b"no", trustme.CA().cert_pem.bytes()],
    ids=["nothing", "a word", "another kind of key"],
)
def test_an_upload_that_is_no_certificate_of_an_rsa_key(
    accounts: ServiceAccounts, service_account: Info, pem: bytes
) -> None:
    with pytest.raises(RestError) as caught:
        accounts.upload_key("-", service_account["client_email"], upload_of(pem))
    assert caught.value.status == 400
