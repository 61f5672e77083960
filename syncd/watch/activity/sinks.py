"""The status of the sinks: how deliveries went, what waits and what is held; and which alarms stand of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from syncd.budget import describe
from syncd.core.activity.facts import DELIVERY
from syncd.core.wording import HELD_WORDS, counted
from syncd.errors import StateError
from syncd.watch.activity.gauges import Gauge
from syncd.watch.activity.glance import StoreGlance
from syncd.watch.activity.settings import WatchedActivity
from syncd.watch.activity.times import age_of, iso_of

OPEN = ("waiting", "pending", "held", "rejected", "undone")
"""The statuses of deliveries that are not as they should be."""

SEE_STATUS = "; see syncd status"
"""How the text of an alarm ends if ``syncd status`` says more."""

Held = Callable[[str], list[dict[str, Any]]]


def sinks_status(
    watched: WatchedActivity, now: float, *, running: Callable[[str], bool], held: Held, counted: bool = True
) -> list[dict[str, Any]]:
    """Return what ``syncd status --json`` prints under ``sinks``. Times are ISO 8601 in UTC, ages in seconds.

    ``running``: whether a delivery to a sink is under way. ``held``: the lists that gates hold of it. ``counted``:
    count the records, which takes a while for a million. ``error``: why the store cannot be read.
    """
    found: list[dict[str, Any]] = [
        {"sink": name, "running": running(name), "error": None, "held": held(name)} for name in watched.sinks
    ]
    if not found:
        return []
    try:
        with StoreGlance(Path(watched.store)) as glance:
            return [{**each, **_known(glance, str(each["sink"]), now, counted=counted)} for each in found]
    except StateError as error:
        nothing = dict.fromkeys(("good", "age", "waiting_for", "failures", "failure", "open", "records", "next_due"))
        return [{**each, **nothing, "error": str(error)} for each in found]


def _known(glance: StoreGlance, name: str, now: float, *, counted: bool) -> dict[str, Any]:
    noted = json.loads(glance.fact(DELIVERY + name) or "{}")
    good, failure = noted.get("good"), noted.get("failure")
    open_ = glance.deliveries(name)
    return {
        "good": iso_of(good),
        "age": age_of(good, now),
        # A sink that never was good is late from its first attempt on.
        "waiting_for": age_of(noted.get("first") if good is None else good, now),
        "failures": failure["times"] if failure else 0,
        "failure": {"kind": failure["kind"], "message": failure["message"]} if failure else None,
        "open": {status: open_.get(status, 0) for status in OPEN},
        "records": glance.made(name) if counted else None,
        "next_due": iso_of(glance.next_due(name)),
    }


def sink_alarms(sink: Mapping[str, Any], failures: int, rejected: int) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each alarm of a sink.

    ``failures``: so many deliveries in a row must fail before it is one. ``rejected``: more refused records are one.
    """
    failure, name = sink["failure"], sink["sink"]
    # A key that is refused, or a sink that cannot take what it should, does not mend itself.
    lasting = failure and failure["kind"] in {"SinkDenied", "SinkInvalid", "ConfigError"}
    if failure and (lasting or sink["failures"] >= failures):
        times = "the last delivery" if sink["failures"] <= 1 else f"the last {sink['failures']} deliveries"
        since = f", none was good for {describe(sink['waiting_for'])}" if sink["waiting_for"] else ""
        yield "failing", f"{times} failed{since}: {failure['message']}"
    waiting = [hold for hold in sink["held"] if not hold["approved"]]
    if waiting:
        yield "held", "; ".join(map(_held, waiting)) + SEE_STATUS
    if sink["open"] and sink["open"]["rejected"] > rejected:
        text = f"it refused {counted(sink['open']['rejected'], 'record')}: syncd activity deliver {name} says why"
        yield "rejected", text


def sink_line(sink: Mapping[str, Any]) -> str:
    """Say how deliveries to a sink are, for people."""
    if sink["error"] is not None:
        return "its deliveries cannot be read"
    parts = ["a delivery is under way"] if sink["running"] else []
    parts += [
        "never delivered to" if sink["age"] is None else f"last good delivery {describe(max(1, sink['age']))} ago"
    ]
    parts += [counted(sink["records"], "record")] if sink["records"] else []
    words = {"waiting": "not due yet", "pending": "with an unknown outcome", "rejected": "refused"}
    parts += [f"{sink['open'][status]:,} {word}" for status, word in words.items() if sink["open"][status]]
    return ", ".join(parts)


def sink_gauges(sinks: Sequence[Mapping[str, Any]]) -> Iterator[Gauge]:
    """Yield the metrics of the sinks; a sample of None is not known."""
    for name, text, key in (
        ("sink_age_seconds", "Seconds since the last good delivery.", "age"),
        ("sink_failures", "Deliveries that failed since the last good one.", "failures"),
        ("sink_records", "Records that were delivered.", "records"),
    ):
        yield name, text, ["sink"], [([each["sink"]], each[key]) for each in sinks]
    running = [([each["sink"]], int(each["running"])) for each in sinks]
    yield "sink_running", "Whether a delivery is under way.", ["sink"], running
    open_ = [([each["sink"], status], number) for each in sinks for status, number in (each["open"] or {}).items()]
    yield "sink_open", "Deliveries that are not as they should be.", ["sink", "status"], open_


def _held(hold: Mapping[str, Any]) -> str:
    verb = "waits" if hold["count"] == 1 else "wait"
    what = counted(hold["count"], HELD_WORDS.get(hold["kind"], "change"))
    return f"{what} {verb} for an approval ({hold['gate']}): {hold['detail']}"
