"""Where a Live API is: its WebSocket address, and its names of the models.

Source: ai.google.dev/api/live for the Developer API; the Vertex AI Live pages of
docs.cloud.google.com. Vertex AI has a slash before the method, the Developer API a dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from live.errors import CallerError, Diagnosis

DEVELOPER_BASE_URL = "https://generativelanguage.googleapis.com"
_DEVELOPER_METHOD = "google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
_VERTEX_METHOD = "google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# These become parts of a host name or a path.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Live API. Use `developer` or `vertex` to make one.

    `project` and `location` are empty on the Developer API. `is_constrained` stands for the
    method that takes ephemeral tokens, and nothing else.
    """

    base_url: str
    api_version: str
    project: str = ""
    location: str = ""
    is_constrained: bool = False

    def __post_init__(self) -> None:
        parts = _parts(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _unusable("The base URL is no http or https address.")
        if parts.query or parts.fragment:
            raise _unusable("The base URL goes on after the path.")
        if parts.username is not None:
            raise _unusable("The base URL holds a user name; a credential belongs elsewhere.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise _unusable("The base URL would carry the credential unencrypted over a network.")
        if not _NAME.fullmatch(self.api_version):
            raise _unusable("The API version is no name.")

    @classmethod
    def developer(cls, base_url: str = DEVELOPER_BASE_URL, version: str = "v1beta") -> Endpoint:
        """The Gemini Developer API. Raises `CallerError` for an address that cannot be used."""
        return cls(base_url, version)

    @classmethod
    def vertex(
        cls, project: str, location: str, base_url: str | None = None, version: str = "v1beta1"
    ) -> Endpoint:
        """Vertex AI. Raises `CallerError` for a name or an address that cannot be used."""
        if not _NAME.fullmatch(project) or not _NAME.fullmatch(location):
            raise _unusable("The project or the location of Vertex AI is no name.")
        return cls(base_url or _vertex_base_url(location), version, project, location)

    def constrained(self, version: str = "v1alpha") -> Endpoint:
        """The same place for ephemeral tokens; v1alpha is where the official SDKs use them.

        Raises `CallerError` on Vertex AI, which has no such tokens.
        """
        if self.is_vertex:
            raise CallerError(
                Diagnosis(
                    "ephemeral_on_vertex",
                    "Vertex AI takes no ephemeral tokens.",
                    "Use the token with the Developer API, or another credential.",
                )
            )
        return replace(self, api_version=version, is_constrained=True)

    @property
    def is_vertex(self) -> bool:
        """Whether it is Vertex AI's, and not the Developer API's."""
        return bool(self.project)

    @property
    def is_secure(self) -> bool:
        """Whether connections are encrypted; only loopback may do without."""
        return self.base_url.startswith("https:")

    @property
    def url(self) -> str:
        """The WebSocket address: no credential is ever part of it."""
        base = self.base_url.rstrip("/").removeprefix("http")
        method = _VERTEX_METHOD if self.is_vertex else _DEVELOPER_METHOD
        constrained = "Constrained" if self.is_constrained else ""
        return f"ws{base}/ws/{method.format(self.api_version)}{constrained}"

    def model_name(self, model: str) -> str:
        """The full name of a model given by its id or by a full name.

        Raises `CallerError` when it is no name.
        """
        if not _MODEL.fullmatch(model):
            raise _unusable("The model's name holds characters that no model has.")
        if not self.is_vertex:
            return model if model.startswith("models/") else f"models/{model}"
        if model.startswith(("projects/", "publishers/")):
            return model
        place = f"projects/{self.project}/locations/{self.location}"
        return f"{place}/publishers/google/models/{model.removeprefix('models/')}"


def _parts(base_url: str) -> SplitResult:
    """Its parts; the port is looked at too, which `urlsplit` leaves for later."""
    try:
        parts = urlsplit(base_url)
        _ = parts.port
    except ValueError:
        raise _unusable("The base URL cannot be read.") from None
    return parts


def _vertex_base_url(location: str) -> str:
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in {"us", "eu"}:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _unusable(summary: str) -> CallerError:
    return CallerError(
        Diagnosis("endpoint_unusable", summary, "Correct the endpoint in the settings.")
    )
