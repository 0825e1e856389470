"""The cache that all web processes share."""

from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache

from config import settings
from config.cache import JsonSerializer


@pytest.mark.parametrize("value", [0, 7, True, [1.5, 2.25], {"a": None}, "text"])
def test_values_come_back(value: Any) -> None:
    serializer = JsonSerializer()
    stored = serializer.dumps(value)
    back = serializer.loads(stored if isinstance(stored, bytes) else str(stored).encode())
    assert back == value
    assert type(back) is type(value)


def test_two_processes_share_it() -> None:
    chosen = settings.CACHES["default"]
    parameters = {key: value for key, value in chosen.items() if key not in {"BACKEND", "LOCATION"}}
    one, other = (RedisCache(chosen["LOCATION"], {**parameters}) for _ in range(2))
    one.set("test_cache", [1.0, 2.0], 30)
    assert other.get("test_cache") == [1.0, 2.0]
    assert not other.add("test_cache", True, 30)
    one.delete("test_cache")
    assert other.get("test_cache") is None
    assert other.add("test_cache", True, 30)
    other.set("test_count", 1, 30)
    other.incr("test_count")
    assert one.get("test_count") == 2
    one.close()
    other.close()
