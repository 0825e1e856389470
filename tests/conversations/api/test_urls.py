"""The documentation page works under the strict policy; every address has its name."""

import re

import pytest
from django.test import Client
from django.urls import reverse

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("name", "address", "arguments"),
    [
        ("api-schema", "/api/v1/schema/", []),
        ("api-docs", "/api/v1/docs/", []),
        ("api-redoc", "/api/v1/redoc/", []),
        ("api-errors", "/api/v1/errors/", []),
        ("api-request", "/api/v1/requests/r1/", ["r1"]),
        ("api-conversations", "/api/v1/conversations/", []),
        ("api-conversation", f"/api/v1/conversations/{ID}/", [ID]),
        ("api-turns", f"/api/v1/conversations/{ID}/turns/", [ID]),
    ],
)
def test_addresses(name: str, address: str, arguments: list[str]) -> None:
    assert reverse(name, args=arguments) == address


@pytest.mark.parametrize("address", ["/api/v1/docs/", "/api/v1/redoc/", "/api/v1/errors/"])
def test_the_docs_need_no_inline_code_and_nobody_elses_server(
    client: Client, db: None, address: str
) -> None:
    answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    assert all(address.startswith(("/", "#")) for address in loaded)


def test_the_script_of_the_docs_reads_our_schema(client: Client, db: None) -> None:
    answer = client.get("/api/v1/docs/?script=")
    assert answer["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema/" in answer.content.decode()
