"""Logging: one plain line a record on standard error, scrubbed of whatever could be a secret.

The official Gemini SDKs put API keys and tokens in the query string, and servers log request
lines; so no query string reaches a log, wherever in a record or a traceback it stands.
"""

import logging
import logging.config
import re
import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# DEBUG is for our own code. At that level libraries log frames, SQL with its parameters and
# headers: spoken words and secrets.
OWN_LOGGERS = ("config", "live", "accounts", "conversations")

# Django and uvicorn give these handlers or levels of their own.
TAMED_LOGGERS = ("django", "django.server", "uvicorn", "uvicorn.error", "uvicorn.access")

SCRUBBED = "[scrubbed]"
SECRETS = [
    # Any query string. The question mark of a sentence is followed by a space.
    (re.compile(r"(\?|%3F)[^\s?\"'<>]+", re.IGNORECASE), rf"\1{SCRUBBED}"),
    # A parameter by itself; `=` may be percent-encoded.
    (
        re.compile(
            r"\b((?:api_?|access_?|refresh_?|id_?)?(?:key|token)|client_secret|assertion"
            r"|password)(=|%3D)[^\s&\"',;)\]}]+",
            re.IGNORECASE,
        ),
        rf"\1\2{SCRUBBED}",
    ),
    # Headers, in whatever quotes.
    (
        re.compile(r"\b(authorization\W{1,6}(?:basic|bearer|token)\s+)[^\s\"',]+", re.IGNORECASE),
        rf"\1{SCRUBBED}",
    ),
    (re.compile(r"\b(x-goog-api-key\W{1,6})[\w-]+", re.IGNORECASE), rf"\1{SCRUBBED}"),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{16,}", re.IGNORECASE), rf"\1{SCRUBBED}"),
    # Our own API keys; the prefix is no secret and finds the row.
    (re.compile(r"\b(prl_(?:test_)?[0-9a-f]+_)[\w-]+"), rf"\1{SCRUBBED}"),
    # Google's API keys, OAuth tokens and ephemeral tokens, by their shape.
    (re.compile(r"\bAIza[\w-]{16,}|\bya29\.[\w.-]+"), SCRUBBED),
    (re.compile(r"\b(auth_tokens/)[\w-]+"), rf"\1{SCRUBBED}"),
    (
        re.compile(
            r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        SCRUBBED,
    ),
]


def scrub(text: str) -> str:
    """Return `text` without query strings and without anything that looks like a credential."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class ScrubbingFormatter(logging.Formatter):
    """Time (UTC), level, logger and message on one line; a traceback on the lines below it."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        # A line break in a path or a name would let a caller write log lines of his own.
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def configure(config: dict[str, Any]) -> None:
    """Set up logging: Django's LOGGING_CONFIG, with LOGGING as `config`.

    `config["level"]` is the level of our own loggers; everybody else's is at least INFO. Raises
    ImproperlyConfigured for a level that does not exist.
    """
    level = str(config.get("level", "INFO")).upper()
    if level not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is none of {', '.join(LEVELS)}.")
    others = "INFO" if level == "DEBUG" else level
    levels = {name: {"level": level} for name in OWN_LOGGERS}
    # Its INFO is "connection open", of whichever connection.
    levels["websockets"] = {"level": "WARNING" if others == "INFO" else others}
    tamed = {name: {"handlers": [], "level": others, "propagate": True} for name in TAMED_LOGGERS}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": ScrubbingFormatter,
                    "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": others},
            "loggers": {**levels, **tamed},
        }
    )
