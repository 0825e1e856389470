"""What tests share: the database, the cast, the simulator, child processes, the browser."""

import os
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.cast import Cast, make_cast
from tests.children import Children
from tests.services import OURS, SERVICES
from tests.services.programs import CHROMIUM, find_chromium
from tests.services.redis import free_port as find_free_port

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from live.simulator import Simulator
    from tests.services.migrated import Migrated

CHILDREN = pytest.StashKey[Children]()

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile(
    "parley", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("parley")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    pytestconfig: pytest.Config, keyset_file: Path, migrated: "Migrated | None"
) -> Iterator[ExitStack]:
    """Start PostgreSQL when the first test asks for the database (a hook of pytest-django), and
    be its owner until the test database is made."""
    from django.db import connection

    from accounts.postgresql.owner import as_owner

    pytestconfig.stash[SERVICES].start_postgres()
    with ExitStack() as owning:
        if migrated is not None:
            owning.enter_context(migrated.turn())
            migrated.restore()
        owning.enter_context(as_owner(connection))
        yield owning


@pytest.fixture(scope="session")
def migrated() -> "Migrated | None":
    """What a server of our own begins with; None for one that was given."""
    from django.db import connection

    from tests.services.migrated import Migrated

    if "DATABASE_URL" not in os.environ.get(OURS, "").split():
        return None
    settings = connection.settings_dict
    return Migrated(settings["OPTIONS"]["host"], f"test_{settings['NAME']}")


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
def django_db_createdb(migrated: "Migrated | None") -> bool:
    """Never begin with what an earlier run has left on a server that was given."""
    return migrated is None


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_modify_db_settings: ExitStack,
    django_db_blocker: "DjangoDbBlocker",
    migrated: "Migrated | None",
) -> None:
    """Let tests that commit empty the audit's tables afterwards, in this database only: elsewhere
    triggers without an exception refuse it. Those against UPDATE and DELETE stay. From here on
    the tests are the application's role."""
    from django.db import connection

    if migrated is not None and not migrated.is_kept:
        migrated.keep()
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
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Those of the demo come first: they take longest. Those that leave rows behind come last."""
    fixtures = getattr(item, "fixturenames", ())
    return 0 if "demo" in fixtures else 2 if "shared_database" in fixtures else 1


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what has to run in one process, one after the other (`make test` runs several, and each
    takes the next group in order): all of the demo, for which one demo does; else a file's tests,
    whose fixtures are then made once. So no process goes back to tests that expect empty tables.
    """
    turn = _turn(item)
    group = "demo" if turn == 0 else f"{item.location[0]} {turn}"
    item.add_marker(pytest.mark.xdist_group(group))


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
