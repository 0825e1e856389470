from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.keyset import KeysetError, create_keyset


class Command(BaseCommand):
    help = "Manage the keyset that seals stored secrets (KEYSET_FILE)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("create", help="write a new keyset; an existing file is left alone")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.KEYSET_FILE)
        try:
            create_keyset(path)
        except KeysetError as error:
            raise CommandError(f"{error} {error.fix}") from error
        except OSError as error:
            raise CommandError(f"The keyset cannot be written: {error.strerror}.") from error
        self.stdout.write(
            f"Created {path}. Back it up apart from the database: without it no stored "
            "secret opens again."
        )
