from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.callers import Caller
from tests.cast import Cast

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


class Probe(APIView):
    def get(self, request: Request) -> Response:
        caller: Any = request.auth
        return Response(
            {
                "tenant": str(caller.tenant_id),
                "user": str(request.user.pk),
                "same": caller == request.user and isinstance(caller, Caller),
            }
        )

    post = get


urlpatterns = [path("api/v1/probe/", Probe.as_view())]


def test_the_caller_with_an_api_key(client: Client, cast: Cast) -> None:
    headers = {"Authorization": f"Bearer {cast.acme.api_key}"}
    for method in (client.get, client.post):
        answer = method("/api/v1/probe/", headers=headers)
        assert answer.status_code == 200
        assert answer.json()["tenant"] == str(cast.acme.tenant.pk)


def test_the_caller_with_a_session(client: Client, cast: Cast) -> None:
    client.force_login(cast.acme.reviewer)
    answer = client.get("/api/v1/probe/")
    assert answer.json() == {
        "tenant": str(cast.acme.tenant.pk),
        "user": str(cast.acme.reviewer.pk),
        "same": True,
    }


def test_nobody(client: Client) -> None:
    answer = client.get("/api/v1/probe/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_needs_the_csrf_token_to_change_anything(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.acme.reviewer)
    assert client.get("/api/v1/probe/").status_code == 200
    assert client.post("/api/v1/probe/").status_code == 403
    key = {"Authorization": f"Bearer {cast.acme.api_key}"}
    assert client.post("/api/v1/probe/", headers=key).status_code == 200
