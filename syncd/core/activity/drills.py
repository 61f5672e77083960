"""A rehearsed outage of the receiver: when it is, what a list shows at a moment, and what would have been lost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from syncd.core.activity.instants import seconds
from syncd.core.activity.observations import OURS, RANKS, TEXTS, Kind, Observation, identity_of


class Outage(NamedTuple):
    """``name``: as it is shown. ``length``: in seconds."""

    name: str
    length: float


OUTAGES = (Outage("3h", 10_800.0), Outage("1d", 86_400.0))
"""The outages that are rehearsed: one longer than Vocatech goes on trying (2 h 36 min), and a whole day."""

Named = tuple[Kind, str]
"""A call or a message: its kind and its key."""

_FIRST = min(RANKS, key=lambda word: RANKS[word])


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a list. ``moment``: when the call began or the message was sent. ``since``: when the list has it.

    ``texted``: when its texts are there. ``statuses``: those that a message had, each with its time, the oldest first.
    All in Unix seconds.
    """

    kind: Kind
    key: str
    moment: float
    since: float
    texted: float
    statuses: tuple[tuple[float, str], ...]
    raw: Mapping[str, Any]

    @property
    def has_texts(self) -> bool:
        """Whether it has a summary or a transcription, of the call or of a part of it."""
        return any(part.get(what) for part in (self.raw, *_parts(self.raw)) for what in TEXTS)

    def as_of(self, now: float) -> dict[str, Any]:
        """Return the row as the list has it at a moment."""
        row = dict(self.raw)
        if self.kind == "call":
            return row if now >= self.texted else _textless(row)
        if self.statuses and now < self.statuses[-1][0]:
            row["status"] = next((word for at, word in reversed(self.statuses) if at <= now), _FIRST)
            row.pop("updated_at", None)
        return row


def listed(kind: Kind, raw: Any, told: Mapping[Named, Sequence[Observation]]) -> Listed | None:
    """Return a row of a list; None if it names no activity or no time.

    A call is taken to stand in the list from its end on, and its texts and statuses from when deliveries told of them.
    ``told``: what deliveries said of each activity.
    """
    key = identity_of(kind, raw)
    if key is None:
        return None
    names = ("start_time",) if kind == "call" else ("sent_time", "sent_at")
    moment = next((at for name in names if (at := seconds(raw.get(name))) is not None), None)
    if moment is None:
        return None
    end = seconds(raw.get("end_time")) if kind == "call" else None
    since = moment if end is None else max(moment, end)
    said = told.get((kind, key), ())
    texted = max((at for each in said for at in text_times(each)), default=since)
    statuses = sorted((at, word) for each in said if "status" in each.said for at, _, word in [each.said["status"]])
    return Listed(kind, key, moment, since, texted, tuple(statuses), raw)


def text_times(said: Observation) -> list[float]:
    """Return when a delivery says that there are texts of a call; none if it brings none."""
    return [at for _, at, *_ in said.said.get("texts", {}).values()] if said.kind == "call" else []


def is_news(said: Observation) -> bool:
    """Return whether a delivery tells of a call or a message itself, and not of a text or of another status only."""
    if said.kind == "message":
        return not said.said.get("said", {}).keys() <= {"status"}
    return any(not phases.keys() <= {"text"} for phases in said.said.get("legs", {}).values())


def moment_of(said: Observation) -> float | None:
    """Return when the call began or the message was sent, as far as a delivery says so."""
    if said.kind == "message":
        sent = [about["sent"] for _, about in said.said.get("said", {}).values() if about["sent"] is not None]
        return min(sent, default=None)
    legs = (about for phases in said.said.get("legs", {}).values() for _, about in phases.values())
    return min((leg["start"] for leg in legs if leg["start"] is not None), default=None)


def busiest(times: Iterable[float], length: float, span: tuple[float, float]) -> tuple[float, float]:
    """Return the part of ``span`` of this length in which the most of ``times`` lie; all in (Unix) seconds."""
    first, last = span
    if length >= last - first:
        return span
    inside = sorted(at for at in times if first <= at < last)
    begins = [min(at, last - length) for at in inside] or [first]
    begin = max(begins, key=lambda at: bisect_left(inside, at + length) - bisect_left(inside, at))
    return begin, begin + length


def differing(row: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a row of ``--json`` in which ``other``, the same call or message, differs."""
    return tuple(sorted(name for name in row.keys() - OURS if row[name] != other.get(name)))


class Lateness(NamedTuple):
    """How much later than by its delivery things would have been known, in seconds."""

    worst: float
    median: float


def lateness(delays: Sequence[float]) -> Lateness | None:
    """Return how late things were known; None if nothing was late."""
    return Lateness(max(delays), median(delays)) if delays else None


def _parts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    journey = row.get("journey")
    return [part for part in journey if isinstance(part, dict)] if isinstance(journey, list) else []


def _textless(row: Mapping[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in row.items() if name not in TEXTS}
    if parts := _parts(row):
        bare["journey"] = [{name: each for name, each in part.items() if name not in TEXTS} for part in parts]
    return bare
