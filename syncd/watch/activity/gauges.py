"""The metrics of calls and messages as plain values: name, meaning, labels, and the samples by label values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Samples = Sequence[tuple[Sequence[str], float | None]]
Gauge = tuple[str, str, Sequence[str], Samples]


def activity_gauges(found: Mapping[str, Any]) -> Iterator[Gauge]:
    """Yield the metrics of the status ``found``; a sample of None is not known."""
    yield _one("store_readable", "Whether the activity store can be read.", int(found["error"] is None))
    yield _one("running", "Whether a run of calls and messages is under way.", int(found["running"]))
    disk = [([each["what"]], each["free"]) for each in found["disk"]]
    yield "activity_disk_free_bytes", "Bytes that are free where this is kept.", ["what"], disk
    if found["error"] is not None:
        return
    pull, events = found["pull"], found["events"]
    yield _one("pull_age_seconds", "Seconds since the last good pull.", pull["age"])
    yield _one("pull_failures", "Pulls that failed since the last good one.", pull["failures"])
    yield _one("event_age_seconds", "Seconds since the newest delivery.", events["age"])
    yield _one("events_waiting", "Deliveries that are not merged yet.", events["waiting"])
    yield _one("events_waiting_seconds", "Seconds since the oldest of these came.", events["waiting_for"])
    yield _one("clock_skew_seconds", "Seconds by which Vocatech's clock is ahead.", found["clock_skew"])
    days = [([state], number) for state, number in found["days"].items()]
    yield "activity_days", "Days of the lists, by what is known of them.", ["state"], days
    yield from _of_receiver(found)
    yield from _counted(found)


def _of_receiver(found: Mapping[str, Any]) -> Iterator[Gauge]:
    if found["receiver"] is not None:
        yield _one("receiver_up", "Whether the receiver can store deliveries.", int(found["receiver"]["up"]))
    if found["endpoint"] is not None:
        is_good = int(found["endpoint"]["problem"] is None)
        yield _one("endpoint_good", "Whether the endpoint at Vocatech is as configured.", is_good)


def _counted(found: Mapping[str, Any]) -> Iterator[Gauge]:
    if found["calls"] is not None:
        yield _one("calls_open", "Calls without an end.", found["calls"]["open"])
        yield _one("text_overdue", "Answered calls of a week that lack a summary.", found["calls"]["text_overdue"])
    if found["coverage"] is not None:
        by = found["coverage"]["by_direction"]
        for name, key, text in (
            ("week_calls", "calls", "Calls of a week."),
            ("week_announced", "announced", "Calls of a week that a delivery announced."),
        ):
            samples = [([direction], each[key]) for direction, each in by.items()]
            yield f"activity_{name}", text, ["direction"], samples
    media = found["media"] or {}
    for state, text in (("wanted", "Files that are still to be fetched."), ("kept", "Files that are kept.")):
        yield f"activity_media_{state}", text, ["kind"], [([kind], each[state]) for kind, each in media.items()]
    sizes = [([kind], each["size"]) for kind, each in media.items()]
    yield "activity_media_bytes", "Bytes of the files that are kept.", ["kind"], sizes


def _one(name: str, text: str, value: float | None) -> Gauge:
    return f"activity_{name}", text, [], [([], value)]
