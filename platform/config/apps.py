from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Makes the project's own system checks known."""

    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415 - registering is the import's effect
