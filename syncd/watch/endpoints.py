"""Serves ``/metrics``, ``/healthz`` and ``/readyz`` on a loopback port or a Unix socket, from the state file.

It is a thread of the daemon, and small: it reads no configuration and imports neither Polars nor SQLAlchemy. Labels
are names of sources, never a contact's data.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from syncd.errors import ConfigError, SyncdError
from syncd.watch.activity.alarms import ACTIVITY
from syncd.watch.activity.alarms import KINDS as OF_ACTIVITY
from syncd.watch.activity.gauges import activity_gauges
from syncd.watch.activity.sinks import sink_gauges
from syncd.watch.alarms import BROKEN, OF_SOURCES
from syncd.watch.settings import Clock, Watch
from syncd.watch.status import company_status, held_of

FRESH = 5.0
"""Seconds for which a status is reused."""

COUNTED = 60.0
"""Seconds for which the number of contacts is reused: counting a million takes a while."""

TEXT = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

Status = dict[str, Any]
Page = tuple[int, str, bytes]


class StatusCache:
    """The status of the company, read from the state file no more often than needed. Used by several threads."""

    def __init__(self, watch: Watch, clock: Clock = time.time) -> None:
        self._watch = watch
        self._clock = clock
        self._lock = threading.Lock()
        self._at = self._counted_at = float("-inf")
        self._status: Status = {}
        self._contacts: dict[str, int] = {}
        self._calls: Status = {}

    def now(self) -> Status:
        """Return the status as :func:`syncd.watch.status.company_status` describes it.

        Raises:
            StateError: the state file cannot be read.
        """
        with self._lock:
            now = self._clock()
            # A negative age means that the clock was set back: without the 0 the cache would be fresh for hours.
            if not 0 <= now - self._at < FRESH:
                self._read(now)
            return self._status

    def _read(self, now: float) -> None:
        count = not 0 <= now - self._counted_at < COUNTED
        status = company_status(self._watch, now, counted=count)
        if count:
            self._contacts = {each["source"]: each["contacts"] for each in status["sources"]}
            self._counted_at = now
            self._calls = {name: (status["activity"] or {}).get(name) for name in ("calls", "coverage")}
        for each in status["sources"]:
            each["contacts"] = self._contacts.get(each["source"], 0)
        if status["activity"]:
            status["activity"] |= self._calls
        self._at, self._status = now, status


class Gauges:
    """The metrics (a collector of prometheus-client)."""

    def __init__(self, cache: StatusCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        # A failing collector would answer 500 and hide why: the metric of the state file says it instead.
        try:
            status = self._cache.now()
        except SyncdError:
            yield GaugeMetricFamily("syncd_state_readable", "Whether the state file can be read.", 0)
            return
        yield GaugeMetricFamily("syncd_state_readable", "Whether the state file can be read.", 1)
        yield GaugeMetricFamily("syncd_healthy", "Whether no alarm stands.", int(status["healthy"]))
        yield _alarms(status)
        yield from _of_sources(status["sources"])
        yield from _of_budget(status)
        for each in activity_gauges(status["activity"]) if status["activity"] else ():
            yield _gauge(*each)
        for each in sink_gauges(status["sinks"]) if status["sinks"] else ():
            yield _gauge(*each)


def _gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float | None]]
) -> Metric:
    """Return a metric with one sample for each combination of label values; a sample of None is left out."""
    metric = GaugeMetricFamily(f"syncd_{name}", text, labels=labels)
    for values, number in samples:
        if number is not None:
            metric.add_metric(values, number)
    return metric


def _alarms(status: Status) -> Metric:
    standing = {(each["source"], each["kind"]) for each in status["alarms"]}
    # Alarms that do not stand are 0, not absent: a rule of Prometheus cannot watch a metric that comes and goes.
    possible = [("", "key"), *((each["source"], kind) for each in status["sources"] for kind in OF_SOURCES)]
    possible += [(ACTIVITY, kind) for kind in OF_ACTIVITY] if status["activity"] else []
    samples = [(alarm, int(alarm in standing)) for alarm in possible]
    return _gauge("alarm", "Whether the alarm stands.", ["source", "kind"], samples)


_GAUGES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float | None]], ...] = (
    ("running", "Whether a run is under way.", lambda each: int(each["running"])),
    ("last_good_age_seconds", "Seconds since the last good run ended.", lambda each: each["age"]),
    ("last_run_age_seconds", "Seconds since the last run ended.", lambda each: (each["last"] or {}).get("age")),
    ("last_run_exit_code", "Exit code of the last run.", lambda each: (each["last"] or {}).get("exit")),
    ("last_run_requests", "Requests of the last run.", lambda each: (each["last"] or {}).get("requests")),
    ("failures", "Runs that failed since the last good one.", lambda each: each["failures"]),
    ("contacts", "Contacts at the target.", lambda each: each["contacts"]),
    ("pending", "Contacts whose last call has no known outcome.", lambda each: each["pending"]),
    ("rejected", "Contacts that the target refused.", lambda each: each["rejected"]),
    ("invalid", "Rows of the last run that cannot be used.", lambda each: each["invalid"]),
    ("held", "Changes that wait for an approval.", held_of),
)


def _of_sources(sources: list[Status]) -> Iterator[Metric]:
    for name, text, value_of in _GAUGES:
        yield _gauge(name, text, ["source"], [([each["source"]], value_of(each)) for each in sources])
    counts = [
        ([each["source"], kind], count)
        for each in sources
        for kind, count in (each["last"] or {}).get("counts", {}).items()
    ]
    yield _gauge("last_run_changes", "Changes of the last run.", ["source", "kind"], counts)


def _of_budget(status: Status) -> Iterator[Metric]:
    for name, key, text in (
        ("requests_limit", "requests", "Requests that a window allows."),
        ("requests_left", "left", "Requests that a window has left."),
    ):
        yield _gauge(name, text, ["seconds"], [([f"{each['seconds']:g}"], each[key]) for each in status["budget"]])
    text = "Seconds until the next request may be sent."
    yield GaugeMetricFamily("syncd_next_request_seconds", text, status["next_request"])


class Endpoints:
    """The server, at the place ``watch.listen``. ``alive`` returns whether the daemon's own loop still turns.

    Raises:
        ConfigError: the server cannot listen there.
    """

    def __init__(self, watch: Watch, *, alive: Callable[[], bool] = lambda: True, clock: Clock = time.time) -> None:
        cache = StatusCache(watch, clock)
        # A registry of its own: the default one adds metrics of this process, which nobody asked for.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Gauges(cache))
        pages = {
            "/metrics": lambda: (200, METRICS, generate_latest(registry)),
            "/healthz": lambda: _page(200, "alive") if alive() else _page(503, "the daemon's loop stands still"),
            "/readyz": lambda: _ready(cache),
        }
        self._server = _server(watch.listen or "", pages)
        self.address = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; a Unix socket is removed."""
        # shutdown() waits for a serving thread: without one it would wait for ever.
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _page(status: int, text: str) -> Page:
    return status, TEXT, f"{text}\n".encode()


