"""A template engine that draws nothing, for pages of which only the status counts."""

from typing import Any

from django.template.backends.base import BaseEngine


class Undrawn(BaseEngine):
    def __init__(self, params: dict[str, Any]) -> None:
        params.pop("OPTIONS")
        super().__init__(params)

    def get_template(self, template_name: str) -> "Blank":
        return Blank()


class Blank:
    def render(self, context: Any = None, request: Any = None) -> str:
        return ""
