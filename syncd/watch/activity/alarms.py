"""Which alarms of calls and messages stand, from their status alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncd.budget import describe
from syncd.core.activity.skew import clock_text, trouble_of
from syncd.core.wording import sized

ACTIVITY = "activity"
"""In place of a source's name."""

KINDS = ("pull", "store", "receiver", "endpoint", "signatures", "company", "clock", "disk")
"""Lists that are not read · a store that cannot be written · a receiver that is down · an endpoint that is gone or
changed · deliveries whose signature is refused · events of another company · a clock that is off · a disk that fills.
"""

DAY = 86_400.0

LEAST_FREE = 200_000_000
"""Bytes that must be free for the store."""

LEAST_FOR_FILES = 1_000_000_000
"""Bytes that must be free for files, unless what they may still take is less."""

NEVER_THERE = 600.0
"""Seconds after the first pull after which a receiver that never was there is missed."""

Found = Iterator[tuple[str, str]]
"""Kinds of alarms with their texts."""


def activity_alarms(found: Mapping[str, Any], failures: int) -> Found:
    """Yield the kind and the text of each alarm. ``failures``: so many pulls in a row must fail before it is one."""
    yield from _of_store(found)
    if found["error"] is not None:
        return
    yield from _of_pull(found["pull"], failures, running=found["running"])
    if found["receiver"] is not None:
        yield from _of_receiver(found)
    yield from _of_endpoint(found["endpoint"] or {})
    skew = found["clock_skew"]
    if trouble_of(skew) == "alarm":
        yield "clock", f"{clock_text(skew)}; at 300 s every delivery is refused: set it by NTP"


def is_key_refused(found: Mapping[str, Any]) -> bool:
    """Return whether the last pull failed since the key is refused."""
    failure = (found["pull"] or {}).get("failure")
    return failure is not None and failure["kind"] in {"AccessDenied", "OtherCompany"}


def warnings_of(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is worth to be known, and no alarm."""
    if trouble_of(found["clock_skew"]) == "warning":
        yield f"activity: {clock_text(found['clock_skew'])}: set it by NTP"
    if found["endpoint"] and found["endpoint"]["problem"] == "none":
        yield "activity: no endpoint at Vocatech delivers to receive.url: syncd webhook create makes it"


def _of_store(found: Mapping[str, Any]) -> Found:
    if found["error"] is not None:
        yield "store", found["error"]
        return
    for each in found["disk"]:
        if each["what"] == "store":
            if not each["writable"]:
                yield "store", f"{found['store']}: cannot be written, so no delivery is stored: let syncd's user write"
            elif each["free"] is not None and each["free"] < LEAST_FREE:
                yield "store", f"{found['store']}: its disk has {sized(each['free'])} left: make room"
        elif (text := _of_folder(each, (found["media"] or {}).get(each["what"], {}))) is not None:
            yield "disk", text
            return


def _of_folder(each: Mapping[str, Any], media: Mapping[str, Any]) -> str | None:
    if not each["writable"]:
        return f"{each['what']}: the folder cannot be written: let syncd's user write to it"
    needed = min(LEAST_FOR_FILES, max(0, each["at_most"] - media.get("size", 0)))
    if each["free"] is not None and each["free"] < needed:
        return f"{each['what']}: the disk has {sized(each['free'])} left: make room, or lower at_most"
    return None


def _of_pull(pull: Mapping[str, Any], failures: int, *, running: bool) -> Found:
    failure, waited, allowed = pull["failure"], pull["waiting_for"], pull["max_age"]
    never = pull["good"] is None
    # A first pull may take hours.
    if waited is not None and waited > allowed and not (never and running and not failure):
        why = f": {failure['message']}" if failure else "; syncd activity run"
        yield "pull", f"no good pull {'yet, ' if never else ''}for {describe(waited)}{why}"
    elif failure and pull["failures"] >= failures and failure["kind"] not in {"AccessDenied", "OtherCompany"}:
        times = "the last pull" if pull["failures"] <= 1 else f"the last {pull['failures']} pulls"
        yield "pull", f"{times} failed: {failure['message']}"


def _of_receiver(found: Mapping[str, Any]) -> Found:
    receiver = found["receiver"]
    if not receiver["up"] and (receiver["missed_for"] or 0) > NEVER_THERE * (receiver["seen"] is None):
        ago = "yet" if receiver["seen"] is None else f"for {describe(max(1, receiver['missed_for']))}"
        yield "receiver", f"the receiver has not been there {ago}: look at its log (syncd daemon, or syncd receive)"
    if receiver["refused_since"] is not None and receiver["refused_since"] < DAY:
        text = "deliveries are refused for their signature, and no good one came since"
        yield "signatures", f"{text}: another secret, or a proxy that changes bodies: syncd webhook check"
    if receiver["foreign_age"] is not None and receiver["foreign_age"] < DAY:
        yield "company", "events of another company arrive and are ignored: is the endpoint made with this key?"


def _of_endpoint(endpoint: Mapping[str, Any]) -> Found:
    remedy = "syncd webhook create brings it to what is configured"
    if endpoint.get("problem") == "gone":
        yield "endpoint", f"our endpoint is gone at Vocatech, so nothing is delivered: {remedy}"
    if endpoint.get("problem") == "changed":
        yield "endpoint", f"our endpoint was changed at Vocatech ({', '.join(endpoint['differs'])}): {remedy}"
