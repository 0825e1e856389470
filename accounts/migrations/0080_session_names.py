"""Sessions are known by a digest of what the cookie holds. Nobody is signed out by that."""

from hashlib import sha256
from typing import Any

from django.db import migrations


def name_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()[:40]


def replace_keys(apps: Any, schema_editor: Any) -> None:
    for app, model in (("sessions", "Session"), ("usersessions", "UserSession")):
        rows = apps.get_model(app, model).objects
        for key in list(rows.values_list("session_key", flat=True)):
            rows.filter(session_key=key).update(session_key=name_of(key))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0040_failover"),
        ("sessions", "0001_initial"),
        ("usersessions", "0001_initial"),
    ]

    # A digest has no way back: after going back people sign in again.
    operations = [migrations.RunPython(replace_keys, migrations.RunPython.noop)]
