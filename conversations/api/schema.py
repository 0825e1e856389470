"""How OpenAPI describes the way in, and what every endpoint answers besides its own.

What all endpoints have in common (who may, problems, conditional reads, idempotency, throttles)
is added here from the view itself, so an endpoint states only what is special about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from accounts.roles import KEY_SCOPES, Permission, scope_allows
from conversations.api.bodies import CHANGING
from conversations.api.codes import CODES
from conversations.api.conditional import IfMatch
from conversations.api.deprecation import Deprecation, deprecations_of
from conversations.api.permissions import Allowed
from conversations.api.problems import MEDIA_TYPE, ProblemSerializer


class CallerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the API key."""

    target_class = "accounts.api.authentication.CallerAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "prl_<prefix>_<secret>",
            "description": "An API key of the tenant. Its scopes say what it may do; `x-scopes` of"
            " an operation names those it takes.",
        }


def problems(**reasons: str) -> dict[tuple[int, str], OpenApiResponse]:
    """`problems(e404="…")`: responses with problem details, by status. For what an endpoint has to
    say in its own words: the rest comes by itself."""
    return {
        (int(name[1:]), MEDIA_TYPE): OpenApiResponse(ProblemSerializer, description=reason)
        for name, reason in reasons.items()
    }


UNAUTHORISED = "No valid API key came with the request."
FORBIDDEN = "The key's scopes do not include `read`."
UNKNOWN = "The key's tenant has no such conversation."
INVALID = "A filter or the cursor is not valid."

# --- What they have in common ---------------------------------------------------------------

_TEXT: Final = {"type": "string"}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "Finds the request in the log and in the audit.",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {
        "description": 'How many requests in how many seconds: `"caller";q=600;w=60`.',
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": 'How many are left, and when that changes: `"caller";r=597;t=12`.',
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "After so many seconds it may go.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ETag": {
        "description": "Names this state of it, for `If-None-Match` and `If-Match`.",
        "schema": _TEXT,
    },
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer that the first request with the key got.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Deprecation": {
        "description": "Since when what was asked for is deprecated (RFC 9745): `@1798761600`.",
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
    },
    "Sunset": {
        "description": "After this time it may be gone (RFC 8594), as an HTTP date.",
        "schema": _TEXT,
    },
}
PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {
        "description": "A fresh UUID for each thing that is to be done once. The same request with"
        " the same key gets the same answer for 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "If-None-Match": {
        "description": "An ETag: 304 without a body while it is still so.",
        "schema": _TEXT,
    },
    "If-Match": {
        "description": "An ETag: 412, and nothing is changed, unless it is still so.",
        "schema": _TEXT,
    },
}
SHARED: Final[dict[int, str]] = {
    400: "A parameter, a field or the cursor is not valid.",
    401: UNAUTHORISED,
    403: "The key's scopes do not allow it, or it may not be used from here.",
    404: "The key's tenant has no such thing.",
    409: "It cannot be done now; or the first request with the `Idempotency-Key` still runs.",
    412: "It is not what `If-Match` names any more.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The `Idempotency-Key` was used for another request.",
    429: "Too many requests.",
}
NOT_MODIFIED: Final = "It is still what `If-None-Match` names."
_COUNTED: Final = ("RateLimit-Policy", "RateLimit")
_TELL_WHEN: Final = frozenset({"409", "429", "503"})


