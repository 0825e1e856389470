"""Pages of a list that never counts it: the database looks at one row more than it shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator

if TYPE_CHECKING:  # Django's own classes take no type arguments when they run
    PageBase = Page[Any]
    PaginatorBase = Paginator[Any]
else:
    PageBase, PaginatorBase = Page, Paginator

# Skipping rows costs as much as reading them. Past this, a search or a filter finds it sooner.
LAST_PAGE = 200
_UNKNOWN = 1 << 31  # Django only compares it with the size of a page


class UncountedPage(PageBase):
    """A page that knows whether another one follows, and nothing about the last one."""

    def __init__(self, rows: Sequence[Any], number: int, paginator: "UncountedPaginator") -> None:
        per_page = paginator.per_page
        super().__init__(list(rows[:per_page]), number, paginator)
        self._more = len(rows) > per_page and number < LAST_PAGE

    def has_next(self) -> bool:
        return self._more


class UncountedPaginator(PaginatorBase):
    """Django's paginator without `COUNT(*)`, which takes seconds over a million rows."""

    count = _UNKNOWN
    num_pages = LAST_PAGE
    template_name = "admin/uncounted_pagination.html"

    def page(self, number: Any) -> UncountedPage:
        """The rows of a page. Raises EmptyPage where there is none."""
        try:
            wanted = int(number)
        except (TypeError, ValueError):
            raise PageNotAnInteger("That page number is no number.") from None
        if not 1 <= wanted <= LAST_PAGE:
            raise EmptyPage("There is no such page: search or filter instead.")
        first = (wanted - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        if not rows and wanted > 1:
            raise EmptyPage("That page is empty.")
        return UncountedPage(rows, wanted, self)

    def get_page(self, number: Any) -> UncountedPage:
        """The rows of a page; the first one's where there is no such page."""
        try:
            return self.page(number)
        except (PageNotAnInteger, EmptyPage):
            return self.page(1)
