import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth import jwt

from live.adc import application_default, well_known_file
from live.auth import DEVELOPER_SCOPES, VERTEX_SCOPES
from live.errors import CredentialError
from tests.live.token_server import PUBLIC_PEM, TokenServer, key_file, token_endpoint


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_endpoint() as running:
        yield running


def write(path: Path, info: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info))
    return path


def user_file(server: TokenServer, **more: str) -> dict[str, str]:
    return {
        "type": "authorized_user",
        "client_id": "client-1",
        "client_secret": "GOCSPX-made-up",
        "refresh_token": "1//made-up",
        "token_uri": server.uri,
    } | more


def gcloud(home: Path) -> Path:
    return home / ".config" / "gcloud" / "application_default_credentials.json"


def code_of(environ: dict[str, str], home: Path) -> str:
    with pytest.raises(CredentialError) as caught:
        application_default(environ, home)
    assert "made-up" not in str(caught.value)
    return caught.value.code


async def test_the_variable_goes_before_the_tools_file(server: TokenServer, tmp_path: Path) -> None:
    write(gcloud(tmp_path), user_file(server))
    named = write(tmp_path / "key.json", key_file(server.uri))
    auth = application_default({"GOOGLE_APPLICATION_CREDENTIALS": str(named)}, tmp_path)
    await auth.headers()
    assert "assertion" in server.forms[0]
    await application_default({"GOOGLE_APPLICATION_CREDENTIALS": ""}, tmp_path).headers()
    assert server.forms[1]["refresh_token"] == "1//made-up"


@pytest.mark.parametrize("scopes", [VERTEX_SCOPES, DEVELOPER_SCOPES])
async def test_a_service_account_gets_the_scopes(
    server: TokenServer, tmp_path: Path, scopes: tuple[str, ...]
) -> None:
    write(gcloud(tmp_path), key_file(server.uri))
    await application_default({}, tmp_path, scopes=scopes).headers()
    assertion = server.forms[0]["assertion"]
    claims = jwt.decode(assertion, certs=PUBLIC_PEM)  # type: ignore[no-untyped-call]
    assert claims["scope"] == " ".join(scopes)


async def test_a_user_is_asked_for_no_scopes(server: TokenServer, tmp_path: Path) -> None:
    write(gcloud(tmp_path), user_file(server))
    await application_default({}, tmp_path).headers()
    assert "scope" not in server.forms[0]


@pytest.mark.parametrize(
    ("environ", "argument", "billed"),
    [
        ({}, None, "from-file"),
        ({"GOOGLE_CLOUD_QUOTA_PROJECT": "from-environment"}, None, "from-environment"),
        ({"GOOGLE_CLOUD_QUOTA_PROJECT": "from-environment"}, "argument", "argument"),
    ],
)
@pytest.mark.parametrize("kind", ["service_account", "authorized_user"])
async def test_the_project_that_is_billed(
    server: TokenServer,
    tmp_path: Path,
    environ: dict[str, str],
    argument: str | None,
    billed: str,
    kind: str,
) -> None:
    info = key_file(server.uri) if kind == "service_account" else user_file(server)
    write(gcloud(tmp_path), info | {"quota_project_id": "from-file"})
    auth = application_default(environ, tmp_path, quota_project=argument)
    assert (await auth.headers())["x-goog-user-project"] == billed


def test_where_the_gcloud_tool_keeps_its_file() -> None:
    home, name = Path("home"), "application_default_credentials.json"
    chosen = {"CLOUDSDK_CONFIG": "elsewhere", "APPDATA": "roaming"}
    assert well_known_file({}, home, windows=False) == home / ".config" / "gcloud" / name
    assert well_known_file(chosen, home) == Path("elsewhere") / name
    on_windows = well_known_file({"APPDATA": "roaming"}, home, windows=True)
    assert on_windows == Path("roaming") / "gcloud" / name


@pytest.mark.parametrize(
    "kind", ["external_account", "impersonated_service_account", "gdch_service_account"]
)
def test_another_kind_is_named(tmp_path: Path, kind: str) -> None:
    write(gcloud(tmp_path), {"type": kind, "x": "made-up"})
    with pytest.raises(CredentialError, match=f"kind {kind} ") as caught:
        application_default({}, tmp_path)
    assert caught.value.code == "credentials_kind_unsupported"


BROKEN: list[tuple[Any, str]] = [
    ([], "credentials_file_invalid"),
    ({"type": "service_account", "private_key": "made-up"}, "key_file_invalid"),
    ({"type": "authorized_user", "refresh_token": "made-up"}, "credentials_file_invalid"),
]


@pytest.mark.parametrize(("info", "code"), BROKEN)
def test_a_broken_file_is_not_passed_over(tmp_path: Path, info: object, code: str) -> None:
    write(gcloud(tmp_path), info)
    assert code_of({}, tmp_path) == code


def test_a_key_that_is_none_is_found_at_the_start(tmp_path: Path) -> None:
    write(gcloud(tmp_path), key_file() | {"private_key": "made-up"})
    assert code_of({}, tmp_path) == "key_file_invalid"


def test_nothing_is_set_up(tmp_path: Path) -> None:
    assert code_of({}, tmp_path) == "credentials_missing"


def test_a_named_file_that_is_not_there_is_not_passed_over(
    server: TokenServer, tmp_path: Path
) -> None:
    write(gcloud(tmp_path), user_file(server))
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "nowhere.json")}
    assert code_of(environ, tmp_path) == "credentials_file_missing"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path)}
    assert code_of(environ, tmp_path) == "credentials_file_unreadable"
