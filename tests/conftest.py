"""What tests share: the database, the cast, the simulator, child processes, the browser."""

import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cast import Cast, make_cast
from tests.children import Children
from tests.services import SERVICES
from tests.services.programs import CHROMIUM, find_chromium
from tests.services.redis import free_port as find_free_port

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from live.simulator import Simulator

CHILDREN = pytest.StashKey[Children]()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    pytestconfig: pytest.Config, keyset_file: Path
) -> Iterator[ExitStack]:
    """Start PostgreSQL when the first test asks for the database (a hook of pytest-django), and
    be its owner until the test database is made."""
    from django.db import connection

    from accounts.postgresql.owner import as_owner

    pytestconfig.stash[SERVICES].start_postgres()
    with ExitStack() as owning:
        owning.enter_context(as_owner(connection))
        yield owning


@pytest.fixture(scope="session", autouse=True)
def fast_passwords() -> None:
    """Hundreds of test users log in; a slow hash would be most of the suite's time."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def browsers_keep_secrets() -> None:
    from tests.browsers import keep_secrets

    keep_secrets()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Leave the test database: its server is thrown away, and children may be connected."""
    return True


@pytest.fixture(scope="session")
def django_db_createdb() -> bool:
    """Never begin with what an earlier run has left."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_modify_db_settings: ExitStack,
    django_db_blocker: "DjangoDbBlocker",
) -> None:
    """Let tests that commit empty the audit's tables afterwards, in this database only: elsewhere
    triggers without an exception refuse it. Those against UPDATE and DELETE stay. From here on
    the tests are the application's role."""
    from django.db import connection

    acts = {
        "postgresql": "ALTER TABLE {0} DISABLE TRIGGER audit_no_truncate",
        "sqlite": "DROP TRIGGER IF EXISTS {0}_no_delete",  # it has no TRUNCATE
    }
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("accounts_auditentry", "accounts_auditseal", "accounts_auditlink"):
            cursor.execute(acts[connection.vendor].format(table))
    django_db_modify_db_settings.close()


@pytest.fixture
def owned_database(django_db_setup: None) -> Iterator[None]:
    """Let a test be the database's owner: `usefixtures("owned_database")`, so that it comes before
    the test's transaction. Row security holds the owner too."""
    from django.db import connection

    from accounts.postgresql.owner import as_owner

    with as_owner(connection):
        yield


@pytest.fixture(scope="session")
def keyset_file() -> Path:
    """The keyset of `settings.KEYSET_FILE`, made anew for this run."""
    from django.conf import settings

    from accounts.keyset import create_keyset

    path = Path(settings.KEYSET_FILE)
    create_keyset(path)
    return path


@pytest.fixture
def shared_database(db: None) -> None:
    """For tests with real processes, which may still be writing when a test ends.

    Nothing that is written from another thread is rolled back or flushed: a flush would lock its
    way into those processes' transactions. Such a test makes tenants of its own (`shared_cast`)
    and looks at nothing else, and it runs after all tests that expect empty tables.
    """


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "shared_database" in getattr(item, "fixturenames", ()))


@pytest.fixture
def cast(db: None) -> Cast:
    """Two tenants with a user for each role, their API keys, and the platform's operator.

    Ask for `transactional_db` beside it when another thread has to see them, and take
    `shared_cast` where processes write.
    """
    return make_cast()


@pytest.fixture
def shared_cast(shared_database: None) -> Cast:
    """The cast under names that no other test has, for everybody to see."""
    from django.db import connections

    def committed() -> Cast:
        try:
            return make_cast(f"-{uuid.uuid4().hex[:12]}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(committed).result()


@pytest.fixture
async def simulator() -> "AsyncIterator[Simulator]":
    """A simulated Gemini Live API on a free port."""
    from live.simulator import Simulator

    async with Simulator() as running:
        yield running


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago; bind port 0 instead where you can."""
    return find_free_port()


@pytest.fixture
def spawn(request: pytest.FixtureRequest) -> Iterator[Children]:
    """Start `manage.py` children; see `tests.children.Children`. All end with the test."""
    children = request.node.stash[CHILDREN] = Children()
    yield children
    children.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and CHILDREN in item.stash:
        report.sections.extend(item.stash[CHILDREN].outputs())
    return report


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """A Chromium that starts; as root it wants `--no-sandbox`."""
    path = find_chromium()
    if path is None:
        pytest.fail(CHROMIUM.advice())
    return path
