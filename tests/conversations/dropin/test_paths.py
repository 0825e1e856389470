"""Google's paths, and nothing that only looks like one."""

import re

import pytest

from conversations.dropin.paths import SOCKET_PATH, VERTEX_SOCKET_PATH, Service, service_of

DEVELOPER = "ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
VERTEX = "ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize("method", ["", "Constrained"])
def test_the_developer_api(version: str, method: str) -> None:
    path = DEVELOPER.format(version) + method
    assert re.search(SOCKET_PATH, path)
    assert service_of(f"/{path}") == Service(version)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_vertex(version: str) -> None:
    path = VERTEX.format(version)
    assert re.search(VERTEX_SOCKET_PATH, path)
    assert service_of(f"/{path}") == Service(version, is_vertex=True)


@pytest.mark.parametrize(
    "path",
    [DEVELOPER.format("v2"), DEVELOPER.format("v1") + "x", VERTEX.format("v1beta"), "x" + VERTEX],
)
def test_other_paths(path: str) -> None:
    assert not re.search(SOCKET_PATH, path)
    assert not re.search(VERTEX_SOCKET_PATH, path)


def test_a_path_that_was_not_matched_has_no_service() -> None:
    with pytest.raises(ValueError, match="drop-in"):
        service_of("/ws/conversations/")
