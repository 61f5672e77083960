"""What can go wrong with deliveries and files, and with the clock: armed like every fault of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from syncd.sandbox.faults import KINDS as API_KINDS
from syncd.sandbox.faults import Fault


@dataclass(frozen=True, kw_only=True)
class _Aside(Fault):
    """A fault that strikes no request of the API."""

    def fits(self, method: str, path: str) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, kw_only=True)
class EventFault(_Aside):
    """A fault of deliveries: of those of the type ``event`` (None: any), also of repeated ones."""

    event: str | None = None

    def fits_event(self, event_type: str) -> bool:
        """Return whether the fault can strike a delivery of this type."""
        return self.event in (None, event_type)


@dataclass(frozen=True, kw_only=True)
class EventDrop(EventFault):
    """The delivery is lost on its way and counts as delivered."""

    kind: ClassVar[str] = "event_drop"


@dataclass(frozen=True, kw_only=True)
class EventDouble(EventFault):
    """The same delivery is sent twice."""

    kind: ClassVar[str] = "event_double"


@dataclass(frozen=True, kw_only=True)
class EventDelay(EventFault):
    """The delivery is sent ``seconds`` later, in the phones' time."""

    kind: ClassVar[str] = "event_delay"
    seconds: float = 600.0


@dataclass(frozen=True, kw_only=True)
class EventReorder(EventFault):
    """The delivery is sent after the next one, or after a minute without one, in the phones' time."""

    kind: ClassVar[str] = "event_reorder"


@dataclass(frozen=True, kw_only=True)
class EventForge(EventFault):
    """Before the delivery, somebody else sends an invented one, signed with another secret."""

    kind: ClassVar[str] = "event_forge"


@dataclass(frozen=True, kw_only=True)
class EventTruncate(EventFault):
    """Only half of the signed body arrives."""

    kind: ClassVar[str] = "event_truncate"


@dataclass(frozen=True, kw_only=True)
class EventGzip(EventFault):
    """Something on the way packs the signed body."""

    kind: ClassVar[str] = "event_gzip"


@dataclass(frozen=True, kw_only=True)
class Skew(_Aside):
    """The server's clock is wrong by ``seconds``: in signatures, in Date headers, or in both, until it is disarmed."""

    kind: ClassVar[str] = "skew"
    times: int | None = None
    seconds: float
    of: Literal["both", "signatures", "dates"] = "both"


@dataclass(frozen=True, kw_only=True)
class FileExpire(_Aside):
    """The address that is given out next is no longer valid when it is used; it says that it is."""

    kind: ClassVar[str] = "file_expire"


@dataclass(frozen=True, kw_only=True)
class FileFault(_Aside):
    """A fault of the host of the files."""


@dataclass(frozen=True, kw_only=True)
class FileStatus(FileFault):
    """The host of the files answers with this status; a redirect leads to ``location``."""

    kind: ClassVar[str] = "file_status"
    status: int = 404
    location: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileSlow(FileFault):
    """The host of the files waits ``seconds`` in the middle of the file."""

    kind: ClassVar[str] = "file_slow"
    seconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class FileShort(FileFault):
    """The file ends after ``share`` of its bytes; ``told``: its Content-Length says so, else the connection breaks."""

    kind: ClassVar[str] = "file_short"
    share: float = 0.5
    told: bool = True


ACTIVITY_KINDS: Mapping[str, type[Fault]] = {
    kind.kind: kind
    for kind in (
        EventDrop,
        EventDouble,
        EventDelay,
        EventReorder,
        EventForge,
        EventTruncate,
        EventGzip,
        Skew,
        FileExpire,
        FileStatus,
        FileSlow,
        FileShort,
    )
}
"""Every kind of fault of deliveries, files and the clock by its name."""

ALL_KINDS: Mapping[str, type[Fault]] = {**API_KINDS, **ACTIVITY_KINDS}
"""Every kind of fault of a sandbox by its name."""
