import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from accounts.ids import uuid7


def milliseconds(value: UUID) -> int:
    return value.int >> 80


def test_version_and_variant() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, RFC_4122)


def test_begins_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert before <= milliseconds(made) <= after + 1


def test_each_is_greater_than_the_one_before() -> None:
    made = [uuid7() for _ in range(5000)]
    assert made == sorted(set(made))


def test_threads_make_no_two_alike() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(lambda: [uuid7() for _ in range(500)]) for _ in range(4)]
    assert len({one for future in made for one in future.result()}) == 2000
