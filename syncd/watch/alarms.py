"""Decides which alarms stand, from the status of the sources alone.

An alarm is a state, not an event: it stands as long as its cause does. People hear of its begin and of its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.budget import describe
from syncd.core.wording import counted
from syncd.watch.activity.alarms import ACTIVITY, activity_alarms, is_key_refused
from syncd.watch.activity.alarms import KINDS as OF_ACTIVITY
from syncd.watch.activity.sinks import SEE_STATUS, sink_alarms
from syncd.watch.settings import Watch

OF_SOURCES = ("stale", "failing", "held", "rejected", "invalid")
"""Data too old · runs that fail · changes that wait for an approval · contacts that the target refused · rows that
cannot be used."""

KINDS = ("stale", "failing", "key", *OF_ACTIVITY, "held", "rejected", "invalid")
"""Every kind of alarm, the gravest first. ``key``: it is refused, or is another company's."""

BROKEN = ("stale", "failing", "key", "pull", "store", "receiver")
"""The kinds that mean that contacts, calls or messages are not kept up to date."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    ``source`` is "" for the whole company, or ``activity`` for calls and messages. ``text``: the cause and the remedy,
    in one line.
    """

    source: str
    kind: str
    text: str


def alarm_name(source: str, kind: str) -> str:
    """Return ``tenants: stale``, or ``key`` if there is no source."""
    return f"{source}: {kind}" if source else kind


def alarms_of(
    sources: Sequence[Mapping[str, Any]],
    watch: Watch,
    activity: Mapping[str, Any] | None = None,
    sinks: Sequence[Mapping[str, Any]] = (),
) -> list[Alarm]:
    """Return the alarms of the company (as :mod:`syncd.watch.status` describes it), the gravest kinds first."""
    refused = [source["failure"]["message"] for source in sources if _is_key_refused(source)]
    refused += [activity["pull"]["failure"]["message"]] if activity and is_key_refused(activity) else []
    # All sources push with one key: a refused key is one alarm of the company, not one of every source.
    alarms = [Alarm("", "key", message) for message in refused[:1]]
    alarms += [alarm for source in sources for alarm in _of_source(source, watch)]
    found = activity_alarms(activity, watch.failures) if activity else ()
    alarms += [Alarm(ACTIVITY, kind, text) for kind, text in found]
    for sink in sinks:
        alarms += [Alarm(sink["sink"], *each) for each in sink_alarms(sink, watch.failures, watch.rejected)]
    return sorted(alarms, key=lambda alarm: KINDS.index(alarm.kind))


def _is_key_refused(source: Mapping[str, Any]) -> bool:
    return bool(source["failure"]) and source["failure"]["kind"] in {"AccessDenied", "OtherCompany"}


def _of_source(source: Mapping[str, Any], watch: Watch) -> Iterator[Alarm]:
    name = source["source"]
    waited, allowed = source["waiting_for"], source["max_age"]
    if allowed is not None and waited is not None and waited > allowed:
        never = "no good run yet, for" if source["age"] is None else "no good run for"
        yield Alarm(name, "stale", f"{never} {describe(waited)}; {describe(allowed)} is allowed (max_age)")
    # A source with a refused key fails too, but its own alarm would only repeat the company's.
    if source["failure"] and source["failures"] >= watch.failures and not _is_key_refused(source):
        times = "the last run" if source["failures"] <= 1 else f"the last {source['failures']} runs"
        yield Alarm(name, "failing", f"{times} failed: {source['failure']['message']}")
    waiting = [_held(hold) for hold in source["held"] if not hold["approved"]]
    if undecided := len(source["undecided"]):
        # Without the numbers, which must not leave in a message.
        waiting.append(counted(undecided, "number waits for a decision", "numbers wait for a decision"))
    if waiting:
        yield Alarm(name, "held", "; ".join(waiting) + SEE_STATUS)
    if source["rejected"] > watch.rejected:
        text = f"the target refused {counted(source['rejected'], 'contact')}: syncd rejects list"
        yield Alarm(name, "rejected", text)
    if source["invalid"] > watch.invalid:
        yield Alarm(name, "invalid", f"{counted(source['invalid'], 'row')} cannot be used: syncd run {name} --dry-run")


def _held(hold: Mapping[str, Any]) -> str:
    kind = hold["kind"] if hold["kind"] in ("delete", "update") else "change"
    # The details of these gates name keys, which may be personal data: they must not leave in a message.
    detail = "" if hold["gate"] in ("deletes.canary", "keys.changed") else f": {hold['detail']}"
    verb = "waits" if hold["count"] == 1 else "wait"
    return f"{counted(hold['count'], kind)} {verb} for an approval ({hold['gate']}){detail}"
