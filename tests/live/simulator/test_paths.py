import pytest

from live.simulator.paths import Service, plain_path, service_of

DEVELOPER = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_developer_paths(version: str) -> None:
    path = DEVELOPER.format(version)
    assert service_of(path) == Service(version)
    assert service_of(path + "Constrained") == Service(version, constrained=True)
    assert service_of(f"/{path}?key=k") == Service(version)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_vertex_paths(version: str) -> None:
    assert service_of(VERTEX.format(version)) == Service(version, vertex=True)
    assert service_of("/" + VERTEX.format(version)) == Service(version, vertex=True)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ws/",
        DEVELOPER.format("v2"),
        DEVELOPER.format("v1") + "/",
        DEVELOPER.format("v1").replace("GenerativeService.", "GenerativeService/"),
        VERTEX.format("v1beta"),
        VERTEX.format("v1").replace("LlmBidiService/", "LlmBidiService."),
    ],
)
def test_other_paths_are_none(path: str) -> None:
    assert service_of(path) is None


def test_plain_path_has_no_query_and_no_repeated_slash() -> None:
    assert plain_path("//token//x?grant=//y") == "/token/x"
