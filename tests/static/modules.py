"""The page's modules in a browser, called from tests."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

FOLDER = "/static/js/conversation/"


class Modules:
    """Runs functions with the page's modules: `run("state", "m => m.NOTHING")`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def run(self, name: str, function: str, argument: Any = None) -> Any:
        """Call `function(module, argument)`; both ways everything travels as JSON."""
        script = f"""async (argument) => {{
            const module = await import("{FOLDER}{name}.js");
            return ({function})(module, argument);
        }}"""
        return await self.page.evaluate(script, argument)
