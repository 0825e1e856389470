import pytest
from django.core.paginator import InvalidPage

from accounts.pagination import LAST_PAGE, UncountedPaginator


def test_pages_know_only_whether_another_one_follows() -> None:
    pages = UncountedPaginator(list(range(25)), 10)
    assert pages.page(1).object_list == list(range(10))
    assert pages.page("2").has_next()
    last = pages.page(3)
    assert (list(last.object_list), last.has_next(), last.has_previous()) == (
        [20, 21, 22, 23, 24],
        False,
        True,
    )
    assert UncountedPaginator([], 10).page(1).object_list == []


@pytest.mark.parametrize("number", ["x", None, 0, -1, 4, LAST_PAGE + 1])
def test_pages_that_are_none(number: object) -> None:
    with pytest.raises(InvalidPage):
        UncountedPaginator(list(range(25)), 10).page(number)


def test_the_last_page_that_is_shown_ends_the_list() -> None:
    pages = UncountedPaginator(range(LAST_PAGE + 5), 1)
    assert not pages.page(LAST_PAGE).has_next()


@pytest.mark.parametrize("number", ["x", None, 0, 4, LAST_PAGE + 1])
def test_an_address_that_names_no_page_shows_the_first(number: object) -> None:
    pages = UncountedPaginator(list(range(25)), 10)
    assert pages.get_page(number).object_list == list(range(10))
    assert pages.get_page("3").object_list == list(range(20, 25))
