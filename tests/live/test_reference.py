import inspect
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import live
from live.reference import contract, page, section_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "live-library.md"
THINGS = [name for name in live.__all__ if not name.isupper()]


@pytest.fixture(scope="module")
def drawn() -> str:
    return page()


def test_the_page_is_drawn_from_the_code(drawn: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == drawn, "draw it anew: the page says how"


@pytest.mark.parametrize("name", live.__all__)
def test_every_public_name_has_a_place(drawn: str, name: str) -> None:
    assert section_of(name)
    assert f"### {name}\n" in drawn


@pytest.mark.parametrize("name", THINGS)
def test_every_public_name_has_a_contract(name: str) -> None:
    thing = getattr(live, name)
    assert contract(thing), f"{name} promises nothing"
    for member in members_of(thing):
        assert contract(getattr(thing, member)), f"{name}.{member} promises nothing"


def members_of(thing: Any) -> list[str]:
    """The public properties and methods of a class."""
    if not inspect.isclass(thing):
        return []
    kinds = (property, classmethod, staticmethod, FunctionType)
    public = {name: member for name, member in vars(thing).items() if not name.startswith("_")}
    return [name for name, member in public.items() if isinstance(member, kinds)]


def test_a_name_without_a_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "stranger", inspect.cleandoc, raising=False)
    with pytest.raises(LookupError):
        section_of("stranger")
