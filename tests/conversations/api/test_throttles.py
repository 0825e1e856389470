"""No more than so many requests in any minute, and everybody is told how many are left."""

import re

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.api_keys import create_api_key
from conversations.api.throttles import WINDOW_S, Policy, Standing, count, standing
from tests.cast import Cast
from tests.conversations.talks import with_key

LIST = "/api/v1/conversations/"


@pytest.fixture
def own_cache(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


def after(found: Standing, before: int, current: int, into_s: float) -> Standing:
    """How one more request stands when the refused one has waited as it was told."""
    then = into_s + found.clears_in_s
    if then < WINDOW_S:
        return standing(found.policy, before, current, then)
    if then < 2 * WINDOW_S:
        return standing(found.policy, current - 1, 1, then - WINDOW_S)
    return standing(found.policy, 0, 1, 0)


counts = st.integers(0, 500)


@given(st.integers(1, 300), counts, counts.filter(bool), st.floats(0, WINDOW_S, exclude_max=True))
def test_who_waits_as_told_is_let_in(quota: int, before: int, current: int, into_s: float) -> None:
    # No more than the quota has ever been let in, and the last one is asked about.
    before, current = min(before, quota), min(current, quota + 1)
    found = standing(Policy("caller", quota, "k"), before, current, into_s)
    assert 1 <= found.clears_in_s <= 2 * WINDOW_S
    assert found.remaining <= quota
    if found.is_over:
        assert found.remaining == 0
        assert not after(found, before, current, into_s).is_over


def test_a_window_slides(own_cache: None) -> None:
    policy = Policy("caller", 10, "k")
    let_in = [not count([policy], 6000.0 + second)[0].is_over for second in range(59) for _ in "ab"]
    assert sum(let_in) == 10
    # A full minute is no new beginning: what lies within the last sixty seconds counts.
    assert count([policy], 6060.0)[0].is_over
    assert not count([policy], 6066.5)[0].is_over
    assert [count([policy], 6090.0)[0].is_over for _ in range(5)] == [False] * 4 + [True]


def test_all_of_a_tenant_count_together_and_a_refused_one_does_not(own_cache: None) -> None:
    tenant = Policy("tenant", 3, "t")
    keys = [Policy("caller", 2, name) for name in "ab"]
    assert not any(each.is_over for _ in "12" for each in count([keys[0], tenant], 60.0))
    assert [each.is_over for each in count([keys[0], tenant], 60.0)] == [True, False]
    assert [each.is_over for each in count([keys[1], tenant], 60.0)] == [False, False]
    assert [each.is_over for each in count([keys[1], tenant], 60.0)] == [False, True]
    assert count([Policy("caller", 0, "free")], 60.0) == []


def test_answers_tell_how_it_stands(cast: Cast, own_cache: None, settings: Settings) -> None:
    settings.API_CALLER_RATE, settings.API_TENANT_RATE = 2, 1000
    acme = with_key(cast.acme.api_key)
    first, second, third = (acme.get(LIST) for _ in range(3))
    assert [each.status_code for each in (first, second, third)] == [200, 200, 429]
    assert first["RateLimit-Policy"] == '"caller";q=2;w=60, "tenant";q=1000;w=60'
    left = re.compile(r'"caller";r=(\d+);t=\d+, "tenant";r=(\d+);t=\d+')
    assert [left.fullmatch(each["RateLimit"]) is not None for each in (first, third)] == [True] * 2
    found = left.fullmatch(second["RateLimit"])
    assert found is not None
    assert found.groups() == ("0", "998")
    assert third.json()["code"] == "throttled"
    assert 1 <= int(third["Retry-After"]) <= 120
    assert third["RateLimit"].startswith('"caller";r=0')
    # Another key of the tenant has its own count, and somebody else's tenant as well.
    _, text = create_api_key(cast.acme.tenant, "second", ["read"])
    assert with_key(text).get(LIST).status_code == 200
    assert with_key(cast.globex.api_key).get(LIST).status_code == 200


def test_nobody_else_is_counted(client: Client, db: None) -> None:
    assert "RateLimit" not in client.get(LIST)
    assert "RateLimit" not in client.get("/account/login/")


def test_without_its_cache_everybody_is_let_in(cast: Cast, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    answer = with_key(cast.acme.api_key).get(LIST)
    assert (answer.status_code, "RateLimit" in answer) == (200, False)
