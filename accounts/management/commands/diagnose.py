"""`manage.py diagnose`: what works of a Gemini credential, and how to mend what does not."""

import asyncio
import json
import os
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.core.management.color import Style

from accounts.credentials import CredentialUnusable, live_connection_settings
from accounts.models import Credential, Tenant
from accounts.tenancy import tenant_scope
from live import (
    ApiKeyAuth,
    Auth,
    BearerTokenAuth,
    Endpoint,
    EphemeralTokenAuth,
    Finding,
    LiveError,
    Outcome,
    Report,
    ServiceAccountAuth,
    auth_from_environment,
    diagnose,
)
from live.adc import FILE_VARIABLE
from live.environment import KEY_VARIABLES, TOKEN_VARIABLE
from live.errors import Diagnosis

DEFAULT_MODEL = "gemini-3.8-live"
_STEP = "credential"  # comes before the ones of the library
_VERTEX_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION")
_USAGE = 2  # the exit status of argparse too
_INTERRUPTED = 130  # as a shell has it for SIGINT


class Command(BaseCommand):
    help = (
        "Open a Gemini Live session and close it again, and say which step works: with the "
        "credential of the environment, or with a stored one. Exits with 1 when a step fails, "
        "and with 2 when there is nothing to try."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", default=DEFAULT_MODEL, help=f"default: {DEFAULT_MODEL}")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        environment = parser.add_argument_group("the credential of the environment")
        environment.add_argument("--base-url", metavar="URL", help="default: GEMINI_BASE_URL")
        environment.add_argument(
            "--vertex",
            action="store_true",
            help=f"Vertex AI, with {' and '.join(_VERTEX_VARIABLES)}",
        )
        stored = parser.add_argument_group("a stored credential")
        stored.add_argument("--tenant", metavar="SLUG", help="the organisation that it belongs to")
        stored.add_argument("--credential", metavar="NAME", help="default: the primary one")

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        page = _Page(self.stdout, self.style)
        try:
            report = _report(options, _say_nothing if options["json"] else page.show)
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.to_dict(), indent=2))
        else:
            page.conclude(report)
        if not report.ok:
            raise SystemExit(1)


# -- What is tried ---------------------------------------------------------------------------------


def _check(options: dict[str, Any]) -> None:
    if options["credential"] and not options["tenant"]:
        raise _wrong_use("--credential wants --tenant too.")
    if options["tenant"] and (options["base_url"] or options["vertex"]):
        raise _wrong_use(
            "A stored credential has an address of its own: leave out --base-url and --vertex."
        )


def _wrong_use(text: str) -> CommandError:
    return CommandError(text, returncode=_USAGE)


def _report(options: dict[str, Any], show: Callable[[Finding], None]) -> Report:
    try:
        source, endpoint, auth = _stored(options) if options["tenant"] else _named(options)
    except (LiveError, CredentialUnusable) as error:
        first = _unusable(error)
        show(first)
        return Report((first,))
    detail = f"{source}, for {endpoint.base_url}."
    first = Finding(step=_STEP, outcome=Outcome.OK, detail=detail)
    show(first)
    found = asyncio.run(diagnose(endpoint, auth, options["model"], on_finding=show))
    return Report((first, *found.findings))


def _unusable(error: LiveError | CredentialUnusable) -> Finding:
    if isinstance(error, LiveError):
        diagnosis = error.diagnosis
    else:
        # The text of a malformed one ends with its fix.
        diagnosis = Diagnosis(error.code, str(error).removesuffix(error.fix).strip(), error.fix)
    return Finding(
        step=_STEP, outcome=Outcome.FAILED, detail=diagnosis.summary, diagnosis=diagnosis
    )


def _named(options: dict[str, Any]) -> tuple[str, Endpoint, Auth]:
    """What the environment names. Raises LiveError."""
    endpoint = _endpoint(options)
    auth = auth_from_environment(os.environ, Path.home(), endpoint)
    return _source(auth, os.environ), endpoint, auth


def _endpoint(options: dict[str, Any]) -> Endpoint:
    if not options["vertex"]:
        return Endpoint.developer(options["base_url"] or settings.GEMINI_BASE_URL)
    if missing := [name for name in _VERTEX_VARIABLES if not os.environ.get(name)]:
        raise _wrong_use(f"--vertex wants {' and '.join(missing)} in the environment.")
    project, location = (os.environ[name] for name in _VERTEX_VARIABLES)
    return Endpoint.vertex(project, location, options["base_url"])


