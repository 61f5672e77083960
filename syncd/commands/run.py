"""``syncd run``: one run of some or all sources."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.settings import chosen_sources, loaded
from syncd.errors import ConfigError, SchemaError, SourceBusy, SyncdError
from syncd.report.endings import BROKEN_OFF, code_of, message_of, printing, say_error
from syncd.run.signals import set_by_signal

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.report.source_report import SourceReport
    from syncd.run.session import Session, Watcher

CHANGES = 10
"""What ``--exit-code`` exits with when a dry run finds changes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``syncd run`` was asked for."""

    sources: Sequence[str] = ()
    dry_run: bool = False
    as_json: bool = False
    changes: Path | None = None
    full: bool = False
    wait: bool = False
    exit_code: bool = False


@dataclass(slots=True)
class Ran:
    """What came of it: the reports so far, and the error that ended the whole of it, if one did.

    ``left``: the sources that were not begun. ``settings``: of a run that people are told of.
    """

    run: str | None = None
    left: list[str] = field(default_factory=list)
    reports: list[SourceReport] = field(default_factory=list)
    error: BaseException | None = None
    settings: Settings | None = None

    @property
    def exit_code(self) -> int:
        from syncd.report.source_report import gravest

        if self.error is not None:
            return code_of(self.error)
        return gravest([report.exit_code for report in self.reports])


def run(wish: Wish, config: Path | None) -> int:
    """Run, print the report, return the exit code."""
    return concluded(wish, partial(_run, wish, config))


def concluded(wish: Wish, work: Callable[[Ran, threading.Event], None]) -> int:
    """Do ``work``, which puts what comes of it into a :class:`Ran`; print that, return the exit code.

    SIGTERM and Ctrl-C set the event that ``work`` is given.
    """
    ran = Ran()
    stopping = threading.Event()
    with interruptible(stopping):
        try:
            work(ran, stopping)
            if wish.changes is not None:
                _write(wish.changes, ran)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (whatever it is, the report so far is printed)
            ran.error = error
    code = _exit_code(wish, ran)
    code = printing(partial(_print, wish, ran, code), code)
    _tell_errors(ran)
    _notify(ran, code)
    return code


def _run(wish: Wish, config: Path | None, ran: Ran, stopping: threading.Event) -> None:
    if wish.exit_code and not wish.dry_run:
        raise ConfigError("--exit-code says whether a dry run finds changes: add --dry-run")
    settings = loaded(config)
    ran.settings = None if wish.dry_run else settings
    sources = chosen_sources(settings, wish.sources)

    from syncd.commands.written_file import CHANGES, check_written

    if wish.changes is not None:
        check_written(wish.changes, f"--changes {wish.changes}", CHANGES, "no file of changes", settings)
    with shown_progress() as watcher:
        run_sources(settings, sources, wish, ran, stopping=stopping, watcher=watcher)


def shown_progress() -> AbstractContextManager[Watcher | None]:
    """Who shows how far the run is: bars on a terminal, nobody in a pipe."""
    if not sys.stderr.isatty():
        return nullcontext()
    from syncd.run.progress import watching

    return watching()


def run_sources(
    settings: Settings,
    sources: Sequence[Source],
    wish: Wish,
    ran: Ran,
    *,
    stopping: threading.Event | None = None,
    watcher: Watcher | None = None,
) -> None:
    """Run ``sources`` one after the other; ``ran`` holds each report as soon as there is one.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    from syncd.run.session import open_session

    with open_session(settings, dry_run=wish.dry_run, stopping=stopping, watcher=watcher) as session:
        session.full, session.wait = wish.full, wish.wait
        ran.run = session.run
        ran.left = [source.name for source in sources]
        for source in sources:
            session.halt_if_asked()
            ran.left.remove(source.name)
            _run_one(session, source, ran)


def _run_one(session: Session, source: Source, ran: Ran) -> None:
    from syncd.report.source_report import SourceReport
    from syncd.sync import run_source

    report = SourceReport(source.name, dry_run=session.dry_run)
    reporting(ran, report, partial(run_source, session, source, report))


def reporting(ran: Ran, report: SourceReport, work: Callable[[], object]) -> None:
    """Do the ``work`` that ``report`` is about; an error that lets other sources go on stays in the report."""
    ran.reports.append(report)
    try:
        work()
    except SourceBusy as busy:
        report.error = busy
    except SyncdError as error:
        report.error = error
        raise


def _write(path: Path, ran: Ran) -> None:
    from syncd.report.source_report import write_changes

    write_changes(path, ran.reports)


def _exit_code(wish: Wish, ran: Ran) -> int:
    code = ran.exit_code
    if wish.exit_code and code in (0, 3) and any(report.has_changes for report in ran.reports):
        return CHANGES
    return code


def _notify(ran: Ran, code: int) -> None:
    """Tell whom the configuration names what this run has changed; nothing is loaded when it names nobody."""
    settings = ran.settings
    if settings is None or not (settings.notify.tells or settings.notify.heartbeat) or code == BROKEN_OFF:
        return
    from syncd.watch.notify import after_run

    after_run(settings, good=code in (0, 3) and ran.error is None, clock=time.time)


def _print(wish: Wish, ran: Ran, code: int) -> None:
    if wish.as_json:
        from syncd.report.source_report import write_json

        write_json(sys.stdout, as_json(wish, ran, code), ran.reports)
    else:
        from syncd.report.screen import Screen, show_run

        show_run(Screen(), ran.reports, dry_run=wish.dry_run, left=ran.left)


def as_json(wish: Wish, ran: Ran, code: int) -> dict[str, Any]:
    """The one object that ``--json`` prints; ``error`` is there when the run as a whole failed."""
    from syncd.report.source_report import run_json

    found = run_json(ran.run, ran.reports, dry_run=wish.dry_run, exit_code=code)
    if ran.error is not None:
        message = message_of(ran.error)
        found["error"] = {"kind": type(ran.error).__name__, "exit": ran.exit_code, "message": message}
    return found


def _tell_errors(ran: Ran) -> None:
    """Say on stderr what failed; what ended the whole run is said once, and last."""
    for report in ran.reports:
        if report.error is not None and report.error is not ran.error:
            say_error(placed(report.source, report.error))
    if ran.error is not None:
        say_error(message_of(ran.error))


def placed(source: str, error: SyncdError) -> str:
    """The message, which names the source, or the place in a file."""
    message = str(error)
    named = isinstance(error, ConfigError | SchemaError) or message.startswith((f"{source}:", f"{source} "))
    return message if named else f"{source}: {message}"


@contextmanager
def interruptible(stopping: threading.Event) -> Iterator[None]:
    """Let SIGTERM and the first Ctrl-C end the run after the batches under way; a second one breaks it off."""
    import signal

    # Polars takes SIGINT when it is imported, in a way that lets a waiting main thread sleep on: ours must come after.
    import polars as pl  # noqa: F401 (for what its import does)

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    asks = itertools.count()

    def asked(_number: int, _frame: Any) -> None:
        if next(asks) or stopping.is_set():
            raise KeyboardInterrupt
        set_by_signal(stopping)

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
