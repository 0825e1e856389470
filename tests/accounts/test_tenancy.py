"""The closed manager: nothing answers without a scope, nothing leaves the tenant within one."""

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.query import QuerySet
from django.test import override_settings

from accounts.ids import uuid7
from accounts.models import Membership, Tenant, User
from accounts.postgresql.owner import application_role, as_owner
from accounts.postgresql.row_security import bring_up_to_date
from accounts.tenancy import (
    NoTenantScope,
    RawSqlRefused,
    TenantManager,
    TenantMismatch,
    TenantQuerySet,
    platform_scope,
    tenant_scope,
)
from tests.accounts import library as library_module
from tests.accounts.library import Book, Library, Shelf


@pytest.fixture(scope="module", autouse=True)
def library_app(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Install the two models as an app, so that cascades and flushes know them."""
    app = AppConfig("tenancy_tests", library_module)
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, app]):
        with django_db_blocker.unblock(), as_owner(connection):
            with connection.schema_editor() as editor:
                editor.create_model(Shelf)
                editor.create_model(Book)
            bring_up_to_date(connection, application_role())
        yield
        with (
            django_db_blocker.unblock(),
            as_owner(connection),
            connection.schema_editor() as editor,
        ):
            editor.delete_model(Book)
            editor.delete_model(Shelf)


@pytest.fixture
def library(db: None) -> Library:
    return Library()


# --- every method, without a scope ---------------------------------------------------

# Arguments for the methods that need some; the rest are called with none.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "aggregate": (models.Count("pk"),),
    "bulk_create": ([],),
    "bulk_update": ([], ["title"]),
    "contains": (None,),
    "dates": ("at", "year"),
    "datetimes": ("at", "year"),
    "raw": ("SELECT * FROM tenancy_tests_book",),
    "using": ("default",),
    # Called on the class below.
    "from_queryset": (TenantQuerySet,),
}
# What neither builds a queryset nor reads a row.
HARMLESS = frozenset(
    {
        "as_manager",
        "check",
        "contribute_to_class",
        "db",
        "db_manager",
        "deconstruct",
        "from_queryset",
        "ordered",
        "query",
        "resolve_expression",
    }
)


def public_methods(cls: type) -> set[str]:
    found = {name for name, _ in inspect.getmembers(cls, inspect.isroutine)}
    return {name for name in found if not name.startswith("_")} - HARMLESS


def arguments_for(name: str) -> tuple[Any, ...]:
    return ARGUMENTS.get(name) or ARGUMENTS.get(name.removeprefix("a")) or ()


async def settle(answer: Any) -> None:
    """Whatever a method gave: wait for it, or walk through it."""
    if inspect.isawaitable(answer):
        await answer
    elif hasattr(answer, "__aiter__"):
        async for _ in answer:
            pass


@pytest.mark.parametrize("manager", ["objects", "_base_manager", "_default_manager"])
@pytest.mark.parametrize("name", sorted(public_methods(TenantManager)))
async def test_no_manager_method_answers_without_a_scope(manager: str, name: str) -> None:
    method = getattr(getattr(Book, manager), name)
    with pytest.raises(NoTenantScope):
        await settle(method(*arguments_for(name)))


@pytest.mark.parametrize("name", sorted(public_methods(TenantQuerySet)))
@pytest.mark.parametrize("build", [TenantQuerySet, Book.objects.get_queryset])
async def test_no_queryset_to_call_a_method_on(build: Callable[..., Any], name: str) -> None:
    async def call() -> None:
        queryset = build(Book) if build is TenantQuerySet else build()
        await settle(getattr(queryset, name)(*arguments_for(name)))

    with pytest.raises(NoTenantScope):
        await call()


def test_the_walk_covers_the_methods_that_were_holes_elsewhere() -> None:
    walked = public_methods(TenantManager)
    assert {"exists", "aexists", "explain", "aiterator", "none", "count", "raw"} <= walked
    assert {"delete", "adelete"} <= public_methods(TenantQuerySet)
    assert public_methods(QuerySet) <= public_methods(TenantQuerySet)


async def test_iteration_without_a_scope() -> None:
    with pytest.raises(NoTenantScope):
        list(Book.objects.all())
    with pytest.raises(NoTenantScope):
        async for _ in Book.objects.all():
            pass


def test_subquery_without_a_scope() -> None:
    with pytest.raises(NoTenantScope):
        Tenant.objects.filter(Exists(Book.objects.filter(tenant=OuterRef("pk"))))


def test_model_methods_without_a_scope(library: Library) -> None:
    library.book.title = "changed"
    for act in (
        library.book.save,
        library.book.delete,
        library.book.refresh_from_db,
        Book(title="new").save,
        library.shelf.books.all,
        lambda: library.shelf.books.create(title="new"),
    ):
        with pytest.raises(NoTenantScope):
            act()
    del library.book._state.fields_cache["shelf"]
    with pytest.raises(NoTenantScope):
        _ = library.book.shelf


def test_cascades_without_a_scope(db: None) -> None:
    user = User.objects.create(email="a@example.com")
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    for row in (user, tenant):
        with pytest.raises(NoTenantScope):
            row.delete()


# --- inside a scope ------------------------------------------------------------------


def test_only_the_tenants_rows(library: Library) -> None:
    with tenant_scope(library.acme):
        assert [book.title for book in Book.objects.all()] == ["ours"]
        assert Book.objects.count() == 1
        assert not Book.objects.filter(pk=library.their_book.pk).exists()
        assert Book.objects.filter(shelf__label="theirs").first() is None
        assert Book.objects.in_bulk([library.their_book.pk]) == {}
        assert Book._base_manager.filter(title="theirs").count() == 0
        union = Book.objects.filter(title="ours") | Book.objects.filter(title="theirs")
        assert union.count() == 1


@pytest.mark.django_db(transaction=True)
async def test_only_the_tenants_rows_asynchronously() -> None:
    library = await sync_to_async(Library)()
    with tenant_scope(library.acme):
        assert [book.title async for book in Book.objects.all()] == ["ours"]
        assert [book.title async for book in Book.objects.aiterator()] == ["ours"]
        assert not await Book.objects.filter(title="theirs").aexists()
        assert await Book.objects.acount() == 1


def test_platform_scope_sees_all(library: Library) -> None:
    with platform_scope("test"):
        assert Book.objects.count() == 2


def test_a_queryset_keeps_its_filter_wherever_it_is_evaluated(library: Library) -> None:
    with tenant_scope(library.acme):
        ours = Book.objects.all()
        pickled = pickle.dumps(ours.filter())
    with platform_scope("test"):
        assert [book.title for book in ours.all()] == ["ours"]
        assert [book.title for book in pickle.loads(pickled)] == ["ours"]  # noqa: S301
        assert [book.title for book in copy.deepcopy(ours)] == ["ours"]


def test_a_queryset_is_evaluated_only_where_its_scope_reaches(library: Library) -> None:
    with tenant_scope(library.acme):
        ours = Book.objects.all()
    with platform_scope("test"):
        everybodys = Book.objects.all()
    evaluations: list[Callable[[Any], Any]] = [
        list,
        QuerySet.count,
        QuerySet.exists,
        QuerySet.first,
        lambda rows: rows.union(rows).count(),
        lambda rows: list(rows.iterator()),
        lambda rows: list(Tenant.objects.filter(pk__in=rows.values("tenant"))),
    ]
    for evaluate in evaluations:
        with pytest.raises(NoTenantScope):
            evaluate(ours.all())
        with tenant_scope(library.globex):
            for rows in (ours, everybodys):
                with pytest.raises(TenantMismatch):
                    evaluate(rows.all())


def test_a_subquery_stays_inside(library: Library) -> None:
    with tenant_scope(library.acme):
        having = Tenant.objects.filter(Exists(Book.objects.filter(tenant=OuterRef("pk"))))
        assert [tenant.pk for tenant in having] == [library.acme]
    with pytest.raises(NoTenantScope):
        list(having.all())


def test_related_rows_stay_inside(library: Library) -> None:
    with tenant_scope(library.acme):
        book = Book.objects.select_related("shelf").get()
        assert book.shelf.label == "ours"
        assert [row.title for row in library.shelf.books.all()] == ["ours"]
        assert list(library.their_shelf.books.all()) == []
        with pytest.raises(Book.DoesNotExist):
            library.their_book.refresh_from_db()
        del library.their_book._state.fields_cache["shelf"]
        with pytest.raises(Shelf.DoesNotExist):
            _ = library.their_book.shelf


@pytest.mark.parametrize("way", ["book", "books", "book_set", "membership"])
def test_open_managers_have_no_way_into_tenant_owned_rows(library: Library, way: str) -> None:
    assert not hasattr(Tenant(), way)
    for model in (Tenant, User):
        with pytest.raises(FieldError):
            list(model._default_manager.values(f"{way}__pk"))
        with pytest.raises(FieldError):
            model._default_manager.filter(**{f"{way}__pk": uuid7()}).exists()


def test_raw_sql_only_in_the_platform_scope(library: Library) -> None:
    with tenant_scope(library.acme):
        with pytest.raises(RawSqlRefused):
            Book.objects.raw("SELECT * FROM tenancy_tests_book")
        with pytest.raises(RawSqlRefused):
            Book.objects.extra(where=["1=1"])
    with platform_scope("test"):
        assert len(list(Book.objects.raw("SELECT * FROM tenancy_tests_book"))) == 2
        assert Book.objects.extra(where=["1=1"]).count() == 2


# --- writes --------------------------------------------------------------------------


def test_a_new_row_gets_the_scopes_tenant(library: Library) -> None:
    with tenant_scope(library.acme):
        assert Book.objects.create(title="new").tenant_id == library.acme
        made = Book.objects.bulk_create([Book(title="a"), Book(title="b")])
        assert {book.tenant_id for book in made} == {library.acme}
        assert Book.objects.get_or_create(title="c")[0].tenant_id == library.acme
        assert library.shelf.books.create(title="d").tenant_id == library.acme


def test_a_platform_scope_gives_no_tenant(library: Library) -> None:
    with platform_scope("test"), transaction.atomic(), pytest.raises(IntegrityError):
        Book.objects.create(title="whose?")


def other_tenants_book(library: Library) -> Book:
    return Book(title="new", tenant_id=library.globex)


def book_on_their_shelf(library: Library) -> Book:
    return Book(title="new", shelf=library.their_shelf)


def book_on_their_shelf_by_id(library: Library) -> Book:
    return Book(title="new", shelf_id=library.their_shelf.pk)


def book_on_no_shelf(library: Library) -> Book:
    return Book(title="new", shelf_id=uuid7())


@pytest.mark.parametrize(
    "make",
    [other_tenants_book, book_on_their_shelf, book_on_their_shelf_by_id, book_on_no_shelf],
)
def test_a_new_row_of_or_at_another_tenant(
    library: Library, make: Callable[[Library], Book]
) -> None:
    with tenant_scope(library.acme):
        for act in (
            make(library).save,
            lambda: Book.objects.bulk_create([Book(title="fine"), make(library)]),
            lambda: make(library).save_base(raw=True),
        ):
            with pytest.raises(TenantMismatch):
                act()
        assert Book.objects.count() == 1


def test_related_managers_add_no_row_of_another_tenant(library: Library) -> None:
    with tenant_scope(library.acme):
        with pytest.raises(TenantMismatch):
            library.their_shelf.books.create(title="new")
        with pytest.raises(TenantMismatch):
            library.their_shelf.books.add(library.book)
        library.shelf.books.add(library.their_book)
    with platform_scope("test"):
        library.their_book.refresh_from_db()
        assert library.their_book.shelf == library.their_shelf


def test_saving_a_row_of_another_tenant(library: Library) -> None:
    library.their_book.title = "taken"
    with tenant_scope(library.acme):
        with pytest.raises(TenantMismatch):
            library.their_book.save()
        with pytest.raises(TenantMismatch):
            Book.objects.bulk_update([library.their_book], ["title"])
        library.their_book.tenant_id = library.acme
        with pytest.raises(TenantMismatch):  # its shelf tells
            library.their_book.save()
        library.their_book.shelf = None
        forces: list[dict[str, Any]] = [{"force_update": True}, {"force_insert": True}, {}]
        for force in forces:
            with pytest.raises(DatabaseError), transaction.atomic():
                library.their_book.save(**force)
    with tenant_scope(library.globex):
        assert Book.objects.get().title == "theirs"


@pytest.mark.parametrize("scope", ["tenant", "platform"])
def test_a_row_never_changes_its_tenant(library: Library, scope: str) -> None:
    loose = Book(title="loose", tenant_id=library.acme)
    with tenant_scope(library.acme):
        loose.save()
    loose.tenant_id = library.globex
    with tenant_scope(library.acme) if scope == "tenant" else platform_scope("test"):
        with pytest.raises((TenantMismatch, IntegrityError)), transaction.atomic():
            loose.save()
        for change in ({"tenant": library.globex}, {"tenant_id": library.globex}):
            with pytest.raises(TenantMismatch):
                Book.objects.update(**change)
        with pytest.raises(TenantMismatch):
            Book.objects.bulk_update([loose], ["tenant"])
    with tenant_scope(library.acme):
        assert Book.objects.filter(title="loose").exists()


def test_saving_a_foreign_key_of_another_tenant(library: Library) -> None:
    with tenant_scope(library.acme):
        book = Book.objects.get()
        book.shelf = library.their_shelf
        for act in (
            book.save,
            lambda: book.save(update_fields=["shelf"]),
            lambda: Book.objects.bulk_update([book], ["shelf"]),
            lambda: Book.objects.update(shelf=library.their_shelf),
            lambda: Book.objects.update(shelf_id=library.their_shelf.pk),
            lambda: Book.objects.update(shelf=Value(library.their_shelf.pk)),
            lambda: Book.objects.update(shelf=F("shelf")),
        ):
            with pytest.raises(TenantMismatch):
                act()
        book.refresh_from_db()
        assert book.shelf == library.shelf


def test_what_is_allowed_is_written(library: Library) -> None:
    with tenant_scope(library.acme):
        book = Book.objects.get()
        book.title = "renamed"
        book.save()
        book.save(update_fields=["title"])
        other = Shelf.objects.create(label="other")
        book.shelf = other
        assert Book.objects.bulk_update([book], ["shelf", "title"]) == 1
        assert Book.objects.update(shelf=library.shelf) == 1
        assert Book.objects.update(shelf=None, title=F("isbn")) == 1
        assert Book.objects.only("title").get().shelf is None
        Book.objects.only("isbn").get().save()
        assert Book.objects.filter(title="").delete()[0] == 1


def test_an_update_in_the_platform_scope_links_only_rows_of_one_tenant(library: Library) -> None:
    with platform_scope("test"):
        other = Shelf.objects.create(label="other", tenant_id=library.acme)
        assert Book.objects.update(shelf=other) == 1
        library.their_book.refresh_from_db()
        assert library.their_book.shelf == library.their_shelf
        with pytest.raises(TenantMismatch):
            Book.objects.create(title="x", tenant_id=library.acme, shelf=library.their_shelf)


def test_a_conflict_has_to_prove_its_tenant(library: Library) -> None:
    theirs = library.their_book.pk
    with tenant_scope(library.acme):
        with pytest.raises(TenantMismatch):
            Book.objects.bulk_create(
                [Book(pk=theirs, title="taken")],
                update_conflicts=True,
                update_fields=["title"],
                unique_fields=["id", "isbn"],
            )
        with pytest.raises(TenantMismatch):
            Book.objects.bulk_create(
                [Book(shelf=library.shelf, title="ours")],
                update_conflicts=True,
                update_fields=["tenant"],
                unique_fields=["shelf", "title"],
            )
        Book.objects.bulk_create(
            [Book(shelf=library.shelf, title="ours", isbn="1")],
            update_conflicts=True,
            update_fields=["isbn"],
            unique_fields=["shelf", "title"],
        )
        assert Book.objects.get().isbn == "1"


def test_deleting_a_row_of_another_tenant(library: Library) -> None:
    with tenant_scope(library.acme):
        with pytest.raises(TenantMismatch):
            library.their_book.delete()
        assert Book.objects.filter(pk=library.their_book.pk).delete()[0] == 0
        library.shelf.delete()
        assert Book.objects.count() == 0
    with tenant_scope(library.globex):
        assert Book.objects.count() == 1


def test_a_queryset_of_another_scope_cannot_write(library: Library) -> None:
    with tenant_scope(library.acme):
        ours = Book.objects.all()
    with platform_scope("test"):
        all_books = Book.objects.all()
    with tenant_scope(library.globex):
        for queryset in (ours, all_books):
            for act in (
                queryset.delete,
                lambda queryset=queryset: queryset.update(title="x"),
                lambda queryset=queryset: queryset.bulk_create([]),
                lambda queryset=queryset: queryset.bulk_update([], ["title"]),
            ):
                with pytest.raises(TenantMismatch):
                    act()
    with pytest.raises(NoTenantScope):
        ours.update(title="x")
    with platform_scope("test"):
        assert ours.update(title="x") == 1


def test_membership_rows_are_closed_too(library: Library) -> None:
    user = User.objects.create(email="a@example.com")
    with tenant_scope(library.acme):
        Membership.objects.create(user=user)
    with tenant_scope(library.globex):
        assert not Membership.objects.exists()
