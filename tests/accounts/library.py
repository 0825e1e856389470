"""Tenant-owned models that only tests have: shelves and the books on them."""

from typing import Any

from django.db import models

from accounts.models import Tenant
from accounts.tenancy import TenantOwned, tenant_scope


class Shelf(TenantOwned):
    label = models.CharField(max_length=40)

    class Meta(TenantOwned.Meta):
        app_label = "tenancy_tests"


class Book(TenantOwned):
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="books")
    title = models.CharField(max_length=40)
    isbn = models.CharField(max_length=20, default="", db_index=True)

    class Meta(TenantOwned.Meta):
        app_label = "tenancy_tests"
        constraints = (
            models.UniqueConstraint(fields=("shelf", "title"), name="book_once_on_shelf"),
            models.UniqueConstraint(fields=("id", "isbn"), name="book_once"),
        )


class Library:
    """Two tenants, each with one shelf and one book on it."""

    def __init__(self) -> None:
        # mypy's plugin knows no relations of models that belong to no installed app.
        self.shelf: Any
        self.book: Any
        self.their_shelf: Any
        self.their_book: Any
        self.acme = Tenant.objects.create(slug="acme", name="Acme").pk
        self.globex = Tenant.objects.create(slug="globex", name="Globex").pk
        with tenant_scope(self.acme):
            self.shelf = Shelf.objects.create(label="ours")
            self.book = Book.objects.create(shelf=self.shelf, title="ours")
        with tenant_scope(self.globex):
            self.their_shelf = Shelf.objects.create(label="theirs")
            self.their_book = Book.objects.create(shelf=self.their_shelf, title="theirs")
