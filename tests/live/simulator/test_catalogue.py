import asyncio
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from live.simulator import Simulator
from live.simulator.catalogue import answer_models
from live.simulator.models import DEVELOPER_MODELS
from live.simulator.paths import ModelPath
from live.simulator.rest_errors import RestError

LIST = ModelPath("v1beta")


def names(page: dict[str, Any]) -> list[str]:
    return [model["name"] for model in page["models"]]


def refused(path: ModelPath, query: str = "") -> RestError:
    with pytest.raises(RestError) as caught:
        answer_models(path, query)
    return caught.value


def test_one_model() -> None:
    found = answer_models(ModelPath("v1", "gemini-3.8-live"), "")
    assert found == {
        "name": "models/gemini-3.8-live",
        "version": "001",
        "displayName": "Gemini 3.8 Live",
        "description": "Gemini 3.8 Live, simulated",
        "inputTokenLimit": 131072,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["countTokens", "bidiGenerateContent"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }
    assert answer_models(ModelPath("v1", "gemini-3.1-flash-live-preview"), "")["thinking"] is True


def test_an_unknown_model() -> None:
    error = refused(ModelPath("v1alpha", "gpt"))
    assert (error.status, error.name) == (404, "NOT_FOUND")
    assert error.message == "Model is not found: models/gpt for api version v1alpha"


def test_every_model_is_on_the_one_page() -> None:
    for query in ("", "pageSize=1000000", "page_size=50"):
        page = answer_models(LIST, query)
        assert names(page) == list(DEVELOPER_MODELS)
        assert "nextPageToken" not in page


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_pages_hold_each_model_once(size: int) -> None:
    found, token = [], ""
    for _page in DEVELOPER_MODELS:
        page = answer_models(LIST, f"pageSize={size}&pageToken={token}")
        found += names(page)
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert found == list(DEVELOPER_MODELS)


@pytest.mark.parametrize(
    "query", ["pageSize=x", "pageSize=-1", "pageToken=5", "pageToken=dG8gNQ==", "pageToken=!"]
)
def test_a_page_that_is_none(query: str) -> None:
    error = refused(LIST, query)
    assert (error.status, error.name) == (400, "INVALID_ARGUMENT")


def test_a_page_past_the_end_is_empty() -> None:
    assert answer_models(LIST, "pageToken=ZnJvbSA5OQ==") == {"models": []}


async def test_the_official_sdk_reads_the_models_list() -> None:
    def read(url: str, key: str) -> tuple[list[types.Model], types.Model, errors.ClientError]:
        options = types.HttpOptions(base_url=url)
        with genai.Client(api_key=key, http_options=options) as client:
            listed = list(client.models.list(config={"page_size": 2}))
            with pytest.raises(errors.ClientError) as caught:
                client.models.get(model="gpt")
            return listed, client.models.get(model="gemini-3.8-live"), caught.value

    async with Simulator() as simulator:
        listed, model, refused = await asyncio.to_thread(read, simulator.url, simulator.api_key)
    assert [each.name for each in listed] == list(DEVELOPER_MODELS)
    assert all("bidiGenerateContent" in (each.supported_actions or []) for each in listed)
    assert (model.display_name, model.input_token_limit) == ("Gemini 3.8 Live", 131072)
    assert (refused.code, refused.status) == (404, "NOT_FOUND")
