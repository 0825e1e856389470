"""The one place that finds out who calls over HTTP, and enters the tenant's scope."""

from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils import timezone

from accounts.api.problems import problem_answer, problem_body
from accounts.callers import (
    AccessBarred,
    Caller,
    SecondFactorRequired,
    SingleSignOnRequired,
    TenantLeaving,
    caller_from_api_key,
    caller_from_session,
)
from accounts.models import User
from accounts.sign_in import signed_on_at
from accounts.tenancy import platform_scope, tenant_scope
from accounts.visits import Visit, visit_of

API = "/api/"
ADMIN = "/admin/"
# Names of the routes at Google's addresses.
GOOGLES = "google-"
# What a person who may not go on can still do: leave, and look after her own account.
_OPEN_ROUTES = frozenset(
    {"switch-tenant", "invitation", "account", "single-sign-on", "single-sign-on-return"}
)
# What an owner can still do while her organisation is leaving, beside looking.
_LEAVING_ROUTES = frozenset({"make-archive", "take-back"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_ACCOUNT = ("account_", "mfa_", "usersessions_")
# What opens an account everywhere is not for a session that one tenant's provider has opened.
_OWN_SECRETS = ("account_change_", "account_set_", "account_reauthenticate", "mfa_")
_NO_SECRETS = frozenset({"mfa_authenticate", "mfa_login_webauthn"})


class CallerMiddleware:
    """Sets `request.caller` (a Caller, or None) and runs the view in the caller's scope.

    - `/api/` with an `Authorization` header: the API key decides, alone. One that is not good
      answers 401, whatever cookie came with it.
    - Google's addresses, for their SDKs: they look for the key where those put it.
    - A platform operator who visits a tenant (`accounts.visits`): that tenant, in the role lent.
    - `/admin/` for a platform operator: the platform scope, and no caller.
    - Otherwise the browser session and the tenant chosen in it.

    Without a caller the view runs outside any scope. A streaming answer is made after the
    view: its generator enters the scope again. Under ASGI Django runs this class in the
    thread of the synchronous views; asgiref carries the scope to asynchronous ones.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.caller = request.visit = None  # type: ignore[attr-defined]
        if (_route(request) or "").startswith(GOOGLES):
            return self._get_response(request)
        if _is_operator(request) and (visit := visit_of(request.session, timezone.now())):
            return self._as_visitor(request, visit)
        if request.path.startswith(ADMIN) and _is_operator(request):
            with platform_scope("admin"):
                return self._get_response(request)
        if request.path.startswith(API) and "Authorization" in request.headers:
            return self._with_api_key(request)
        return self._with_session(request)

    def _with_api_key(self, request: HttpRequest) -> HttpResponse:
        scheme, _, text = request.headers["Authorization"].partition(" ")
        try:
            caller = caller_from_api_key(text.strip()) if scheme.lower() == "bearer" else None
        except AccessBarred as error:
            return _forbidden(error)
        if caller is None:
            return _unauthorized()
        return self._as_caller(request, caller)

    def _with_session(self, request: HttpRequest) -> HttpResponse:
        if _is_signed_on(request) and _touches_secrets(_route(request) or ""):
            return render(request, "account/not_so.html", status=HTTPStatus.FORBIDDEN)
        try:
            caller = caller_from_session(request.user, request.session)
        except AccessBarred as error:
            return self._barred(request, error)
        if caller is None:
            return self._get_response(request)
        return self._as_caller(request, caller)

    def _as_visitor(self, request: HttpRequest, visit: Visit) -> HttpResponse:
        request.visit = visit  # type: ignore[attr-defined]
        user_id = cast(User, request.user).pk
        caller = Caller(visit.tenant_id, user_id=user_id, role=visit.role, visits=True)
        return self._as_caller(request, caller)

    def _as_caller(self, request: HttpRequest, caller: Caller) -> HttpResponse:
        request.caller = caller  # type: ignore[attr-defined]
        with tenant_scope(caller.tenant_id):
            return self._get_response(request)

    def _barred(self, request: HttpRequest, error: AccessBarred) -> HttpResponse:
        request.barred = error.code  # type: ignore[attr-defined]
        route = _route(request) or ""
        owner = error.owner if isinstance(error, TenantLeaving) else None
        if owner and (request.method in _SAFE or route in _LEAVING_ROUTES):
            return self._as_caller(request, owner)
        if route in _OPEN_ROUTES or route.startswith(_OWN_ACCOUNT):
            return self._get_response(request)
        if request.path.startswith(API):
            return _forbidden(error)
        if isinstance(error, SecondFactorRequired):
            return redirect("mfa_index")
        if isinstance(error, SingleSignOnRequired):
            return render(request, "accounts/sign_on_required.html", status=HTTPStatus.FORBIDDEN)
        return render(
            request, "accounts/suspended.html", {"error": error}, status=HTTPStatus.FORBIDDEN
        )


def _unauthorized() -> HttpResponse:
    response = problem_answer(
        problem_body(
            HTTPStatus.UNAUTHORIZED,
            "invalid-api-key",
            "The API key is unknown, expired or revoked. "
            "Send one that is valid as `Authorization: Bearer <key>`.",
        )
    )
    response["WWW-Authenticate"] = 'Bearer realm="api", error="invalid_token"'
    return response


def _forbidden(error: AccessBarred) -> HttpResponse:
    return problem_answer(problem_body(HTTPStatus.FORBIDDEN, error.code, f"{error} {error.fix}"))


def _is_operator(request: HttpRequest) -> bool:
    is_one = isinstance(request.user, User) and request.user.is_operator
    return is_one and not _is_signed_on(request)


def _is_signed_on(request: HttpRequest) -> bool:
    return request.user.is_authenticated and signed_on_at(request.session) is not None


def _touches_secrets(route: str) -> bool:
    return route.startswith(_OWN_SECRETS) and route not in _NO_SECRETS


def _route(request: HttpRequest) -> str | None:
    try:
        return resolve(request.path_info).url_name
    except Resolver404:
        return None
