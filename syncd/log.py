"""Logs to stderr with structlog, together with the records of the standard library's logging.

On a terminal the lines are for people, in systemd's journal they are fields, and elsewhere they are JSON.

Every event passes :func:`guarded`: a field is a number, an id or a short text, never a payload. A text that looks like
a key, a phone number, an e-mail address or a URL's query is made unreadable.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from syncd import journald
from syncd.errors import ConfigError

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

VARIABLE = "SYNCD_LOG_LEVEL"

# Below WARNING, libraries log URLs, headers, statements and values: they are never heard below it.
OURS = ("syncd", "connectors")
"""The loggers that the level applies to."""

LONGEST = 300
"""The most characters of a text that are logged."""

_SECRET_NAME = re.compile(
    r"auth|token|secret|passw|credential|api_?key|cookie|header|body|payload|fields|^params$", re.IGNORECASE
)
# In this order: a URL loses its query before the rules for users and e-mail addresses look at it.
_REPLACED = (
    (re.compile(r"(https?://)(?:[^\s/@]*@)?([^\s?#'\"]*)[?#][^\s'\"]*"), r"\1\2?***"),
    (re.compile(r"(https?://)[^\s/@]*@"), r"\1"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
    (re.compile(r"[^\s@<>\"'=]+@[^\s@<>\"']+\.[^\s@<>\"']+"), "***@***"),
)
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+?\d{10,15}|\+\d[\d ().-]{7,}\d|(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-])"
)
# Fields that syncd itself makes: a digest or a time may look like a phone number.
_OWN_NAMES = frozenset({"timestamp", "level", "logger", "run", "digest"})

_secrets: set[str] = set()


def level_of(name: str | None, environ: Mapping[str, str] = os.environ) -> int:
    """Return the level called ``name``, else the level in ``$SYNCD_LOG_LEVEL``, else INFO.

    Raises:
        ConfigError: there is no level of that name.
    """
    chosen = name or environ.get(VARIABLE) or "info"
    if chosen.lower() not in LEVELS:
        by = "--log-level" if name else f"${VARIABLE}"
        raise ConfigError(f"{by}: there is no level {chosen!r}; there are: {', '.join(LEVELS)}")
    return LEVELS[chosen.lower()]


def configure(level: int, *, human: bool | None = None) -> None:
    """Send all logs to stderr, or to the journal that stderr leads to.

    ``human``: for a person to read; by default if stderr is a terminal.
    """
    journal = human is None and journald.is_journal()
    if human is None:
        human = sys.stderr.isatty()
    colours = human and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=colours) if human else structlog.processors.JSONRenderer(default=str)
    )
    if journal:
        last = journald.fields
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        # Exceptions first: what they become must pass the guard as well.
        _without_values,
        guarded,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler: logging.Handler = journald.Journal(journald.SOCKET) if journal else _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    _install(handler, level)


def _install(handler: logging.Handler, level: int) -> None:
    # configure() may be called twice, by a test or a command within a command: the lines must not double.
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Stderr | journald.Journal)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)


def hide(secrets: Iterable[str]) -> None:
    """Keep these texts out of every log line."""
    # A shorter secret would be found inside ordinary words, and make the logs useless.
    _secrets.update(secret for secret in secrets if len(secret) >= 4)


class _Stderr(logging.StreamHandler[Any]):
    """Writes to the present ``sys.stderr``, which a progress bar replaces to keep lines above itself."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (its base's name)
        """Ignore the error: a log that cannot be written must not stop a run."""


def guarded(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make values unreadable that must never be logged (a structlog processor)."""
    # Names that begin with "_" are structlog's own, and its last processor removes them.
    return {name: value if name.startswith("_") else _safe(name, value) for name, value in event.items()}


def _safe(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if _SECRET_NAME.search(name):
        return "***"
    if isinstance(value, int):
        return value
    if isinstance(value, str | Path):
        return _cut(redacted(str(value), phones=name not in _OWN_NAMES))
    if isinstance(value, list | tuple) and len(value) <= 20 and all(isinstance(each, str | int) for each in value):
        return [_safe(name, each) for each in value]
    # Any other object may hold a payload: only its type is logged.
    return f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def redacted(text: str, *, phones: bool = True) -> str:
    """Return ``text`` without secrets, e-mail addresses, URL queries and, if ``phones``, phone numbers."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return _PHONE.sub("***", text) if phones else text


def _without_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and its place in the code: its message may hold a contact's data."""
    info = event.pop("exc_info", None)
    event.pop("exc_text", None)
    event.pop("stack_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["at"] = chain(error)[-6:]
    return event


def chain(error: BaseException) -> list[str]:
    """Return the places in the code that an error passed, the place where it was raised last; without any value.

    A place is ``syncd/sync.py:120 in _plan``.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]


def _short(file: str) -> str:
    parts = Path(file).parts
    for package in ("syncd", "connectors", "site-packages"):
        if package in parts[:-1]:
            last = len(parts) - 1 - parts[::-1].index(package)
            return "/".join(parts[last + (package == "site-packages") :])
    return Path(file).name