def _ready(cache: StatusCache) -> Page:
    """Answer whether contacts are kept up to date."""
    try:
        alarms = [each for each in cache.now()["alarms"] if each["kind"] in BROKEN]
    except SyncdError as error:
        return _page(503, str(error))
    lines = [f"{each['source'] or 'company'}: {each['kind']}" for each in alarms]
    return _page(503, "\n".join(lines)) if lines else _page(200, "ready")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pages: Mapping[str, Callable[[], Page]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        path = Path(str(self.server_address))
        with suppress(FileNotFoundError):
            # A socket that is there belongs to a process that is gone: two daemons cannot serve one state file.
            if stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
        # The mask at the time of bind() sets the socket's mode: 0660, so the owner and its group may connect.
        mask = os.umask(0o117)
        try:
            self.socket.bind(self.server_address)
        finally:
            os.umask(mask)
        self.server_name, self.server_port = "localhost", 0

    def server_close(self) -> None:
        super().server_close()
        with suppress(OSError):
            Path(str(self.server_address)).unlink()

    def get_request(self) -> tuple[Any, Any]:
        # A Unix socket's client has no address, and the handler expects a host and a port.
        connection, _ = self.socket.accept()
        return connection, ("local", 0)


class _Version6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "syncd", ""
    timeout = 10

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0], lambda: _page(404, "/metrics, /healthz, /readyz"))
        status, kind, content = page()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 (its base's name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its base's name)
        """Log nothing: a scrape every few seconds is no event."""


def _server(listen: str, pages: Mapping[str, Callable[[], Page]]) -> _Server:
    try:
        server = _bound(listen)
    except OSError as error:
        raise ConfigError(f"listen: {listen}: cannot listen there ({error.strerror}); choose another place") from None
    server.pages = pages
    return server


def _bound(listen: str) -> _Server:
    if "/" in listen:
        return _UnixServer(listen, _Handler)  # type: ignore[arg-type]  # the address of this family is a path
    host, _, port = listen.rpartition(":")
    # "[::1]" is how an address with a port is written; the socket wants it without brackets.
    bare = host.strip("[]")
    return (_Version6 if ":" in bare else _Server)((bare, int(port)), _Handler)
