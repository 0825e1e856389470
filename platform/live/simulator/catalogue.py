"""The models list of the Developer API: `GET /{version}/models` and `/models/{name}`.

Source: ai.google.dev/api/models. Of all models it has only those that talk.
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs

from live.simulator.models import DEVELOPER_MODELS, Model
from live.simulator.paths import ModelPath
from live.simulator.rest_errors import RestError, invalid_request, not_found
from live.simulator.setup import CONTEXT_TOKENS

PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


def answer_models(path: ModelPath, query: str) -> dict[str, Any]:
    """Answer a GET of the list or of one model; `query` is as in the request target.

    Raises RestError: 404 for a model that is not there, 400 for a bad page.
    """
    if not path.name:
        return _page(query)
    model = DEVELOPER_MODELS.get(f"models/{path.name}")
    if model is None:
        raise _unknown_model(path)
    return _described(model)


def _page(query: str) -> dict[str, Any]:
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    start = _start(asked.get("pageToken") or asked.get("page_token", ""))
    end = start + _size(asked.get("pageSize") or asked.get("page_size", "0"))
    models = list(DEVELOPER_MODELS.values())
    page: dict[str, Any] = {"models": [_described(model) for model in models[start:end]]}
    if end < len(models):
        page["nextPageToken"] = _token(end)
    return page


def _size(text: str) -> int:
    try:
        size = int(text)
    except ValueError as error:
        raise invalid_request("Invalid value at 'page_size' (TYPE_INT32).") from error
    if size < 0:
        raise invalid_request("page_size must not be negative.")
    return min(size or PAGE_SIZE, MAX_PAGE_SIZE)


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"from {start}".encode()).decode()


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(token).decode().split(" ")
        start = int(number)
    except (binascii.Error, ValueError) as error:
        raise invalid_request("Invalid page token.") from error
    if word != "from" or start < 0:
        raise invalid_request("Invalid page token.")
    return start


def _described(model: Model) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.title,
        "description": f"{model.title}, simulated",
        "inputTokenLimit": CONTEXT_TOKENS,
        "outputTokenLimit": model.answer_tokens,
        "supportedGenerationMethods": ["countTokens", "bidiGenerateContent"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }
    return {**described, "thinking": True} if model.thinks else described


def _unknown_model(path: ModelPath) -> RestError:
    return not_found(f"Model is not found: models/{path.name} for api version {path.version}")
