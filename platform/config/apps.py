from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class ConfigConfig(AppConfig):
    """Makes the project's own system checks known."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415 - registering is the import's effect


class ParleyAdminConfig(SimpleAdminConfig):
    """Django's admin with our site for operators and tenants. Its modules come with the
    addresses (`config.urls`): most processes show no page, and need not load them at each start.
    """

    default_site = "accounts.admin.site.the_site"

    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(check_registered, Tags.admin)


def discover_admin() -> None:
    """Fill the admin's site. Rows that are for their owners' pages alone are not in it."""
    from accounts.sign_in import hide_from_admin  # noqa: PLC0415 - needs the models

    autodiscover()
    hide_from_admin()


def check_registered(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Django's check of the admin, of all that there is to check."""
    discover_admin()
    found: list[CheckMessage] = check_admin_app(app_configs, **options)
    return found
