"""What the style sheets and templates promise: contrast, icons that exist, nothing inline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
TEXT_COLOURS = ("ink", "ink-2", "accent", "live", "warn", "bad", "staff")
BACKGROUNDS = ("bg", "surface", "sunken")
TOKENS = (ROOT / "static/css/tokens.css").read_text()
ADMIN_TOKENS = (ROOT / "static/css/admin-tokens.css").read_text()
LIGHT, DARK = TOKENS.split("@media (prefers-color-scheme: dark)")


def colour(scheme: str, name: str) -> str:
    found = re.search(rf"--{name}: (#[0-9a-f]{{6}})", scheme)
    assert found is not None, name
    return found[1]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("text", TEXT_COLOURS)
@pytest.mark.parametrize(("scheme", "least"), [(LIGHT, 5.0), (DARK, 7.0)], ids=["light", "dark"])
def test_text_is_readable(scheme: str, least: float, text: str, background: str) -> None:
    assert contrast(colour(scheme, text), colour(scheme, background)) >= least


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_on_the_accent_are_readable(scheme: str) -> None:
    assert contrast(colour(scheme, "on-accent"), colour(scheme, "accent")) >= 4.5


@pytest.mark.parametrize("sheet", sorted((ROOT / "static/css").glob("*.css")), ids=lambda p: p.name)
def test_colours_and_sizes_come_from_the_tokens(sheet: Path) -> None:
    text = sheet.read_text()
    if sheet.name not in {"tokens.css", "admin-tokens.css"}:
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b", text) == []
    known = set(re.findall(r"(--[\w-]+):", TOKENS + ADMIN_TOKENS + text))
    assert set(re.findall(r"var\((--[\w-]+)", text)) <= known


@pytest.mark.parametrize(("scheme", "place"), [(LIGHT, 0), (DARK, 1)], ids=["light", "dark"])
def test_the_admin_has_the_same_colours(scheme: str, place: int) -> None:
    theirs = ADMIN_TOKENS.split("}")[place]
    colours = re.findall(r"#[0-9a-f]{6}", theirs)
    assert len(colours) > 8
    assert set(colours) <= set(re.findall(r"#[0-9a-f]{6}", scheme)) | {"#ffffff"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_inline(template: Path) -> None:
    text = template.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
    assert re.findall(r"<style\b|\sstyle=|\son\w+=", text) == []


def test_every_module_of_the_page_is_fetched_ahead() -> None:
    folder = ROOT / "static/js/conversation"
    needed, new = set[str](), {"main.js"}
    while new:
        needed |= new
        texts = "".join((folder / name).read_text() for name in new)
        new = set(re.findall(r'from "\./([\w-]+\.js)"', texts)) - needed
    include = (ROOT / "templates/includes/conversation_modules.html").read_text()
    assert set(re.findall(r"js/conversation/([\w-]+\.js)", include)) == needed


def test_every_icon_exists() -> None:
    icons = set(re.findall(r'id="([\w-]+)"', (ROOT / "static/icons/icons.svg").read_text()))
    pages = "".join(template.read_text() for template in TEMPLATES)
    used = set(re.findall(r'icon\.html" with name="([\w-]+)"|icons\.svg" %}#([\w-]+)', pages))
    assert {name for pair in used for name in pair if name} <= icons
