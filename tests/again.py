"""Ask a few tests that failed among all others once more, by themselves.

`make test` ends with this when pytest has found failures. Two cores that three processes and a
dozen servers share can stop a browser for seconds; a fault of ours fails alone as well. What passes
only alone is named, so that it is mended. docs/decisions/046 says more.

    python -m tests.again <pytest's exit code>
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

FAILED: Final = Path(".pytest_cache/v/cache/lastfailed")
# More than that is no accident.
MOST: Final = 3
# A worker's report names the group behind the test.
GROUP: Final = "@"


def failed_tests() -> list[str]:
    """The ids of those that failed in the last run, as pytest takes them."""
    if not FAILED.exists():
        return []
    return sorted({_without_group(each) for each in json.loads(FAILED.read_text())})


def _without_group(test: str) -> str:
    name, found, group = test.rpartition(GROUP)
    # A parameter may hold the sign as well, but ends with a bracket.
    return name if found and not group.endswith("]") else test


def main(exit_code: int) -> int:
    """Returns what the whole run comes to: 0 if each of them passes alone."""
    tests = failed_tests()
    if exit_code != 1 or not 0 < len(tests) <= MOST:
        return exit_code
    say(f"\n{len(tests)} failed among the others. Once more, alone:")
    for test in tests:
        if code := subprocess.run([sys.executable, "-m", "pytest", test], check=False).returncode:
            return code
    say("\nPassed, but only alone. Mend what depends on the machine's speed:", *tests)
    return 0


def say(*lines: str) -> None:
    sys.stdout.write("\n  ".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
