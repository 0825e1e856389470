"""Google's paths, and which service of theirs a path is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

VERSIONS: Final = "v1|v1beta|v1alpha"
# What the socket routing matches, without the leading slash.
SOCKET_PATH: Final = (
    rf"^ws/google\.ai\.generativelanguage\.(?:{VERSIONS})"
    r"\.GenerativeService\.BidiGenerateContent(?:Constrained)?$"
)
VERTEX_SOCKET_PATH: Final = (
    r"^ws/google\.cloud\.aiplatform\.(?:v1|v1beta1)\.LlmBidiService/BidiGenerateContent$"
)
_VERSION: Final = re.compile(r"/ws/google\.(?:ai|cloud)\.[a-z]+\.(v\w+)\.")


@dataclass(frozen=True, slots=True)
class Service:
    """Which of Google's APIs a socket speaks."""

    version: str
    is_vertex: bool = False


def service_of(path: str) -> Service:
    """The service behind a path that the routing has matched."""
    found = _VERSION.match(path)
    if found is None:
        raise ValueError("not one of the drop-in's paths")
    return Service(found[1], is_vertex="aiplatform" in path)
