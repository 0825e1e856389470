"""A tenant's owners take everything along, ask for its deletion, and take that back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, TimestampSigner
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import record
from accounts.callers import Caller
from accounts.confirmation import ask, log_in_again
from accounts.leaving.archives import ArchiveRefused, ask_for_archive
from accounts.leaving.departures import (
    DepartureRefused,
    ask_to_leave,
    effects,
    name_of_actor,
    open_departure,
    take_back,
)
from accounts.leaving.models import Archive
from accounts.models import Tenant
from accounts.roles import Permission

# A page shows links that work for so long. They work for whom they were shown to.
LINK_TERM_S = 15 * 60
PIECE = 256 * 1024
_SIGNER = TimestampSigner(salt="accounts.leaving.archive")
MOST_SHOWN = 5


@never_cache
@login_required
@require_safe
def organisation(request: HttpRequest) -> HttpResponse:
    """The organisation's own page: its archives, and its leaving."""
    caller = _owner(request)
    departure = open_departure(caller.tenant_id)
    context = {
        "archives": [shown(each, caller) for each in Archive.objects.all()[:MOST_SHOWN]],
        "is_making": Archive.objects.filter(state__in=Archive.OPEN).exists(),
        "has_ready": Archive.objects.filter(state=Archive.State.READY).exists(),
        "keep_days": settings.ARCHIVE_KEEP_DAYS,
        "departure": departure,
        "asked_by": name_of_actor(departure.asked_by) if departure else "",
        "sends_mail": bool(settings.EMAIL_URL),
    }
    return render(request, "accounts/leaving/organisation.html", context)


def shown(archive: Archive, caller: Caller) -> dict[str, Any]:
    """An archive for the page, with the key of its link."""
    what = _what(archive.pk, caller)
    return {
        "row": archive,
        "key": _SIGNER.sign(what).removeprefix(f"{what}:"),
        "asked_by": name_of_actor(archive.asked_by),
    }


@login_required
@require_POST
def make_archive(request: HttpRequest) -> HttpResponse:
    caller = _owner(request)
    try:
        ask_for_archive(Tenant.objects.get(pk=caller.tenant_id), caller.actor)
    except ArchiveRefused as error:
        messages.error(request, str(error))
    return redirect("organisation")


@never_cache
@login_required
@require_safe
def download_archive(request: HttpRequest, archive_id: UUID) -> HttpResponseBase:
    """Give the file out, to an owner with a link that was shown to her a short while ago."""
    caller = _owner(request)
    archive = Archive.objects.filter(pk=archive_id, state=Archive.State.READY).first()
    if archive is None:
        raise Http404
    try:
        signed = f"{_what(archive.pk, caller)}:{request.GET.get('key', '')}"
        _SIGNER.unsign(signed, max_age=LINK_TERM_S)
    except BadSignature:
        messages.info(request, "That link is not valid any more. Here is a new one.")
        return redirect("organisation")
    if not _is_whole(archive):
        messages.error(request, "The file is not there any more. Make a new archive.")
        return redirect("organisation")
    record("archive.downloaded", archive, actor=caller.actor)
    return _file(archive)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """Ask for the deletion of everything: the effects, and the organisation's name to type."""
    caller = _owner(request)
    tenant = Tenant.objects.get(pk=caller.tenant_id)
    if not tenant.is_active:
        return redirect("organisation")
    if again := log_in_again(request, request.path):
        return again
    question = ask(request, f"Delete {tenant.name}?", effects(tenant), word=tenant.name)
    if question is not None:
        context = {"question": question, "grace_days": settings.LEAVE_GRACE_DAYS}
        return render(request, "accounts/leaving/leave.html", context)
    try:
        ask_to_leave(tenant.pk, caller.actor, timezone.now())
    except DepartureRefused as error:
        messages.error(request, str(error))
    return redirect("organisation")


@login_required
@require_POST
def stay(request: HttpRequest) -> HttpResponse:
    """Take the leaving back."""
    caller = _owner(request)
    try:
        take_back(caller.tenant_id, caller.actor, timezone.now())
    except DepartureRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Your organisation stays. Everybody is let in again.")
    return redirect("organisation")


def _owner(request: HttpRequest) -> Caller:
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None or caller.user_id is None or not caller.may(Permission.LEAVE):
        raise PermissionDenied
    return caller


def _what(archive_id: UUID, caller: Caller) -> str:
    """What a link is good for: one file, for one person."""
    return f"{archive_id}.{caller.user_id}"


def _is_whole(archive: Archive) -> bool:
    return default_storage.exists(archive.file) and (
        default_storage.size(archive.file) == archive.bytes
    )


def _file(archive: Archive) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_Pieces(archive.file), content_type="application/zip")
    answer["Content-Length"] = str(archive.bytes)
    name = f"{archive.tenant.slug}-{archive.asked_at:%Y-%m-%d}.zip"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


class _Pieces:
    """A stored file, read piece by piece beside the event loop. Django closes it, also when the
    reader has gone away."""

    def __init__(self, name: str) -> None:
        self._file = default_storage.open(name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(self._file.read, PIECE):
            yield piece

    def close(self) -> None:
        self._file.close()
