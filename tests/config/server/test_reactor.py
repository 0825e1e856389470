"""The reactor is installed once for a process, so each look at it takes a fresh one."""

import subprocess
import sys

from tests.services import ROOT

SHOW = "from twisted.internet import reactor; print(type(reactor._asyncioEventloop).__module__)"


def test_daphne_takes_the_reactor_on_uvloop() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", f"import config.server.daphne; {SHOW}"],
        cwd=ROOT / "platform",
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "uvloop"
