"""What happens on the phones, with all its times: what is to be seen at a moment follows from these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

USER = "User"

LONG = 600.0
"""Seconds of talk from which on a recording is a long one (dialect ``long_recordings``)."""


@dataclass(slots=True)
class Segment:
    """One part of a call's journey.

    ``type`` is AutoAttendant, HuntGroup, CallCenter or User; ``end`` is inf while it runs. ``answered`` is when a
    person answered, or None. ``size`` is the number of bytes of its recording (0: there is none). Its texts are there
    from ``text_at`` on.
    """

    id: int
    type: str
    name: str
    extension: str
    start: float
    end: float = inf
    answered: float | None = None
    size: int = 0
    summary: str = ""
    transcription: str = ""
    text_at: float = inf

    @property
    def talk(self) -> float:
        """The seconds that its recording has, or would have."""
        return self.end - (self.start if self.answered is None else self.answered)


@dataclass(slots=True)
class Call:
    """One call. ``remote_number`` "" is a withheld one. From ``gone`` on no list has it."""

    id: str
    direction: str
    remote_name: str
    remote_number: str
    group_number: str
    segments: list[Segment]
    gone: float = inf
    # What a list says of it, as JSON, and until when that is right; and its last moment, once somebody has asked.
    said: tuple[object, float, bytes] | None = field(default=None, repr=False)
    last: float = field(default=-1.0, repr=False)

    def is_over(self, now: float) -> bool:
        """Return whether all its :meth:`moments` have passed."""
        if self.last < 0:
            self.last = max(self._moments())
        return self.last <= now

    @property
    def start(self) -> float:
        return self.segments[0].start

    @property
    def end(self) -> float:
        return max(segment.end for segment in self.segments)

    @property
    def legs(self) -> list[Segment]:
        """The phones that rang; without any, the last place that the call reached."""
        return [segment for segment in self.segments if segment.type == USER] or self.segments[-1:]

    def moments(self) -> list[float]:
        """Return the times at which something about the call changes by itself."""
        return list(self._moments())

    def _moments(self) -> Iterator[float]:
        for segment in self.segments:
            yield from (segment.start, segment.end)
            if segment.answered is not None:
                yield segment.answered
            # Most segments never get texts.
            if segment.text_at != inf:
                yield segment.text_at


@dataclass(slots=True)
class Attachment:
    """A file of a message."""

    id: int
    content_type: str
    filename: str
    size: int


@dataclass(slots=True)
class Message:
    """One message. ``statuses`` are (status, from when on), in the order of their times; the first is its own."""

    id: str
    channel: str
    direction: str
    remote_number: str
    group_number: str
    body: str
    statuses: list[tuple[str, float]]
    attachments: list[Attachment] = field(default_factory=list)
    gone: float = inf
    said: tuple[object, float, bytes] | None = field(default=None, repr=False)

    @property
    def start(self) -> float:
        return self.statuses[0][1]

    @property
    def end(self) -> float:
        return self.start

    def moments(self) -> list[float]:
        """Return the times at which something about the message changes by itself."""
        return [at for _, at in self.statuses]

    def status(self, now: float) -> tuple[str, float]:
        """Return the newest status at ``now``, and since when it holds."""
        return max((each for each in self.statuses if each[1] <= now), key=lambda each: each[1])
