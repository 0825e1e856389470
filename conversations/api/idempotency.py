"""`Idempotency-Key`: who sends a change again, because the answer was lost, gets the first answer.

A request with a key is noted before it begins, under its caller and a hash of what it asks for.
Its answer is kept for 24 hours, sealed. The same again gets the same answer; another request with
that key is refused (422), and so is one whose first still runs (409). Should the process die in
between, the note is released when its lease is over, and the next one begins afresh; a view that
changes nothing but rows says `keeps_answer_with_change = True`, and then change and answer are
one transaction: it happens once, whatever dies when.

What was not decided about the request itself is not kept: a fault of ours, a throttle, a key that
is not good, a conflict that passes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone
from rest_framework import exceptions, status

from accounts.api.models import IdempotentRequest
from accounts.callers import Caller
from accounts.ids import uuid7
from conversations.api.bodies import CHANGING
from conversations.api.problems import MEDIA_TYPE, is_api, refused

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT_FOR: Final = timedelta(hours=24)
# No request lasts longer: whatever one waits for has a shorter time-out.
LEASE: Final = timedelta(minutes=2)
RETRY_AFTER_S: Final = 1
MOST_BYTES: Final = 1 << 20
KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag", "Cache-Control", "Allow")
NOT_KEPT: Final = frozenset({401, 403, 408, 409, 423, 425, 429})
_FORM: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class InvalidKey(exceptions.APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "An Idempotency-Key is 1 to 255 printable ASCII characters without spaces."
    default_code = "invalid_idempotency_key"


class KeyReused(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request. Use a fresh one."
    default_code = "idempotency_key_reused"


class KeyInUse(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "The first request with this Idempotency-Key still runs. Ask again soon."
    default_code = "idempotency_key_in_use"
    wait = RETRY_AFTER_S


class IdempotencyMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        caller: Caller | None = getattr(request, "caller", None)
        key = request.headers.get(HEADER)
        if key is None or caller is None or not is_api(request) or request.method not in CHANGING:
            return self._get_response(request)
        try:
            row = begin(caller, key, fingerprint_of(request), timezone.now())
            if row.is_finished:
                return replay(row)
            return self._run(request, row)
        except exceptions.APIException as error:
            return refused(error)

    def _run(self, request: HttpRequest, row: IdempotentRequest) -> HttpResponseBase:
        together = keeps_answer_with_change(request)
        with transaction.atomic() if together else nullcontext():
            response = self._get_response(request)
            is_worth = is_worth_keeping(response)
            is_kept = is_worth and keep(row, response)
            # Somebody else has begun it meanwhile: then theirs is what happens.
            is_lost = together and is_worth and not is_kept
            if is_lost or (together and not is_kept and response.status_code >= 400):
                transaction.set_rollback(True)
        if is_lost:
            raise KeyInUse
        if not is_kept:
            release(row)
        return response


def keeps_answer_with_change(request: HttpRequest) -> bool:
    try:
        view = getattr(resolve(request.path_info).func, "cls", None)
    except Resolver404:
        return False
    return bool(getattr(view, "keeps_answer_with_change", False))


def fingerprint_of(request: HttpRequest) -> str:
    parts = (request.method, request.get_full_path(), request.headers.get("Content-Type", ""))
    asked = hashlib.sha256("\0".join(map(str, parts)).encode())
    asked.update(b"\0" + request.body)
    return asked.hexdigest()


def begin(caller: Caller, key: str, fingerprint: str, now: datetime) -> IdempotentRequest:
    """The note of this request, which is the caller's to run, or is finished.

    Raises InvalidKey, KeyReused, KeyInUse.
    """
    if not _FORM.fullmatch(key):
        raise InvalidKey
    whose = {"actor": caller.actor, "key_hash": hashlib.sha256(key.encode()).hexdigest()}
    row = IdempotentRequest.objects.filter(**whose).first()
    if row is None:
        return _first(whose, fingerprint, now)
    if row.expires_at <= now:
        return _take_over(row, fingerprint, now)
    if row.fingerprint != fingerprint:
        raise KeyReused
    if row.is_released(now):
        return _take_over(row, fingerprint, now)
    if not row.is_finished:
        raise KeyInUse
    return row


def _first(whose: dict[str, str], fingerprint: str, now: datetime) -> IdempotentRequest:
    row = IdempotentRequest(
        **whose, fingerprint=fingerprint, leased_until=now + LEASE, expires_at=now + KEPT_FOR
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise KeyInUse from None  # somebody was faster
    return row


def _take_over(row: IdempotentRequest, fingerprint: str, now: datetime) -> IdempotentRequest:
    as_it_was = IdempotentRequest.objects.filter(pk=row.pk, attempt=row.attempt)
    mine: dict[str, Any] = {
        "attempt": uuid7(),
        "fingerprint": fingerprint,
        "leased_until": now + LEASE,
        "expires_at": now + KEPT_FOR,
        "status": None,
    }
    if not as_it_was.filter(status=row.status).update(**mine):
        raise KeyInUse
    for name, value in mine.items():
        setattr(row, name, value)
    return row


def is_worth_keeping(response: HttpResponseBase) -> bool:
    if not isinstance(response, HttpResponse) or len(response.content) > MOST_BYTES:
        return False
    return response.status_code < 500 and response.status_code not in NOT_KEPT


def keep(row: IdempotentRequest, response: Any) -> bool:
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    return row.keep(response.status_code, headers, response.content)


def release(row: IdempotentRequest) -> None:
    IdempotentRequest.objects.filter(pk=row.pk, attempt=row.attempt, status=None).delete()


def replay(row: IdempotentRequest) -> HttpResponse:
    """The first answer once more. Raises Unsealable and KeysetUnreadable."""
    body = row.body()
    response = HttpResponse(body, status=row.status, headers=row.headers)
    response[REPLAYED] = "true"
    if response.get("Content-Type") == MEDIA_TYPE:
        response.problem_code = json.loads(body)["code"]  # type: ignore[attr-defined]
    return response
