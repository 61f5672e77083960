"""What is known of one call or message: what was said of it, what came of that, and what the next run would do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.attributing.explaining import attribution_json
from syncd.activity.attributing.work import Attributing
from syncd.activity.delivering.shown import delivery_json
from syncd.activity.delivering.shown import standing as standing_of
from syncd.activity.events import observation_of
from syncd.activity.pull import day_json
from syncd.activity.pulling.one_list import standing
from syncd.activity.store.activities import Record
from syncd.activity.store.days import Day
from syncd.activity.store.events import Event
from syncd.activity.store.insight import MOST, Named
from syncd.activity.store.media import Item
from syncd.activity.store.store import ActivityStore
from syncd.config.activity import Activity
from syncd.config.sinks import SinkSettings
from syncd.core.activity import prospects
from syncd.core.activity.days.windows import of_moment
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import LIST, Kind, State
from syncd.core.activity.prospects import Prospect
from syncd.core.activity.views import view_of_call
from syncd.errors import ConfigError


@dataclass(slots=True)
class Explained:
    """An explanation, in parts that are ``--json``'s.

    ``named``: what the id names. ``kind``, ``key``: the call or message that it belongs to, None if it belongs to none.
    ``columns``: as stored, None if nothing is. ``attribution``: whose it is, as ``--json`` shows it. ``state``: all
    that was said. ``record``: None also if nothing is kept.
    ``days``: the days in whose lists it stands, or may stand.
    """

    named: Named
    kind: Kind | None = None
    key: str = ""
    columns: Mapping[str, Any] | None = None
    attribution: Mapping[str, Any] | None = None
    state: State = field(default_factory=dict)
    record: Record | None = None
    words: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    media: list[Item] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    next: list[Prospect] = field(default_factory=list)

    @property
    def is_left_out(self) -> bool:
        """Whether ``activity.only`` keeps nothing of it."""
        return bool(self.columns and self.columns["left_out"])

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        return {
            "names": self.named.what,
            "id": self.named.key,
            "kind": self.kind,
            "key": self.key or None,
            "activity": self.record.row if self.record else None,
            "left_out": self.is_left_out,
            "attribution": self.attribution,
            "events": [_event_json(event) for event in self.events],
            "lists": self.lists(),
            "texts": self.texts(),
            "media": [_media_json(item) for item in self.media],
            "days": [day_json(day) for day in self.days],
            "deliveries": self.deliveries,
            "next": [{"do": each.do, "why": each.why, "at": _time(each.at)} for each in self.next],
        }

    def lists(self) -> dict[str, Any]:
        """Return what the lists have shown: when last, in which day, and each row."""
        columns = self.columns or {}
        rows = [
            {"leg": place, "at": iso(at), "ended": row["end"] is not None}
            for place, (_, at, row) in self.state.get("rows", {}).items()
        ]
        rows += (
            [{"leg": None, "at": iso(self.state["said"]["list"][0])}] if "list" in self.state.get("said", {}) else []
        )
        times = {name: _time(columns.get(name)) for name in ("listed_at", "missing_since")}
        return {"day": columns.get("day"), **times, "rows": rows}

    def texts(self) -> list[dict[str, Any]]:
        """Return each text that was said: where, by whom, when, and whether it is shown."""
        found = []
        for place, said in sorted(self.state.get("texts", {}).items()):
            what, _, of = place.partition(" ")
            text, is_shown = self.words.get(place, (None, False))
            length = None if text is None else len(text)
            by = "list" if said[0] == LIST else "event"
            found.append(
                {"what": what, "of": of, "by": by, "at": iso(said[1]), "shown": is_shown, "characters": length}
            )
        return found


def subject_of(store: ActivityStore, text: str) -> tuple[Named, Kind | None, str]:
    """Return what an id, or the beginning of one, names, and kind and key of its call or message.

    Raises:
        ConfigError: it names nothing, or several things.
    """
    named = _one(store, text)
    return named, *_subject(store, named)


def explained(
    work: Attributing, activity: Activity, text: str, now: float, sinks: Collection[SinkSettings] = ()
) -> Explained:
    """Explain what an id, or the beginning of one, names; ``now``: Unix seconds. ``sinks``: where it is delivered.

    Raises:
        ConfigError: it names nothing, or several things.
    """
    store = work.store
    named, kind, key = subject_of(store, text)
    found = Explained(named, kind, key)
    if found.kind is None:
        event = store.events.get(found.named.key)
        found.events = [event] if event else []
    else:
        _gather(store, found, found.kind, now)
        if found.columns and not found.is_left_out:
            found.attribution = attribution_json(work, found.kind, found.key, found.columns)
    expected = [*_prospects(found, activity, now), *_of_sinks(store, found, sinks, now)]
    found.next = expected or [Prospect("nothing", "nothing more is waited for")]
    return found


def _of_sinks(
    store: ActivityStore, found: Explained, sinks: Collection[SinkSettings], now: float
) -> Iterator[Prospect]:
    if found.record is None or not sinks:
        return
    row, revision = found.record.row, found.record.columns["revision"]
    found.deliveries = delivery_json(store, sinks, row)
    for each in standing_of(store, sinks, row, revision):
        if (prospect := prospects.of_delivery(each, now)) is not None:
            yield prospect


def _one(store: ActivityStore, text: str) -> Named:
    found = store.insight.named(text) if text else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(
            "no call, message, file or event has this id, or an id that begins so; syncd activity list has "
            "the ids, and syncd activity pull fetches what is not known yet"
        )
    more = " and others" if len(found) >= MOST else ""
    shown = ", ".join(f"{each.what} {each.key}" for each in found[:MOST])
    raise ConfigError(f"{text!r} may be {shown}{more}: write the whole id; of a message also text:ID or whatsapp:ID")


def _subject(store: ActivityStore, named: Named) -> tuple[Kind | None, str]:
    """Return the call or message that something belongs to."""
    if named.what == "event":
        return _subject_of(store, store.events.get(named.key))
    kind, key = named.what, named.key
    if named.what == "media" and (item := store.media.get(named.key)):
        kind, _, key = item.owner.partition(":")
    return ("call" if kind == "call" else "message"), key


def _subject_of(store: ActivityStore, event: Event | None) -> tuple[Kind | None, str]:
    if event is None or event.subject is None:
        return None, ""
    if said := observation_of(event):
        return said.kind, said.key
    # Its bytes were removed.
    if event.type.startswith("call."):
        return "call", event.subject
    channels = store.insight.channels(event.subject)
    return ("message", f"{channels[0]}:{event.subject}") if channels else (None, "")


def _gather(store: ActivityStore, found: Explained, kind: Kind, now: float) -> None:
    found.columns = store.insight.columns(kind, found.key)
    found.state = store.insight.state(found.columns) if found.columns else {}
    channel, _, identity = ("", "", found.key) if kind == "call" else found.key.partition(":")
    found.record = store.activities.message(channel, identity) if channel else store.activities.call(identity)
    found.words = store.insight.words(kind, found.key)
    said = [(event, observation_of(event)) for event in store.events.of(identity)]
    found.events = [event for event, each in said if each is None or (each.kind, each.key) == (kind, found.key)]
    found.media = store.media.of(f"{kind}:{found.key}")
    found.days = [store.days.get(kind, day) or Day(kind, day) for day in _days(found, kind, now)]


def _days(found: Explained, kind: Kind, now: float) -> Sequence[str]:
    """Return the day in whose list it stands; until a list has shown it, the days in whose lists it may stand."""
    columns = found.columns or {}
    if columns.get("day"):
        return [columns["day"]]
    moment = columns.get("started" if kind == "call" else "sent")
    if moment is None:
        moment = min((event.at or event.received for event in found.events), default=now)
    return of_moment(moment).each()


def _prospects(found: Explained, activity: Activity, now: float) -> Iterator[Prospect]:
    if found.is_left_out:
        yield Prospect("nothing", "activity.only keeps nothing of it: only its id is known, since the lists count it")
        return
    waiting = sum(event.processed is None and event.outcome == "new" for event in found.events)
    yield from prospects.of_events(prospects.Events(waiting, sum(event.outcome == "stale" for event in found.events)))
    if found.kind is None:
        yield Prospect("nothing", "the event says nothing of a call or a message")
        return
    if found.kind == "call" and found.state:
        yield from prospects.of_call(view_of_call(found.state), now)
    if found.attribution:
        outcome, at = found.attribution["outcome"], (found.columns or {})["started" if found.kind == "call" else "sent"]
        yield from prospects.of_contact(outcome, is_recent=at is None or at >= now - activity.attribute.late)
    for day in found.days:
        if (read := prospects.of_day(day.day, standing(day), now, activity.pull.recheck)) is not None:
            yield read._replace(why=f"{day.day}: {read.why}")
    for item in found.media:
        setting = f"activity.{item.kind}s"
        is_fetched = (activity.recordings if item.kind == "recording" else activity.attachments) is not None
        file = prospects.File(item.media_id, item.state, item.next_try, item.reason, setting, is_fetched)
        if (fetch := prospects.of_file(file, now)) is not None:
            yield fetch


def _event_json(event: Event) -> dict[str, Any]:
    times = {name: _time(getattr(event, name)) for name in ("at", "signed_at", "received", "processed")}
    return {"id": event.id, "type": event.type, "origin": event.origin, "outcome": event.outcome, **times}


def _media_json(item: Item) -> dict[str, Any]:
    names = (
        "media_id",
        "kind",
        "n",
        "state",
        "reason",
        "content_type",
        "filename",
        "size",
        "duration",
        "path",
        "sha256",
    )
    times = {"next_try": _time(item.next_try or None), "fetched": _time(item.fetched)}
    return {**{name: getattr(item, name) for name in names}, "attempts": item.attempts, **times}


def _time(moment: float | None) -> str | None:
    return None if moment is None else iso(moment)