class ApiSchema(AutoSchema):
    """REST framework's DEFAULT_SCHEMA_CLASS."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None and (needed := scopes_for(self._needed())):
            said = (operation.get("description", ""), f"Key scope: {needed}.")
            operation["description"] = "\n\n".join(each for each in said if each)
        if operation is not None:
            mark(operation, deprecations_of(self.method, self.path))
        return operation

    def get_description(self, *_: Any, **__: Any) -> str:
        """Only what an operation states: docstrings are for who reads the code."""
        return ""

    def get_extensions(self) -> dict[str, Any]:
        needed = self._needed()
        scopes = [each for each in KEY_SCOPES if any(scope_allows(each, one) for one in needed)]
        return {**super().get_extensions(), **({"x-scopes": scopes} if scopes else {})}

    def _needed(self) -> frozenset[Permission]:
        for each in self.view.get_permissions():
            if isinstance(each, Allowed):
                return each.needed_for(self.method)
        return frozenset()

    def _says_json(self) -> bool:
        """Whether it is a read whose whole answer an ETag names: no stream and no file."""
        if self.method != "GET":
            return False
        stated: Any = self.get_response_serializers()
        if not isinstance(stated, dict):
            return True
        kinds = [code[1:] for code in stated if isinstance(code, tuple) and code[0] == 200]
        return (200 in stated or "200" in stated) or ("application/json",) in kinds

    def _get_parameters(self) -> list[dict[str, Any]]:
        names = []
        if self.method in CHANGING:
            names.append("Idempotency-Key")
            names += ["If-Match"] if isinstance(self.view, IfMatch) else []
        elif self._says_json():
            names.append("If-None-Match")
        shared = [{"$ref": f"#/components/parameters/{name}"} for name in names]
        return [*super()._get_parameters(), *shared]

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self.resolve_serializer(ProblemSerializer, "response")
        found: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        for status in self._shared_statuses():
            found.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
        if self._says_json():
            found.setdefault("304", {"$ref": "#/components/responses/304"})
        for code, response in found.items():
            if "$ref" not in response:
                names = header_names(code, self.method, has_etag=self._says_json())
                response["headers"] = {**refs(names), **response.get("headers", {})}
        return dict(sorted(found.items()))

    def _shared_statuses(self) -> Iterable[int]:
        yield from (401, 403, 429)
        has_query = any(each.get("in") == "query" for each in super()._get_parameters())
        if "{" in self.path or self.method in CHANGING:
            yield 404  # what stands in a body may be unknown too
        if self.method in CHANGING:
            yield from (400, 409, 413, 415, 422)
            yield from (412,) if isinstance(self.view, IfMatch) else ()
        elif has_query:
            yield 400


def mark(operation: dict[str, Any], rows: Iterable[Deprecation]) -> None:
    """Say in the operation what of it is to go."""
    for row in rows:
        parameters = operation.get("parameters", ())
        of_it = [
            each
            for each in parameters
            if (each.get("in"), each.get("name")) == ("query", row.parameter)
        ]
        for marked in of_it if row.parameter else [operation]:
            marked["deprecated"] = True
            said = (marked.get("description", ""), str(row))
            marked["description"] = "\n\n".join(each for each in said if each)
        for response in operation["responses"].values():
            if "$ref" not in response:
                response["headers"] |= refs(("Deprecation", "Sunset"))


def header_names(status: str, method: str, *, has_etag: bool = True) -> list[str]:
    names = ["X-Request-Id", *(() if status == "401" else _COUNTED)]
    names += ["ETag"] if method == "GET" and has_etag and status in {"200", "304"} else []
    names += ["Retry-After"] if status in _TELL_WHEN else []
    return names + (["Idempotent-Replayed"] if method in CHANGING else [])


def refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def scopes_for(needed: frozenset[Permission]) -> str:
    """In words, which scopes allow all of it: "`read` or `admin`", "`read` and `write`"."""
    whole = [scope for scope in KEY_SCOPES if all(scope_allows(scope, each) for each in needed)]
    if not needed or whole:
        return " or ".join(f"`{scope}`" for scope in whole) if needed else ""
    parts = {next((s for s in KEY_SCOPES if scope_allows(s, each)), "") for each in needed}
    return " and ".join(f"`{scope}`" for scope in sorted(parts - {""}))


def with_shared_parts(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """drf-spectacular's hook: add what `ApiSchema` refers to."""
    components = result.setdefault("components", {})
    components["headers"] = HEADERS
    components["parameters"] = {
        name: {"name": name, "in": "header", "required": False, **rest}
        for name, rest in PARAMETERS.items()
    }
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        str(status): {
            "description": words,
            "headers": refs(header_names(str(status), "")),
            "content": problem,
        }
        for status, words in SHARED.items()
    }
    result["x-problem-codes"] = {code: row.status for code, row in CODES.items()}
    components["responses"]["304"] = {
        "description": NOT_MODIFIED,
        "headers": refs(header_names("304", "GET")),
    }
    return result
