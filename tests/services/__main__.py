"""`python -m tests.services install` installs what the tests need and is missing.
`python -m tests.services serve` runs it until standard input closes.

`serve` answers in lines of JSON: first `{"environment": {...}}`; then, to a line `postgres`,
`{"postgres": "ready"}` once the database takes connections, or `{"error": "..."}`.
"""

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from tests.services import ServiceError, node, postgres, programs, redis


def serve(folder: Path, stack: ExitStack) -> None:
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEYSET_FILE": str(folder / "keyset.json"),
        "PUBLIC_URL": "http://localhost:8000",
        # Nothing listens there: a test that forgets the simulator fails, and never dials out.
        "GEMINI_BASE_URL": "http://127.0.0.1:9",
        **_databases(folder),
        "REDIS_URL": redis.given() or stack.enter_context(redis.running(folder)),
    }
    _say({"environment": environment})
    for line in sys.stdin:
        if line.strip() == "postgres" and not os.environ.get("DATABASE_URL"):
            stack.enter_context(postgres.running(folder))
        _say({"postgres": "ready"})


def _databases(folder: Path) -> dict[str, str]:
    given = os.environ.get("DATABASE_URL")
    if given:
        # Without an owner apart the tests of row security say so, and fail.
        owner = os.environ.get("MIGRATE_DATABASE_URL", "")
        return {"DATABASE_URL": given, "MIGRATE_DATABASE_URL": owner}
    return {
        "DATABASE_URL": postgres.url(folder),
        "MIGRATE_DATABASE_URL": postgres.owner_url(folder),
    }


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def main(arguments: list[str]) -> int:
    if arguments == ["install"]:
        return max([programs.install(), node.install()])
    if arguments != ["serve"]:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    folder = Path(tempfile.mkdtemp(prefix="parley-tests-"))
    # PostgreSQL may run as another user, who has to pass through to its own folder.
    folder.chmod(0o711)
    try:
        with ExitStack() as stack:
            serve(folder, stack)
    except ServiceError as error:
        _say({"error": str(error)})
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
