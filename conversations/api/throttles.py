"""How many requests a minute: of each key or person, and of an organisation as a whole.

A window slides: of the minute before counts as much as still lies within the last sixty seconds.
So there is no burst of twice as many around the full minute. The counts stand in the cache, which
all web processes share where there is Redis. Headers as in the IETF's draft "RateLimit header
fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled

from accounts.callers import Caller
from conversations.api.problems import is_api, refused

log = logging.getLogger(__name__)

WINDOW_S: Final = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests in any WINDOW_S seconds; 0 is no bound. `subject` is whose they are."""

    name: str
    quota: int
    subject: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`used` is what counts of the last WINDOW_S seconds; `clears_in_s` is when some is free."""

    policy: Policy
    used: float
    clears_in_s: int

    @property
    def remaining(self) -> int:
        return max(0, math.floor(self.policy.quota - self.used))

    @property
    def is_over(self) -> bool:
        return self.used > self.policy.quota


def standing(policy: Policy, before: int, current: int, into_s: float) -> Standing:
    """`before` and `current` requests in this window and the one before, of which `into_s` seconds
    are over. Pure."""
    left = WINDOW_S - into_s
    used = before * left / WINDOW_S + current
    over = used - policy.quota
    if over <= 0:
        wait = left
    elif over * WINDOW_S <= before * left:
        wait = over * WINDOW_S / before  # those before go out of the window one after the other
    else:
        wait = left + WINDOW_S * max(0, current - policy.quota) / max(1, current - 1)
    return Standing(policy, used, max(1, math.ceil(wait)))


def policies_of(caller: Caller) -> list[Policy]:
    return [
        Policy("caller", settings.API_CALLER_RATE, caller.actor),
        Policy("tenant", settings.API_TENANT_RATE, str(caller.tenant_id)),
    ]


def count(policies: Sequence[Policy], now: float) -> list[Standing]:
    """Count a request of each, and tell how they stand. One that is refused does not count, so
    that who asks all the time is let in as often as it may."""
    window, into_s = divmod(now, WINDOW_S)
    policies = [each for each in policies if each.quota]
    names = [_name(each, int(window)) for each in policies]
    older = [_name(each, int(window) - 1) for each in policies]
    before = cache.get_many(older)
    standings = [
        standing(policy, before.get(old, 0), _one_more(name), into_s)
        for policy, name, old in zip(policies, names, older, strict=True)
    ]
    if any(each.is_over for each in standings):
        for name in names:
            cache.decr(name)
    return standings


def _one_more(name: str) -> int:
    if cache.add(name, 1, timeout=2 * WINDOW_S):
        return 1
    return cache.incr(name)


def _name(policy: Policy, window: int) -> str:
    return f"api-rate:{policy.name}:{policy.subject}:{window}"


class ThrottleMiddleware:
    """Where the cache does not answer, everybody is let in: it is no reason to stop."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        caller: Caller | None = getattr(request, "caller", None)
        if caller is None or not is_api(request):
            return self._get_response(request)
        try:
            standings = count(policies_of(caller), time.time())
        except (RedisError, OSError, ValueError) as error:  # ValueError: it went between two steps
            log.warning("requests are not counted: %s", type(error).__name__)
            standings = []
        over = [each for each in standings if each.is_over]
        if over:
            response: HttpResponseBase = refused(
                Throttled(wait=max(each.clears_in_s for each in over))
            )
        else:
            response = self._get_response(request)
        note(response, standings)
        return response


def note(response: HttpResponseBase, standings: Sequence[Standing]) -> None:
    if not standings:
        return
    response["RateLimit-Policy"] = ", ".join(
        f'"{each.policy.name}";q={each.policy.quota};w={WINDOW_S}' for each in standings
    )
    response["RateLimit"] = ", ".join(
        f'"{each.policy.name}";r={each.remaining};t={each.clears_in_s}' for each in standings
    )
