"""What a token request ends in: a grant, or a refusal. RFC 6749 sections 5.1 and 5.2."""

from dataclasses import dataclass, field

SCOPE_PREFIX = "https://www.googleapis.com/auth/"
GEMINI = "generative-language"
CLOUD_SCOPES = frozenset(
    {
        "openid",
        SCOPE_PREFIX + "cloud-platform",
        SCOPE_PREFIX + GEMINI,
        *(f"{SCOPE_PREFIX}{GEMINI}.{part}" for part in ("retriever", "tuning", "peruserquota")),
        *(SCOPE_PREFIX + part for part in ("userinfo.email", "userinfo.profile")),
    }
)
"""The scopes that a user can be asked for here."""


class GrantRefused(Exception):
    """The token endpoint answers `status` with this `error` and `error_description`."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class Grant:
    """Who may do what. `refresh_token` is "" for none.

    `tells_scope` is whether the answer names the scopes: it does for users.
    """

    email: str
    scopes: frozenset[str]
    refresh_token: str = field(default="", repr=False)
    tells_scope: bool = False
