"""The paths of the Live API: Developer API, its constrained method, and Vertex AI."""

import re
from dataclasses import dataclass

_SLASHES = re.compile(r"/{2,}")
_DEVELOPER = re.compile(
    r"/ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)"
    r"\.GenerativeService\.BidiGenerateContent(Constrained)?"
)
_VERTEX = re.compile(
    r"/ws/google\.cloud\.aiplatform\.(v1|v1beta1)\.LlmBidiService/BidiGenerateContent"
)


@dataclass(frozen=True)
class Service:
    """Which API a socket speaks. `constrained` is the method for ephemeral tokens."""

    version: str
    vertex: bool = False
    constrained: bool = False


def plain_path(target: str) -> str:
    """Return the path of a request target: no query, repeated slashes collapsed."""
    return _SLASHES.sub("/", target.partition("?")[0])


def service_of(target: str) -> Service | None:
    """Return the service behind a request target, or None for a path that is none."""
    path = plain_path(target)
    if match := _DEVELOPER.fullmatch(path):
        return Service(match[1], constrained=match[2] is not None)
    if match := _VERTEX.fullmatch(path):
        return Service(match[1], vertex=True)
    return None
