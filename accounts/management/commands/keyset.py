import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.keyset import KeysetError, create_keyset
from accounts.keyset.file import is_encrypted, keyset_path, parse, read
from accounts.keyset.keys import Key, KeyState, keys_of
from accounts.keyset_rotation import created_at, promote, retire, rewrap, rotate
from accounts.resealing import BATCH, Survey, reseal, survey

NEXT_STEPS = {
    KeyState.WAITING: "A key waits. Bring the file to every machine, then run `keyset rotate`.",
    KeyState.OLD: "A rotation is under way: `keyset rotate` re-seals, `keyset retire` ends it.",
    KeyState.DISABLED: "A key is disabled: `keyset retire --delete` takes it out of the file.",
}


class Command(BaseCommand):
    help = "Manage the keyset that seals stored secrets (KEYSET_FILE)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("create", help="write a new keyset; an existing file is left alone")
        actions.add_parser("status", help="show the keys, and how many rows each has sealed")
        for name, text in (
            ("rotate", "bring in a new key, or go on where a rotation was interrupted"),
            ("reseal", "seal every row with the primary key"),
        ):
            action = actions.add_parser(name, help=text)
            action.add_argument("--batch-size", type=_positive, default=BATCH)
            if name == "rotate":
                _add_rotate_options(action)
        actions.add_parser("promote", help="let the key that waits seal from now on")
        action = actions.add_parser("retire", help="disable old keys that have sealed nothing")
        action.add_argument(
            "--delete", action="store_true", help="take disabled keys out of the file"
        )
        action.add_argument("--at-once", action="store_true", help="wait for no slow process")
        action = actions.add_parser("rewrap", help="write the file as KEYSET_KMS_URI says")
        action.add_argument(
            "--from",
            dest="from_uri",
            default="",
            metavar="URI",
            help="the key that the file is encrypted with now; left out: it is in the clear",
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except KeysetError as error:
            raise CommandError(f"{error} {error.fix}") from error
        except OSError as error:
            raise CommandError(f"The keyset cannot be written: {error.strerror}.") from error

    def _create(self, **_: Any) -> None:
        path = Path(settings.KEYSET_FILE)
        create_keyset(path)
        self._tell(
            f"Created {path}. Back it up apart from the database: without it no stored "
            "secret opens again."
        )

    def _status(self, **_: Any) -> None:
        content = read(keyset_path())
        handle = parse(content, settings.KEYSET_KMS_URI)
        keys, rows = keys_of(handle), survey(handle)
        guard = "encrypted by KEYSET_KMS_URI" if is_encrypted(content) else "in the clear"
        self._tell(f"{settings.KEYSET_FILE} ({guard})")
        if settings.KEYSET_KMS_URI and not is_encrypted(content):
            self._tell("KEYSET_KMS_URI is set: `keyset rewrap` encrypts the file.")
        for line in (*_key_lines(keys, rows), *_trouble_lines(rows)):
            self._tell(line)
        for state, step in NEXT_STEPS.items():
            if any(key.state == state for key in keys):
                self._tell(step)

    def _rotate(self, *, batch_size: int, add_only: bool, ignore_missing: bool, **_: Any) -> None:
        rotate(self._tell, batch_size=batch_size, add_only=add_only, ignore_missing=ignore_missing)
        self._tell("Back up the keyset file now. `keyset status` says what comes next.")

    def _reseal(self, *, batch_size: int, **_: Any) -> None:
        result = reseal(
            batch_size=batch_size,
            progress=lambda label, done: self._tell(f"{label}: {done} re-sealed"),
        )
        self._tell(f"Re-sealed {result.done.total()} rows.")
        if result.unopened:
            self._tell(f"{result.unopened.total()} rows do not open: see `keyset status`.")

    def _promote(self, **_: Any) -> None:
        promote(self._tell)
        self._tell("Bring the file to every machine that has a copy, then run `keyset rotate`.")

    def _retire(self, *, delete: bool, at_once: bool, **_: Any) -> None:
        retire(self._tell, now=time.time(), delete=delete, at_once=at_once)

    def _rewrap(self, *, from_uri: str, **_: Any) -> None:
        rewrap(self._tell, from_uri=from_uri)

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _add_rotate_options(action: ArgumentParser) -> None:
    action.add_argument(
        "--add-only",
        action="store_true",
        help="stop before the new key seals, to bring the file to other machines first",
    )
    action.add_argument(
        "--ignore-missing",
        action="store_true",
        help="go on although rows are sealed with keys that are lost",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _key_lines(keys: list[Key], rows: Survey) -> Iterator[str]:
    for key in keys:
        created = created_at(key.id)
        since = f"{created:%Y-%m-%d %H:%M} UTC" if created else "unknown"
        yield (
            f"key {key.id}: {key.state}, created {since}, {rows.sealed_with(key.id)} rows sealed"
        )
        for place in rows.places:
            if count := rows.opened[place, key.id]:
                yield f"    {place}: {count}"


def _trouble_lines(rows: Survey) -> Iterator[str]:
    for (place, key_id), count in sorted(rows.missing.items()):
        yield f"{count} rows of {place} do not open: key {key_id} is not in this file"
    for place, count in sorted(rows.broken.items()):
        yield f"{count} rows of {place} do not open: changed, moved, or never sealed"
