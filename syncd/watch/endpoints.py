"""``/metrics``, ``/healthz`` and ``/readyz`` on a loopback port or a Unix socket, read from the state file.

It is a thread of the daemon, and small: no configuration, no Polars, no SQLAlchemy. Labels are names of sources, never
a contact's data.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from syncd.errors import ConfigError, SyncdError
from syncd.watch.alarms import BROKEN, KINDS
from syncd.watch.settings import Watch
from syncd.watch.status import held_of, standing

FRESH = 5.0
"""Seconds that an answer may be old."""

COUNTED = 60.0
"""Seconds that the number of contacts may be old: counting a million takes a while."""

TEXT = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Seen:
    """How the sources stand, asked for by several threads and looked up no more often than needed."""

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.time) -> None:
        self._watch = watch
        self._clock = clock
        self._lock = threading.Lock()
        self._at = self._counted_at = float("-inf")
        self._found: dict[str, Any] = {}
        self._contacts: dict[str, int] = {}

    def now(self) -> dict[str, Any]:
        """What :func:`syncd.watch.status.standing` returns.

        Raises:
            StateError: the state file cannot be read.
        """
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._at < FRESH:
                self._look(now)
            return self._found

    def _look(self, now: float) -> None:
        count = not 0 <= now - self._counted_at < COUNTED
        found = standing(self._watch, now, counted=count)
        if count:
            self._contacts = {each["source"]: each["contacts"] for each in found["sources"]}
            self._counted_at = now
        for each in found["sources"]:
            each["contacts"] = self._contacts.get(each["source"], 0)
        self._at, self._found = now, found


class Gauges:
    """The metrics (a collector of prometheus-client)."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        try:
            found = self._seen.now()
        except SyncdError:
            yield GaugeMetricFamily("syncd_state_readable", "Whether the state file can be read.", 0)
            return
        yield GaugeMetricFamily("syncd_state_readable", "Whether the state file can be read.", 1)
        yield GaugeMetricFamily("syncd_healthy", "Whether no alarm stands.", int(found["healthy"]))
        yield _alarms(found)
        yield from _of_sources(found["sources"])
        yield from _of_budget(found)


def _alarms(found: Mapping[str, Any]) -> Metric:
    metric = GaugeMetricFamily("syncd_alarm", "Whether the alarm stands.", labels=["source", "kind"])
    standing_ = {(each["source"], each["kind"]) for each in found["alarms"]}
    metric.add_metric(["", "key"], int(("", "key") in standing_))
    for source in found["sources"]:
        for kind in KINDS:
            if kind != "key":
                metric.add_metric([source["source"], kind], int((source["source"], kind) in standing_))
    return metric


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


def _of_sources(sources: list[dict[str, Any]]) -> Iterator[Metric]:
    for name, told, value_of in _GAUGES:
        metric = GaugeMetricFamily(f"syncd_{name}", told, labels=["source"])
        for source in sources:
            if (value := value_of(source)) is not None:
                metric.add_metric([source["source"]], value)
        yield metric
    changes = GaugeMetricFamily("syncd_last_run_changes", "Changes of the last run.", labels=["source", "kind"])
    for source in sources:
        for kind, count in (source["last"] or {}).get("counts", {}).items():
            changes.add_metric([source["source"], kind], count)
    yield changes


def _of_budget(found: Mapping[str, Any]) -> Iterator[Metric]:
    limit = GaugeMetricFamily("syncd_requests_limit", "Requests that a window allows.", labels=["seconds"])
    left = GaugeMetricFamily("syncd_requests_left", "Requests that a window has left.", labels=["seconds"])
    for window in found["budget"]:
        limit.add_metric([f"{window['seconds']:g}"], window["requests"])
        left.add_metric([f"{window['seconds']:g}"], window["left"])
    yield limit
    yield left
    told = "Seconds until the next request may be sent."
    yield GaugeMetricFamily("syncd_next_request_seconds", told, found["next_request"])


class Endpoints:
    """The server; ``watch.listen`` says where. ``alive`` tells whether the daemon's own loop goes round.

    Raises:
        ConfigError: it cannot listen there.
    """

    def __init__(
        self, watch: Watch, *, alive: Callable[[], bool] = lambda: True, clock: Callable[[], float] = time.time
    ) -> None:
        seen = Seen(watch, clock)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Gauges(seen))
        pages = {
            "/metrics": lambda: (200, METRICS, generate_latest(self._registry)),
            "/healthz": lambda: _page(200, "alive") if alive() else _page(503, "the daemon's loop stands still"),
            "/readyz": lambda: _ready(seen),
        }
        self._server = _server(watch.listen or "", pages)
        self.address = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; a Unix socket is removed."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


Page = tuple[int, str, bytes]


def _page(status: int, text: str) -> Page:
    return status, TEXT, f"{text}\n".encode()


def _ready(seen: Seen) -> Page:
    """Whether contacts are kept up to date."""
    try:
        alarms = [each for each in seen.now()["alarms"] if each["kind"] in BROKEN]
    except SyncdError as error:
        return _page(503, str(error))
    lines = [f"{each['source'] or 'company'}: {each['kind']}" for each in alarms]
    return _page(503, "\n".join(lines)) if lines else _page(200, "ready")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pages: Mapping[str, Callable[[], Page]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        socket_ = Path(str(self.server_address))
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(socket_.stat().st_mode):
                socket_.unlink()  # of a process that is gone: two daemons cannot serve one state file
        before = os.umask(0o117)
        try:
            self.socket.bind(self.server_address)
        finally:
            os.umask(before)
        self.server_name, self.server_port = "localhost", 0

    def server_close(self) -> None:
        super().server_close()
        with suppress(OSError):
            Path(str(self.server_address)).unlink()

    def get_request(self) -> tuple[Any, Any]:
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
        """A look at the metrics is no event."""


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
    bare = host.strip("[]")
    return (_Version6 if ":" in bare else _Server)((bare, int(port)), _Handler)