def _source(auth: Auth, environ: Mapping[str, str]) -> str:
    """Which of the variables it was: several may be set."""
    key_variable = next(filter(environ.get, KEY_VARIABLES), "")
    file = f"in {FILE_VARIABLE}" if environ.get(FILE_VARIABLE) else "of gcloud"
    match auth:
        case ApiKeyAuth():
            return f"The API key in {key_variable}"
        case EphemeralTokenAuth():
            return f"The ephemeral token in {key_variable}"
        case BearerTokenAuth():
            return f"The access token in {TOKEN_VARIABLE}"
        case ServiceAccountAuth():
            return f"The service account {auth.client_email} {file}"
        case _:
            return f"The signed-in user {file}"


def _stored(options: dict[str, Any]) -> tuple[str, Endpoint, Auth]:
    """What the tenant has stored. Raises CredentialUnusable."""
    tenant = Tenant.objects.filter(slug=options["tenant"]).first()
    if tenant is None:
        raise _wrong_use(f"There is no organisation {options['tenant']}.")
    with tenant_scope(tenant.pk):
        credential = _credential(tenant, options["credential"])
        endpoint, auth = live_connection_settings(credential)
    kind = credential.get_kind_display()
    return f"{kind} {credential.name} of {tenant.slug}", endpoint, auth


def _credential(tenant: Tenant, name: str | None) -> Credential:
    wanted = {"name": name} if name else {"is_primary": True}
    match list(Credential.objects.filter(**wanted)[:2]):
        case [credential]:
            return credential
        case []:
            what = f"credential {name}" if name else "primary credential"
            raise _wrong_use(f"{tenant.slug} has no {what}. {_choice()}")
        case _:
            raise _wrong_use(f"{tenant.slug} has several credentials {name}: rename one.")


def _choice() -> str:
    names = Credential.objects.order_by("name").values_list("name", flat=True)[:20]
    return f"Name one with --credential: {', '.join(names)}." if names else "Add one first."


# -- How it looks ----------------------------------------------------------------------------------

_INDENT = " " * 31  # before the second line of a text
_NARROWEST = 60  # columns; below that a terminal may break the lines itself


def _say_nothing(_: Finding) -> None:
    """For JSON, which comes all at once."""


class _Page:
    """A line for each finding as it comes, and what to do at the end."""

    def __init__(self, out: OutputWrapper, style: Style) -> None:
        self._out = out
        self._style = style
        columns = shutil.get_terminal_size().columns if out.isatty() else 0
        self._columns = columns if columns >= _NARROWEST else 0

    def show(self, finding: Finding) -> None:
        timed = finding.duration_ms and finding.outcome is not Outcome.SKIPPED
        took = f"{finding.duration_ms:.0f} ms" if timed else ""
        head = f"{finding.step:<11} {self._mark(finding.outcome)} {took:>8}  "
        self._write(head, finding.detail)
        if answer := _answer(finding):
            self._write(_INDENT, answer)

    def conclude(self, report: Report) -> None:
        if report.failure is None or report.failure.diagnosis is None:
            self._out.write("\nAll is well: conversations can be held with this credential.")
        else:
            self._out.write("")
            self._write("What to do: ", report.failure.diagnosis.fix, indent="")

    def _mark(self, outcome: Outcome) -> str:
        paint = {Outcome.OK: self._style.SUCCESS, Outcome.FAILED: self._style.ERROR}
        return paint.get(outcome, str)(f"{outcome:<8}")

    def _write(self, head: str, text: str, *, indent: str = _INDENT) -> None:
        """Text after a head, whose colours take no room; broken to fit a terminal."""
        if self._columns:
            first = min(len(head), len(_INDENT))
            whole = textwrap.fill(
                text,
                self._columns - 1,
                initial_indent=" " * first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            text = whole[first:]
        self._out.write(head + text)
        self._out.flush()


def _answer(finding: Finding) -> str:
    """What the other end said when it refused; only that explains more than our own words."""
    if finding.outcome is not Outcome.FAILED or not (finding.status or finding.reason):
        return ""
    cut = "…" if len(finding.reason) >= _CUT_REASON else ""
    said = f'"{finding.reason}{cut}"' if finding.reason else ""
    if finding.status is None:
        return f"The answer: {said}"
    how = "HTTP status" if finding.status < _CLOSE_CODES else "Close code"
    return f"{how} {finding.status}" + (f": {said}" if said else "")


_CLOSE_CODES = 1000  # and above; HTTP has smaller ones
_CUT_REASON = 120  # characters; Google cuts what is longer than a close frame
