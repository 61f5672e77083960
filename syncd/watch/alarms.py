"""What a person must hear of: decided from how the sources stand, and from nothing else.

An alarm is a state, not an event: it stands as long as its cause does, and is told when it begins and when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.budget import describe
from syncd.core.wording import counted
from syncd.watch.settings import Watch

KINDS = ("stale", "failing", "key", "held", "rejected", "invalid")
"""Every kind of alarm: data too old · runs that fail · a refused key · changes that wait for an approval · contacts
that the target refused · rows that cannot be used."""

BROKEN = ("stale", "failing", "key")
"""The kinds that mean that contacts are not kept up to date."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. ``source`` is "" where it is about the company. ``text`` says what is so and what to do, in a line."""

    source: str
    kind: str
    text: str

    @property
    def named(self) -> str:
        """``tenants: stale``, or ``key``."""
        return f"{self.source}: {self.kind}" if self.source else self.kind


def alarms_of(sources: Sequence[Mapping[str, Any]], watch: Watch) -> list[Alarm]:
    """The alarms of sources that stand as :mod:`syncd.watch.status` says, the gravest kinds first."""
    found = [*_refused_key(sources), *(alarm for source in sources for alarm in _of(source, watch))]
    return sorted(found, key=lambda alarm: KINDS.index(alarm.kind))


def _refused_key(sources: Sequence[Mapping[str, Any]]) -> Iterator[Alarm]:
    refused = [source["failure"]["message"] for source in sources if _is_key(source)]
    if refused:
        yield Alarm("", "key", refused[0])


def _is_key(source: Mapping[str, Any]) -> bool:
    return bool(source["failure"]) and source["failure"]["kind"] == "AccessDenied"


def _of(source: Mapping[str, Any], watch: Watch) -> Iterator[Alarm]:
    name = source["source"]
    waited, allowed = source["waiting_for"], source["max_age"]
    if allowed is not None and waited is not None and waited > allowed:
        never = "no good run yet, for" if source["age"] is None else "no good run for"
        yield Alarm(name, "stale", f"{never} {describe(waited)}; {describe(allowed)} is allowed (max_age)")
    if source["failure"] and source["failures"] >= watch.failures and not _is_key(source):
        times = "the last run" if source["failures"] <= 1 else f"the last {source['failures']} runs"
        yield Alarm(name, "failing", f"{times} failed: {source['failure']['message']}")
    waits = [hold for hold in source["held"] if not hold["approved"]]
    if waits:
        yield Alarm(name, "held", "; ".join(_held(hold) for hold in waits) + "; see syncd status")
    if source["rejected"] > watch.rejected:
        yield Alarm(
            name, "rejected", f"the target refused {counted(source['rejected'], 'contact')}: syncd rejects list"
        )
    if source["invalid"] > watch.invalid:
        yield Alarm(name, "invalid", f"{counted(source['invalid'], 'row')} cannot be used: syncd run {name} --dry-run")


def _held(hold: Mapping[str, Any]) -> str:
    """Without its detail where that may name keys."""
    kind = {"delete": "delete", "update": "update"}.get(hold["kind"], "change")
    detail = "" if hold["gate"] == "deletes.canary" else f": {hold['detail']}"
    wait = "waits" if hold["count"] == 1 else "wait"
    return f"{counted(hold['count'], kind)} {wait} for an approval ({hold['gate']}){detail}"
