"""What ``run``, ``undo`` and ``reconcile`` share: a signal stops them, and the report so far is printed in any case."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from syncd.commands.options import ApplyOptions, RunOptions, UndoOptions
from syncd.errors import SourceBusy, StateError, SyncdError
from syncd.report.error_text import error_json, message_of, placed, say_error
from syncd.report.exit_code import CODES, DONE, code_for, code_of, gravest, is_unwritable
from syncd.report.streams import print_json, silence_stdout
from syncd.run.ringing import door_of, ring
from syncd.run.signals import handled, set_by_signal

if TYPE_CHECKING:
    from syncd.config import Settings, Source
    from syncd.report.screen import Screen
    from syncd.report.source_report import SourceReport
    from syncd.run.session import Session, Watcher

Report = dict[str, Any]
"""What a command with one report found, as ``--json`` shows it."""


class Part(Protocol):
    """One source's, or one sink's, part of a command. ``source``: its name."""

    @property
    def source(self) -> str: ...

    @property
    def error(self) -> SyncdError | None: ...

    @property
    def exit_code(self) -> int: ...


@dataclass(slots=True)
class Ran:
    """The result so far: a report for each source, and the error that ended the command, if there is one.

    ``run``: the name of the run; None before it began. ``left``: the sources that were not begun. ``settings``: the
    configuration, once it was read.
    """

    run: str | None = None
    left: list[str] = field(default_factory=list)
    reports: list[SourceReport] = field(default_factory=list)
    error: BaseException | None = None
    settings: Settings | None = None


def concluded(
    options: RunOptions | UndoOptions | ApplyOptions, ran: Ran, work: Callable[[threading.Event], None]
) -> int:
    """Do ``work``, which fills in ``ran``, print the report, and return the exit code."""
    ran.error = error_of(work)
    asked = isinstance(options, RunOptions) and options.exit_code
    plans = [report.plan for report in ran.reports if report.plan]
    changes = asked and any(plan.todo.height or plan.waiting.height for plan in plans)
    return finished(partial(_print, options, ran), ran.reports, ran.error, changes=changes)


def error_of(work: Callable[[threading.Event], None]) -> BaseException | None:
    """Do ``work`` and return the error that ended it; SIGTERM and Ctrl-C set the event that ``work`` gets."""
    stopping = threading.Event()
    with _interruptible(stopping):
        try:
            work(stopping)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (whatever it is, the report so far is printed)
            return error
    return None


def finished(
    write: Callable[[int], object],
    parts: Iterable[Part],
    error: BaseException | None,
    *,
    changes: bool = False,
) -> int:
    """Print the report by ``write``, which gets the exit code, then the errors on stderr; return the exit code.

    ``error``: the error that ended the command. ``changes``: the exit code has to tell of changes.
    """
    parts = list(parts)
    codes = [each.exit_code for each in parts] if error is None else [code_of(error)]
    code = gravest([*codes, code_for(changes=changes)])
    # Printed before the errors: on a terminal, the report would push them out of sight.
    try:
        write(code)
        sys.stdout.flush()
    except (BrokenPipeError, ConnectionResetError):
        silence_stdout()
    except OSError as failed:
        if not is_unwritable(failed):
            raise
        # The changes are made, whatever becomes of the report: the errors of the sources are still printed on stderr.
        silence_stdout()
        say_error(message_of(failed))
        code = gravest([code, code_of(failed)])
    for part in parts:
        # An error that ended the command is in the report of its source too.
        if part.error is not None and part.error is not error:
            say_error(placed(part.source, part.error))
    if error is not None:
        say_error(message_of(error))
    return code


@contextmanager
def opened(settings: Settings, stopping: threading.Event, *, dry_run: bool, wait: bool) -> Iterator[Session]:
    """Open a session that shows its progress on a terminal, and that ``stopping`` stops."""
    from syncd.run.session import open_session

    with progress() as watcher, open_session(settings, dry_run=dry_run, stopping=stopping, watcher=watcher) as session:
        session.wait = wait
        before = session.state.numbers.standing().change
        try:
            yield session
        finally:
            # Calls of numbers that a contact has got now find their contact soon, whatever else has failed.
            with suppress(StateError):
                if settings.activity is not None and session.state.numbers.standing().change != before:
                    ring(door_of(settings.state))


def run_each(
    session: Session,
    sources: Sequence[Source],
    ran: Ran,
    work: Callable[[Source, SourceReport], object],
    *,
    undoes: str = "",
) -> None:
    """Do ``work`` for each source; ``ran`` holds the report of a source from its beginning.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    from syncd.report.source_report import SourceReport

    ran.run, ran.left = session.run, [source.name for source in sources]
    for source in sources:
        session.halt_if_asked()
        ran.left.remove(source.name)
        report = SourceReport(source.name, dry_run=session.dry_run, undoes=undoes)
        ran.reports.append(report)
        try:
            work(source, report)
        except SyncdError as error:
            report.error = error
            # Another run of this source says nothing of the other sources.
            if not isinstance(error, SourceBusy):
                raise


def progress() -> AbstractContextManager[Watcher | None]:
    """Return a context that gives what shows the progress on a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext()
    from syncd.run.progress import watching

    return watching()


def _print(options: RunOptions | UndoOptions | ApplyOptions, ran: Ran, code: int) -> None:
    dry_run = not isinstance(options, ApplyOptions) and options.dry_run
    if options.as_json:
        from syncd.report.source_report import write_json

        found = {"run": ran.run, "dry_run": dry_run, "exit": code}
        write_json(sys.stdout, found, ran.reports, error_json(ran.error))
    else:
        from syncd.report.run_screen import show_run
        from syncd.report.screen import Screen

        show_run(Screen(), ran.reports, dry_run=dry_run, left=ran.left)


@contextmanager
def _interruptible(stopping: threading.Event) -> Iterator[None]:
    """Let SIGTERM and the first Ctrl-C end the run after the batches under way; a second one breaks it off."""
    # Polars takes SIGINT when it is imported, in a way that lets a waiting main thread sleep on: ours must come after.
    import polars as pl  # noqa: F401 (for what its import does)

    # ``next`` on a counter is one step: a second signal may interrupt the handler of the first at any line.
    asks = itertools.count()

    def asked(_number: int, _frame: Any) -> None:
        if next(asks) or stopping.is_set():
            raise KeyboardInterrupt
        set_by_signal(stopping)

    with handled(asked):
        yield


def reported(
    work: Callable[[threading.Event], Report],
    show: Callable[[Screen, Report], None],
    *,
    as_json: bool,
    happened: Callable[[Report], Iterable[str]] = lambda _: (),
) -> int:
    """Do the ``work``, show what it found, and return the exit code.

    ``work`` is given an event that a signal sets. ``happened``: the names in
    :data:`syncd.report.exit_code.CODES` of what the report says that decides the exit code.
    """
    found: list[Report] = []
    error = error_of(lambda stopping: found.append(work(stopping)))
    code = code_of(error) if error else gravest(CODES[name] for name in happened(found[0]))
    if as_json:
        print_json({"exit": code, **(found[0] if found else {}), **error_json(error)})
    elif found:
        from syncd.report.screen import Screen

        show(Screen(), found[0])
    if error:
        say_error(message_of(error))
    return code or DONE
