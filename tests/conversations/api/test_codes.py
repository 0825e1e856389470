"""One table of codes: whatever is raised has a row, and the pages are drawn from it."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from rest_framework import exceptions

import conversations.api
from conversations.api.codes import CODES, in_order, page
from tests.services import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"


def raised(kind: type[exceptions.APIException]) -> Iterator[type[exceptions.APIException]]:
    for each in kind.__subclasses__():
        yield each
        yield from raised(each)


def test_every_error_of_the_api_has_a_row() -> None:
    for module in pkgutil.iter_modules(conversations.api.__path__, "conversations.api."):
        importlib.import_module(module.name)
    ours = {each for each in raised(exceptions.APIException) if "tests" not in each.__module__}
    # `problems` answers `invalid-request` for it.
    ours -= {each for each in ours if issubclass(each, exceptions.ValidationError)}
    # These are given their code when they are raised.
    ours -= {each for each in ours if each.default_code == exceptions.APIException.default_code}
    unknown = {
        f"{each.__module__}.{each.__name__}: {each.default_code}"
        for each in ours
        if each.default_code.replace("_", "-") not in CODES
    }
    assert unknown == set()


@pytest.mark.parametrize("code", CODES)
def test_a_row_is_written_for_people(code: str) -> None:
    row = CODES[code]
    assert 400 <= row.status < 600
    assert code == code.lower().replace("_", "-")
    assert row.meaning.endswith((".", "!"))
    assert row.fix.endswith(".")
    assert not row.title.endswith(".")


def test_the_page_is_drawn_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "draw it anew: the page says how"
    statuses = [row.status for _, row in in_order()]
    assert statuses == sorted(statuses)
