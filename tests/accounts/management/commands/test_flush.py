"""`flush` is the owner's: the application's role may not empty tables."""

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection

from accounts.models import Tenant


def test_it_empties_the_tables_as_their_owner(transactional_db: None) -> None:
    Tenant.objects.create(slug="acme", name="Acme")
    with pytest.raises(ProgrammingError, match="permission"), connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_tenant CASCADE")
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    assert not Tenant.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (connection.settings_dict["USER"],)
