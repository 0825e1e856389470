from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    """Makes the project's own system checks known."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415 - registering is the import's effect


class ParleyAdminConfig(AdminConfig):
    """Django's admin with our site for operators and tenants."""

    default_site = "accounts.admin.site.the_site"
