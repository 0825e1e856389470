"""The project's checks are known to Django once its app is loaded; the admin comes later."""

import os
import subprocess
import sys

from django.apps import AppConfig
from django.core.checks.registry import registry

import config
from config import checks
from config.apps import ConfigConfig
from tests.services import ROOT

LATER = """
import sys, django
django.setup()
print("accounts.admin" in sys.modules)
from django.core.checks import run_checks
run_checks(tags=["admin"])
print("conversations.admin" in sys.modules)
from allauth.mfa.models import Authenticator
from django.contrib import admin
print(admin.site.is_registered(Authenticator))
"""


def test_registers_the_checks() -> None:
    app = ConfigConfig("config", config)
    assert isinstance(app, AppConfig)
    app.ready()
    assert {checks.check_insecure_settings, checks.check_cookies, checks.check_keyset} <= set(
        registry.get_checks()
    )


def test_the_admin_is_loaded_when_it_is_checked_or_shown() -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    said = subprocess.check_output(
        [sys.executable, "-c", LATER], cwd=ROOT, env=environment, text=True
    )
    assert said.split()[-3:] == ["False", "True", "False"]
