"""What a state of :mod:`syncd.core.activity.merging` comes to: the call or the message as it is shown.

What lists say counts first, then what events say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from syncd.core.activity.numbers import canonical
from syncd.core.activity.observations import State, place_of

SUPERSEDED = 120.0
"""Rows of one call from the pages of one read have times that differ less than this (in seconds); an older row is no
longer listed."""

Status = Literal["answered", "missed", "open"]


class Segment(NamedTuple):
    """A part of a call. ``n``: its place, from 1. Times in Unix seconds; ``duration`` in seconds."""

    n: int
    type: str | None
    name: str | None
    extension: str | None
    started: float | None
    ended: float | None
    duration: float | None
    answered: bool
    media: str | None


class CallView(NamedTuple):
    """A call. Times are Unix seconds, ``duration`` and ``talk`` seconds; ``outcome``: the status in the list's words.

    ``remote``, ``own``: digits, "" if there are none. ``summary``, ``transcription``: None also if only their words
    were dropped; ``summary_known`` says that there is, or was, a summary. ``listed``, ``heard``: the newest list and
    the newest event of a leg, in the server's time. ``rows``: how many rows the newest list has of it.
    """

    direction: str | None
    status: Status
    outcome: str | None
    remote: str
    remote_name: str | None
    own: str
    extension: str | None
    extension_name: str | None
    started: float | None
    answered: float | None
    ended: float | None
    duration: float | None
    talk: float
    summary: str | None
    transcription: str | None
    summary_known: bool
    segments: tuple[Segment, ...]
    listed: float | None
    heard: float | None
    rows: int
    first_by: str
    first_seen: float


class Attachment(NamedTuple):
    """A file of a message; ``size`` in bytes, as the API tells it."""

    media: str
    content_type: str | None
    filename: str | None
    size: float | None


class MessageView(NamedTuple):
    """A message. Times are Unix seconds; ``remote``, ``own``: digits, "" if there are none."""

    direction: str | None
    status: str | None
    status_at: float | None
    remote: str
    own: str
    body: str | None
    sent: float | None
    attachments: tuple[Attachment, ...]
    listed: float | None
    first_by: str
    first_seen: float


def view_of_call(state: State, region: str = "US") -> CallView:
    """Return the call; ``region``: in whose form its numbers are (an ISO 3166 code)."""
    rows, legs = _current(state), _legs(state)
    said = [*rows, *legs]
    is_open = _is_open(state, rows, legs)
    started, ended = _earliest(rows, legs), None if is_open else _latest(rows, legs)
    journey = _journey(rows)
    segments = _segments(state, rows, legs, journey)
    answered = [segment for segment in segments if segment.answered]
    begun = [segment.started for segment in answered if segment.started is not None]
    who = [*_answered_first(rows), *_answered_first(legs)]
    extension = _first(who, "extension")
    remote, own = _first(said, "remote"), _first(said, "own")
    texts, first = state.get("texts", {}), state.get("first", [0.0, "list"])
    return CallView(
        direction=_first(said, "direction"),
        status="open" if is_open else "answered" if any(map(_is_answered, rows or legs)) else "missed",
        outcome=_first(rows, "status"),
        remote=canonical(remote, region) if remote else "",
        remote_name=_first(said, "remote_name"),
        own=canonical(own, region) if own else "",
        extension=extension,
        extension_name=_first((each for each in who if each["extension"] == extension), "extension_name"),
        started=started,
        answered=min(begun) if begun else None,
        ended=ended,
        duration=_duration(rows or legs, started, ended),
        talk=sum(segment.duration or 0 for segment in answered),
        summary=_text(texts, "summary", rows, journey),
        transcription=_text(texts, "transcription", rows, journey),
        summary_known=bool(texts) and any(place.startswith("summary ") for place in texts),
        segments=segments,
        listed=state.get("listed"),
        heard=state.get("heard"),
        rows=len(rows),
        first_by=first[1],
        first_seen=first[0],
    )


def view_of_message(state: State, region: str = "US") -> MessageView:
    """Return the message; ``region``: in whose form its numbers are (an ISO 3166 code)."""
    sources = state.get("said", {})
    said = [sources[name][1] for name in ("list", "received", "sent", "status") if name in sources]
    remote, own = _first(said, "remote"), _first(said, "own")
    at, _, status = state.get("status", [None, 0, None])
    files = sorted((about[-1][0], name, about[-1]) for name, about in state.get("files", {}).items())
    body = state.get("texts", {}).get("body", ())
    first = state.get("first", [0.0, "list"])
    return MessageView(
        direction=_first(said, "direction"),
        status=status,
        status_at=at,
        remote=canonical(remote, region) if remote else "",
        own=canonical(own, region) if own else "",
        body=body[3] if len(body) > 3 else None,
        sent=_first(said, "sent"),
        attachments=tuple(Attachment(name, *about[1:]) for _, name, about in files),
        listed=state.get("listed"),
        first_by=first[1],
        first_seen=first[0],
    )


def shown_texts(state: State, what: str) -> list[str]:
    """Return the places of the texts of a call that make its ``what`` (summary or transcription), in their order."""
    rows = _current(state)
    return _shown(state.get("texts", {}), what, rows, _journey(rows))


def _current(state: State) -> list[State]:
    """Return the rows that lists still have, by their beginning."""
    rows = list(state.get("rows", {}).values())
    if len(rows) > 1:
        newest = max((at for _, at, row in rows if row["end"] is not None), default=None)
        if newest is not None:
            rows = [each for each in rows if each[1] >= newest - (SUPERSEDED if each[2]["end"] is not None else 0)]
        rows.sort(key=lambda each: (each[2]["start"] or 0.0, each[2]["extension"] or ""))
    return [row for _, _, row in rows]


def _legs(state: State) -> list[State]:
    """Return the legs by their beginning: what the newest event of each kind says, and when it was answered."""
    if "legs" not in state:
        return []
    found = []
    for phases in state["legs"].values():
        said = [phases[phase][1] for phase in ("ended", "answered", "started", "text") if phase in phases]
        leg = {name: _first(said, name) for name in said[0]}
        leg["answered"] = phases["answered"][0] if "answered" in phases else None
        leg["only_text"] = phases.keys() == {"text"}
        found.append(leg)
    # A transcription may tell of the whole call: it is no leg if legs are known.
    return sorted(found, key=lambda leg: (leg["only_text"], leg["start"] or 0.0, leg["extension"] or ""))


def _is_open(state: State, rows: Sequence[State], legs: Sequence[State]) -> bool:
    if ends := _times(rows, "end"):
        return len(ends) < len(rows)
    known = [leg for leg in legs if not leg["only_text"]] or legs
    # A running call that was listed after its last event has a leg that no event told of.
    if rows and (not known or state["listed"] > state.get("heard", 0.0)):
        return True
    return not known or any(leg["end"] is None for leg in known)


def _earliest(rows: Sequence[State], legs: Sequence[State]) -> float | None:
    times = _times(rows, "start") or _times(legs, "start")
    return min(times) if times else None


def _latest(rows: Sequence[State], legs: Sequence[State]) -> float | None:
    times = _times(rows, "end") or _times(legs, "end")
    return max(times) if times else None


def _times(said: Sequence[State], name: str) -> list[float]:
    return [each[name] for each in said if each[name] is not None]


def _duration(said: Sequence[State], started: float | None, ended: float | None) -> float | None:
    if ended is None:
        return None
    if len(said) == 1 and said[0]["duration"] is not None:
        duration: float = said[0]["duration"]
        return duration
    return None if started is None else max(0.0, ended - started)


def _is_answered(said: State) -> bool:
    """Return whether a row, or a leg of events, was answered."""
    if "journey" not in said:
        return said["answered"] is not None or (said["end"] is not None and bool(said["duration"]))
    if said["status"] is None:
        return any(segment[7] for segment in said["journey"] or ())
    return bool(said["status"] == "answered")


def _answered_first(said: Sequence[State]) -> Sequence[State]:
    return said if len(said) < 2 else sorted(said, key=_is_answered, reverse=True)


def _journey(rows: Sequence[State]) -> list[list[Any]] | None:
    """Return the segments that lists name, each once; None if no row has a journey."""
    named = [row["journey"] for row in rows if row["journey"] is not None]
    if len(named) < 2:
        return named[0] if named else None
    once = {segment[0]: segment for journey in named for segment in journey}
    return sorted(once.values(), key=lambda segment: (segment[4] or 0.0, segment[0]))


def _segments(
    state: State, rows: Sequence[State], legs: Sequence[State], journey: Sequence[list[Any]] | None
) -> tuple[Segment, ...]:
    if journey is not None:
        media, found = state.get("media", {}), []
        # Many calls have many segments: this is twice as fast as to unpack each one twice.
        for n, (place, kind, name, extension, start, end, duration, is_answered) in enumerate(journey, 1):
            recording = media[place][1] if place in media else None
            found.append(Segment(n, kind, name, extension, start, end, duration, is_answered, recording))
        return tuple(found)
    # Without a journey, the legs of the call are its segments.
    known = rows or [leg for leg in legs if not leg["only_text"]]
    return tuple(_of_leg(n, leg) for n, leg in enumerate(known, 1))


def _of_leg(n: int, leg: State) -> Segment:
    start, end, answered = leg["start"], leg["end"], leg.get("answered")
    duration = leg["duration"] if answered is None or end is None else max(0.0, end - answered)
    begun = start if answered is None else answered
    return Segment(n, "User", leg["extension_name"], leg["extension"], begun, end, duration, _is_answered(leg), None)


def _text(texts: State, what: str, rows: Sequence[State], journey: Sequence[list[Any]] | None) -> str | None:
    if not texts:
        return None
    words = dict.fromkeys(texts[place][3].strip() for place in _shown(texts, what, rows, journey))
    return "\n".join(words) or None


def _shown(texts: State, what: str, rows: Sequence[State], journey: Sequence[list[Any]] | None) -> list[str]:
    """Return the places of the texts that are shown: those of rows, else those of segments, else the event's."""
    ours = [place[len(what) + 1 :] for place, each in texts.items() if place.startswith(what) and len(each) > 3]
    of_rows = [f"row {place_of(row)}" for row in rows]
    named = [segment[0] for segment in journey or ()]
    of_events = sorted(place for place in ours if place.startswith("event "))
    # A segment that is named otherwise now keeps its text.
    others = sorted(place for place in ours if not place.startswith(("row ", "event ")))

    def newest(places: Sequence[str]) -> float:
        return max((texts[f"{what} {place}"][1] for place in places if place in ours), default=0.0)

    # A list that has the texts elsewhere than before has the newer ones there.
    listed = sorted((of_rows, named), key=newest, reverse=True)
    choices = ([place for place in places if place in ours] for places in (*listed, others, of_events))
    return [f"{what} {place}" for place in next(filter(None, choices), [])]


def _first(said: Iterable[State], name: str) -> Any:
    for each in said:
        value = each.get(name)
        if value is not None:
            return value
    return None
