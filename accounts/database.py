"""ORM work from asynchronous code, on threads of our own.

asgiref runs all consumers' database work on one shared thread per process, so that one slow
query holds up every socket. These threads serve nothing else, and the event loop never waits.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connection, connections

_P = ParamSpec("_P")
_T = TypeVar("_T")

# SQLite has one writer: a second thread would only wait for its lock.
_THREADS = {"sqlite": 1}
_THREADS_OTHERWISE = 4

_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


async def in_database(fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run `fn(*args, **kwargs)`, which may use the ORM, on a database thread.

    The context (so the tenant's scope) goes with it. Whatever `fn` raises is raised here.
    Cancelling stops the waiting, not `fn`: a statement that has begun runs to its end.
    Each thread has a connection of its own, which does not see a transaction of the caller's.
    """
    context = contextvars.copy_context()
    work = partial(context.run, _with_fresh_connection, partial(fn, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def close_database_threads() -> None:
    """End the threads and close their connections. The next `in_database` starts new ones."""
    global _pool
    with _pool_lock:
        pool, _pool = _pool, None
    if pool is None:
        return
    # A connection can only be closed by its own thread. The barrier makes each take one task.
    barrier = threading.Barrier(_thread_count())
    for _ in range(barrier.parties):
        pool.submit(_close_connections, barrier)
    pool.shutdown()


def _threads() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603 - the process has one pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(_thread_count(), thread_name_prefix="database")
        return _pool


def _thread_count() -> int:
    return _THREADS.get(connection.vendor, _THREADS_OTHERWISE)


def _with_fresh_connection(work: Callable[[], _T]) -> _T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _close_connections(barrier: threading.Barrier) -> None:
    barrier.wait()
    connections.close_all()
