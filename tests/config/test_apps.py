"""The project's checks are known to Django once its app is loaded."""

from django.apps import AppConfig
from django.core.checks.registry import registry

import config
from config import checks
from config.apps import ConfigConfig


def test_registers_the_checks() -> None:
    app = ConfigConfig("config", config)
    assert isinstance(app, AppConfig)
    app.ready()
    assert {checks.check_insecure_settings, checks.check_cookies, checks.check_keyset} <= set(
        registry.get_checks()
    )
