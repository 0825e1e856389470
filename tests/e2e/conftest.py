"""The demo as a person finds it, and a browser with a microphone that plays a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from live.simulator.speech import speak
from tests.children import Children
from tests.services import ROOT
from tests.services.redis import free_port

MICROPHONE_HZ = 48_000
SERVICES_OF_TESTS = (
    "DATABASE_URL",
    "KEYSET_FILE",
    "MIGRATE_DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
)
ARTEFACTS = ROOT / "test-artefacts"


@dataclass(frozen=True)
class Demo:
    """A running `make demo`."""

    url: str
    access: dict[str, Any]
    environment: dict[str, str]

    def manage(self, *arguments: str) -> None:
        """Run a command of `manage.py` as the demo's operator."""
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | self.environment,
            check=True,
            timeout=60,
        )

    def user(self, slug: str, role: str) -> dict[str, str]:
        tenant = self.tenant(slug)
        return next(user for user in tenant["users"] if user["role"] == role)

    def tenant(self, slug: str) -> dict[str, Any]:
        return next(tenant for tenant in self.access["tenants"] if tenant["slug"] == slug)

    def key(self, slug: str) -> str:
        key: str = self.tenant(slug)["api_keys"][0]["key"]
        return key


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    spawn = Children()
    port = free_port()
    environment = {
        "DEMO": "1",
        "DEMO_DIR": str(folder),
        "PORT": str(port),
        "PUBLIC_URL": f"http://localhost:{port}",
        "TLS_PORT": str(free_port()),
        # Empty: the demo's own defaults, not the services of the other tests.
        **dict.fromkeys(SERVICES_OF_TESTS, ""),
    }
    try:
        spawn("demo", ready="Ctrl-C ends everything", env=environment, timeout=90)
        access = json.loads((folder / "access.json").read_text())
        yield Demo(access["base_url"], access, environment)
    finally:
        spawn.stop()


@pytest.fixture
def browse(chromium_path: Path, tmp_path: Path) -> Iterator[Callable[[bytes], Browser]]:
    """Start Chromium with a microphone that plays the given 48 kHz PCM16 once."""
    with sync_playwright() as playwright:
        browsers: list[Browser] = []

        def start(sound: bytes) -> Browser:
            file = tmp_path / f"microphone-{len(browsers)}.wav"
            with wave.open(str(file), "wb") as recording:
                recording.setnchannels(1)
                recording.setsampwidth(2)
                recording.setframerate(MICROPHONE_HZ)
                recording.writeframes(sound)
            browser = playwright.chromium.launch(
                executable_path=str(chromium_path),
                args=[
                    "--no-sandbox",
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={file}%noloop",
                    "--autoplay-policy=no-user-gesture-required",
                    "--disable-background-networking",
                ],
            )
            browsers.append(browser)
            return browser

        yield start
        for browser in browsers:
            browser.close()


def said(*script: str | float) -> bytes:
    """48 kHz PCM16: texts are spoken, numbers are seconds of silence."""
    pieces = []
    for piece in script:
        if isinstance(piece, str):
            pieces.append(speak(piece, MICROPHONE_HZ))
        else:
            pieces.append(bytes(int(piece * MICROPHONE_HZ) * 2))
    return b"".join(pieces)


def log_in(context: BrowserContext, demo: Demo, user: dict[str, str], to: str = "/") -> Page:
    page = context.new_page()
    page.goto(f"{demo.url}{to}")
    page.get_by_label("E-mail").fill(user["email"])
    page.get_by_label("Password").fill(user["password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{demo.url}{to}")
    return page


def keep(page: Page, name: str) -> None:
    """Keep a screenshot as a test artefact.

    It is for people to look at and no check: on a busy machine Chromium cannot always draw one
    of a page that has only just arrived. Then the second try has to do.
    """
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    try:
        page.screenshot(path=path)
    except BrowserError as error:
        if "Unable to capture screenshot" not in error.message:
            raise
        page.evaluate("() => new Promise(requestAnimationFrame)")
        page.screenshot(path=path)
