"""How OpenAPI describes the way in, and what an endpoint may refuse."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

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
            "description": "An API key of the tenant. Its scopes say what it may do.",
        }


def problems(**reasons: str) -> dict[tuple[int, str], OpenApiResponse]:
    """`problems(e404="…")`: responses with problem details, by status."""
    return {
        (int(name[1:]), MEDIA_TYPE): OpenApiResponse(ProblemSerializer, description=reason)
        for name, reason in reasons.items()
    }


UNAUTHORISED = "No valid API key came with the request."
FORBIDDEN = "The key's scopes do not include `read`."
UNKNOWN = "The key's tenant has no such conversation."
INVALID = "A filter or the cursor is not valid."
