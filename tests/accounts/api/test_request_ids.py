"""Whatever is answered names its request, and nobody chooses another's name."""

from uuid import UUID

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

GIVEN = {"X-Request-Id": "made-up-by-the-caller"}


@pytest.mark.parametrize("address", ["/", "/api/v1/conversations/", "/nothing/", "/account/login/"])
def test_every_answer_has_an_id_of_ours(client: Client, db: None, address: str) -> None:
    first, second = (client.get(address, headers=GIVEN)["X-Request-Id"] for _ in range(2))
    assert first != second
    assert UUID(first).version == 7


def test_an_id_of_a_trusted_proxy_counts(client: Client, db: None, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    answer = client.get("/api/v1/conversations/", headers=GIVEN)
    assert answer["X-Request-Id"] == answer.json()["request_id"] == GIVEN["X-Request-Id"]
    forged = client.get("/api/v1/conversations/", headers={"X-Request-Id": "two words"})
    assert UUID(forged["X-Request-Id"]).version == 7
