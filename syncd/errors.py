"""Every error that syncd raises on purpose, grouped by what the caller does about it.

    SyncdError
    ├── ConfigError         fix the configuration                        exit 2
    ├── PlaceError          skip this source or sink, go on with the others
    │   ├── PlaceInvalid        not what it should be: fix it            exit 2
    │   │   └── SourceInvalid, SinkInvalid
    │   ├── PlaceDenied         its key is refused: a person must act    exit 3
    │   │   └── SourceDenied, SinkDenied
    │   ├── PlaceUnavailable    try again later                          exit 4
    │   │   └── SourceUnavailable, SinkUnavailable
    │   └── SourceError, SinkError: the three of each
    ├── TargetError
    │   ├── SchemaError         the target's fields do not allow a push  exit 2
    │   ├── TargetRefused       this request is refused for good         exit 3
    │   │   └── TargetMoved         it is at another address                 exit 2
    │   └── TargetUnavailable   try again later                          exit 4
    ├── AccessDenied        stop everything; a person must act           exit 3
    ├── OtherCompany        stop everything; a person must decide        exit 3
    ├── StateError          the state file cannot be used                exit 2
    │   └── StateBusy           locked or out of space: try again later  exit 4
    ├── NoRoom              this machine has no room: try again later    exit 4
    ├── SourceBusy          another run holds the source                 exit 5
    │   └── LeaseLost           it took the source over from this run    exit 5
    └── Stopped             asked to stop; open calls are recorded       exit 4

A message names the place and the remedy, and never holds a contact's data or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class SyncdError(Exception):
    """The root of all errors. ``exit_code``: the exit code of a command that ends with this error.

    ``in_doubt``: the request that failed may have been carried out all the same.
    """

    exit_code: ClassVar[int] = 1
    # True unless proved otherwise: a call that was carried out and taken for lost would make a second contact.
    in_doubt: bool = True


class ConfigError(SyncdError):
    """The configuration is wrong. ``problems`` holds each place with its remedy, one a line."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PlaceError(SyncdError):
    """One place, a source or a sink, cannot be used; the others can."""

    # The exit code of the subclasses without one of their own: a later run may succeed.
    exit_code = 4


class PlaceInvalid(PlaceError):
    """The place is there but is not what it should be; a person must look at it."""

    exit_code = 2


class PlaceDenied(PlaceError):
    """The place refuses its key, or the key may not do enough; other places have other keys."""

    exit_code = 3


class PlaceUnavailable(PlaceError):
    """The place cannot be used now. ``in_doubt``: what was sent may have been carried out."""

    def __init__(self, message: str, *, in_doubt: bool = True) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class SourceError(PlaceError):
    """One source cannot be read; the others can."""


class SourceInvalid(SourceError, PlaceInvalid):
    """The source is there but is not the table it should be; a person must look at it."""


class SourceDenied(SourceError, PlaceDenied):
    """The source refuses its key, or the key may not see enough; other sources have other keys."""


class SourceUnavailable(SourceError, PlaceUnavailable):
    """The source cannot be read now: missing, unreachable, still being written."""


class SinkError(PlaceError):
    """One sink cannot be written to; the others can."""


class SinkInvalid(SinkError, PlaceInvalid):
    """The sink is there but cannot take what it should; a person must look at it."""


class SinkDenied(SinkError, PlaceDenied):
    """The sink refuses its key, or the key may not do enough; other sinks have other keys."""


class SinkUnavailable(SinkError, PlaceUnavailable):
    """The sink cannot be written to now."""


def of_a_sink(error: SourceError) -> SinkError:
    """Return the error of a source as one of a sink: parts that both share raise those of sources."""
    if isinstance(error, PlaceInvalid):
        return SinkInvalid(str(error))
    if isinstance(error, PlaceDenied):
        return SinkDenied(str(error))
    return SinkUnavailable(str(error), in_doubt=error.in_doubt)


class TargetError(SyncdError):
    """The target did not do what was asked."""

    exit_code = 4


class SchemaError(TargetError):
    """The target's fields do not allow a push (none at all, no match field, a mapped field is missing)."""

    exit_code = 2


class TargetRefused(TargetError):
    """The target refused this request for good. ``status`` is the HTTP status."""

    exit_code = 3

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class TargetMoved(TargetRefused):
    """The target points to another address (a redirect), to which the key is not sent."""

    exit_code = 2


class TargetUnavailable(TargetError):
    """The target could not be reached, or failed, in every attempt."""

    # A refused connection never reached the target, so its raiser may clear the doubt.
    def __init__(self, message: str, *, in_doubt: bool = True) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


# No TargetError: callers that skip a source, or try again, must not catch it.
class AccessDenied(SyncdError):
    """The key is refused (401, 403): nothing more is sent until a person has acted."""

    exit_code = 3


class OtherCompany(SyncdError):
    """The state belongs to another company than the key: nothing is sent until a person has decided which is meant."""

    exit_code = 3


class StateError(SyncdError):
    """The state file cannot be used (damaged, read-only, of a newer version): nothing is sent."""

    exit_code = 2


class StateBusy(StateError):
    """The state file is locked by another process, or its disk is full: a later try may succeed."""

    exit_code = 4


class NoRoom(SyncdError):
    """This machine has no room now, on a disk or inside a limit of the system: a later try may succeed."""

    exit_code = 4


# A code of its own: cron and systemd may take it for success, since the other run does the work.
class SourceBusy(SyncdError):
    """Another run holds the source."""

    exit_code = 5


class LeaseLost(SourceBusy):
    """This run paused for longer than its lease lasts, and another run has taken over the source."""


class Stopped(SyncdError):
    """The process was asked to stop; every call that was begun is recorded."""

    exit_code = 4
