from django.apps import AppConfig
from django.core import checks


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts.checks import check_tenancy  # noqa: PLC0415 - needs the models

        checks.register(check_tenancy, checks.Tags.models)
