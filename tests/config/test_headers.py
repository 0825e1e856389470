import re

from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from config.headers import PermissionsPolicyMiddleware

ALLOWED = {"camera", "microphone", "display-capture"}


def policy_of(page: HttpResponse) -> str:
    """The header that the page has when it leaves."""
    middleware = PermissionsPolicyMiddleware(lambda _: page)
    left = middleware.process_response(RequestFactory().get("/"), page)
    return left.headers["Permissions-Policy"]


def test_a_conversation_may_ask_for_its_devices_and_nobody_else_for_anything() -> None:
    policy = dict(re.findall(r"([\w-]+)=\((\w*)\)", policy_of(HttpResponse())))
    assert {name for name, whom in policy.items() if whom == "self"} == ALLOWED
    assert {whom for name, whom in policy.items() if name not in ALLOWED} == {""}


def test_a_page_may_have_a_stricter_policy_of_its_own() -> None:
    assert policy_of(HttpResponse(headers={"Permissions-Policy": "camera=()"})) == "camera=()"


def test_every_page_has_it() -> None:
    kind = PermissionsPolicyMiddleware
    assert f"{kind.__module__}.{kind.__name__}" in settings.MIDDLEWARE
