from pathlib import Path

from live.session import State, Turn
from live.session.page import page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "live-states.md"


def test_the_page_is_drawn_from_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "draw it anew: the page says how"


def test_every_state_has_a_row() -> None:
    for state in (*State, *Turn):
        assert f"| **{state.value}** |" in page()


def test_an_arrow_has_all_its_reasons() -> None:
    assert "  rotating --> leaving: pause, deadline" in page()
    assert "  ready --> ready" not in page()
