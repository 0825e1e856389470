from django.apps import AppConfig
from django.core import checks


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import sessions, signals  # noqa: F401, PLC0415 - their receivers
        from accounts.audit import sign_ins  # noqa: F401, PLC0415 - its receivers
        from accounts.checks import check_tenancy  # noqa: PLC0415 - needs the models
        from accounts.leaving import tables  # noqa: F401, PLC0415 - what is taken along
        from accounts.postgresql.checks import check_database  # noqa: PLC0415

        checks.register(check_tenancy, checks.Tags.models)
        checks.register(check_database, checks.Tags.database)
