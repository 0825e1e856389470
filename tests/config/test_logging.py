"""No secret reaches a log line, and every record is one line."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.logging import ScrubbingFormatter, configure, scrub

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-4711"
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def logged(code: str) -> str:
    """Run `code` in an interpreter of its own and return what it writes to standard error."""
    command = [sys.executable, "-c", f"import logging\n{code}"]
    paths = {"PYTHONPATH": str(ROOT / "platform")}
    return subprocess.run(command, capture_output=True, check=True, text=True, env=paths).stderr


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f'"GET /v1beta/models?key={CANARY} HTTP/1.1" 200', '"GET /v1beta/models?[scrubbed] HTTP'),
        (f"wss://host/ws/x?access_token={CANARY}&alt=json failed", "/ws/x?[scrubbed] failed"),
        (f"/path%3Fkey%3D{CANARY}", "/path%3F[scrubbed]"),
        (f"query_string=b'page=1&key={CANARY}'", "page=1&key=[scrubbed]"),
        (f"access_token={CANARY}, next", "access_token=[scrubbed], next"),
        (f"client_secret={CANARY}&grant_type=x", "client_secret=[scrubbed]&grant_type=x"),
        (f"{{'Authorization': 'Bearer {CANARY}'}}", "'Authorization': 'Bearer [scrubbed]'"),
        (f"authorization: Token {CANARY}", "authorization: Token [scrubbed]"),
        (f"sent Bearer {CANARY}-{CANARY} away", "sent Bearer [scrubbed] away"),
        (f"X-Goog-Api-Key: {CANARY}", "X-Goog-Api-Key: [scrubbed]"),
        (f"key AIzaSy-made-up-{CANARY} used", "key [scrubbed] used"),
        (f"token ya29.made-up-{CANARY} used", "token [scrubbed] used"),
        (f"minted auth_tokens/{CANARY}", "minted auth_tokens/[scrubbed]"),
        (f"key prl_0123456789ab_{CANARY}", "key prl_0123456789ab_[scrubbed]"),
        (f"key prl_test_0123456789ab_{CANARY}", "key prl_test_0123456789ab_[scrubbed]"),
        (
            f"a -----BEGIN PRIVATE KEY-----\\n{CANARY}\n-----END PRIVATE KEY----- b",
            "a [scrubbed] b",
        ),
        (f"cut -----BEGIN RSA PRIVATE KEY-----\n{CANARY}", "cut [scrubbed]"),
    ],
)
def test_secrets_are_scrubbed(text: str, left: str) -> None:
    assert CANARY not in scrub(text)
    assert left in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "Is the worker running? It answers nothing",
        "Token refreshed successfully, basic authentication refused",
        "monkey=1 turns=3 conversation=0198",
        '127.0.0.1:5000 - "GET /history/ HTTP/1.1" 200',
    ],
)
def test_the_rest_is_left_alone(text: str) -> None:
    assert scrub(text) == text


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("live.client", logging.INFO, "client.py", 1, message, arguments, None)


def test_a_line_has_time_level_logger_and_message() -> None:
    formatter = ScrubbingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")

    line = formatter.format(record("Connected to %s", f"wss://host/ws?key={CANARY}"))

    assert re.fullmatch(
        LINE + r" INFO live\.client: Connected to wss://host/ws\?\[scrubbed\]", line
    )


def test_a_line_break_in_an_argument_makes_no_second_line() -> None:
    line = ScrubbingFormatter("%(message)s").format(record("Not found: %s", "/x\r\nERROR forged"))

    assert line == "Not found: /x\\r\\nERROR forged"


def test_an_unknown_level_names_the_variable_and_the_levels() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL is none of DEBUG, INFO, WARNING"):
        configure({"level": "verbose"})


def test_tracebacks_are_scrubbed() -> None:
    output = logged(f"""
from config.logging import configure
configure({{"level": "INFO"}})
try:
    raise ConnectionError("wss://host/ws?key={CANARY} refused")
except ConnectionError:
    logging.getLogger("live").exception("Lost")
""")

    assert "ConnectionError: wss://host/ws?[scrubbed] refused" in output
    assert CANARY not in output


def test_libraries_are_never_at_debug() -> None:
    output = logged("""
from config.logging import configure
configure({"level": "debug"})
for name in ("live.client", "conversations", "websockets.client", "django.db.backends", "x"):
    logging.getLogger(name).debug("said by %s", name)
""")

    assert re.findall(r"said by (\S+)", output) == ["live.client", "conversations"]


@pytest.mark.parametrize(
    "name", ["django", "django.server", "uvicorn.error", "uvicorn.access", "daphne.access"]
)
def test_every_logger_has_the_one_handler(name: str) -> None:
    output = logged(f"""
import logging.config
from django.conf import settings
from django.utils.log import DEFAULT_LOGGING
from uvicorn.config import LOGGING_CONFIG
from config.logging import configure
settings.configure()
logging.config.dictConfig(DEFAULT_LOGGING)
logging.config.dictConfig(LOGGING_CONFIG)
configure({{"level": "WARNING"}})
logging.getLogger("{name}").info("too low")
logging.getLogger("{name}").error("GET /path?key={CANARY}")
""")

    assert re.fullmatch(LINE + rf" ERROR {name}: GET /path\?\[scrubbed\]\n", output)
