"""Every error that syncd raises on purpose, grouped by what the caller does about it.

    SyncdError
    ├── ConfigError         fix the configuration                        exit 2
    ├── SourceError         skip this source, go on with the others
    │   ├── SourceInvalid       not the table it should be: fix it       exit 2
    │   ├── SourceDenied        its key is refused: a person must act    exit 3
    │   └── SourceUnavailable   try again later                          exit 4
    ├── TargetError
    │   ├── SchemaError         the target's fields do not allow a push  exit 2
    │   ├── TargetRefused       this request is refused for good         exit 3
    │   └── TargetUnavailable   try again later                          exit 4
    ├── AccessDenied        stop everything; a person must act           exit 3
    ├── StateError          the state file cannot be used                exit 2
    │   └── StateBusy           locked or out of space: try again later  exit 4
    ├── SourceBusy          another run holds the source                 exit 5
    │   └── LeaseLost           it took the source over from this run    exit 5
    └── Stopped             asked to stop; what was begun is recorded    exit 4

A message names the place and the remedy, and never holds a contact's data or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class SyncdError(Exception):
    """The root. ``exit_code`` is what the command that met it exits with.

    ``in_doubt``: a request that it ended may have been carried out all the same.
    """

    exit_code: ClassVar[int] = 1
    in_doubt: bool = True


class ConfigError(SyncdError):
    """The configuration is wrong. ``problems`` holds each place with its remedy, one a line."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SourceError(SyncdError):
    """One source cannot be read; the others can."""

    exit_code = 4


class SourceInvalid(SourceError):
    """The source is there but is not the table it should be; a person must look at it."""

    exit_code = 2


class SourceDenied(SourceError):
    """The source refuses the key, or what the key may see; other sources have other keys."""

    exit_code = 3


class SourceUnavailable(SourceError):
    """The source cannot be read now: missing, unreachable, still being written."""


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


class TargetUnavailable(TargetError):
    """The target could not be reached, or failed, in every attempt."""

    def __init__(self, message: str, *, in_doubt: bool = True) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class AccessDenied(SyncdError):
    """The key is refused (401, 403): nothing is sent any more until a person has acted."""

    exit_code = 3


class StateError(SyncdError):
    """The state file cannot be used (damaged, read-only, of a newer version): nothing is sent."""

    exit_code = 2


class StateBusy(StateError):
    """The state file is locked by another process or its disk is full: later it may work."""

    exit_code = 4


class SourceBusy(SyncdError):
    """Another run holds the source."""

    exit_code = 5


class LeaseLost(SourceBusy):
    """This run stood still for longer than its lease lasts, and another run has taken the source over."""


class Stopped(SyncdError):
    """The process was asked to stop; whatever was begun is recorded."""

    exit_code = 4
