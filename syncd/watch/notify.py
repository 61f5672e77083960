"""Notifies people of alarms: once when an alarm begins and once when it ends, whichever process notices it first.

:mod:`syncd.watch.alarms` decides which alarms stand, and the state file keeps them. This module writes the messages
and hands them to a process that sends them. It never makes a run fail, and takes no longer than ``notify.timeout``.
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from syncd.budget import Budget, describe
from syncd.core.callers.kinds import in_words
from syncd.log import redacted
from syncd.state import State
from syncd.watch.activity.words import activity_lines
from syncd.watch.alarms import BROKEN, Alarm, alarm_name, alarms_of
from syncd.watch.sending import LIMITED, UNKNOWN
from syncd.watch.settings import digest_due, watch_of
from syncd.watch.status import company_status, held_of

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.state.notices import Notice

log = structlog.get_logger()

SMS_PAUSE = 120.0
"""Seconds for which nobody sends a text message after a 429: the API takes 5 in 10 minutes (guide: Rate limits)."""

NO_PLACE = "it must wait: the key's limit of text messages (target.messaging) is used up"
"""The reason of a number that was sent nothing."""

SMS_LENGTH = 300

HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where messages go. ``name``: an id without a secret; ``label``: its key in the configuration."""

    name: str
    label: str
    address: str
    is_sms: bool


Deliver = Callable[[Mapping[str, Any], float], Mapping[str, str]]
"""Sends a message (see :mod:`syncd.watch.sending`) within so many seconds.

Returns for each destination's name why it was not reached, "" if it was.
"""


def deliver(message: Mapping[str, Any], seconds: float) -> Mapping[str, str]:
    """Start a process that sends the message, and end it after ``seconds``."""
    names = [*message.get("to", {}), *(message.get("sms") or {}).get("to", {}), *message.get("ping", {})]
    if not names:
        return {}
    command = [sys.executable, "-m", "syncd.watch.sending"]
    sent = json.dumps({**message, "seconds": seconds})
    try:
        done = subprocess.run(  # noqa: S603 (this program itself)
            command, input=sent, capture_output=True, text=True, timeout=seconds, check=False
        )
        printed = done.stdout
    except subprocess.TimeoutExpired as late:
        # Its output is bytes even with text=True; the destinations that were reached in time are in it.
        printed = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    except OSError:
        printed = ""
    # A plug-in of Apprise may print lines of its own.
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"name"')]
    reasons = {line["name"]: line["why"] for line in lines}
    return {name: reasons.get(name, f"it took longer than {describe(seconds)}") for name in names}


def destinations(settings: Settings) -> dict[str, Destination]:
    """Return every destination of messages, by name."""
    notify = settings.notify
    urls = [(url.reveal(), "notify.to[{}] ({})", False) for url in notify.to]
    numbers = [(number.reveal(), "notify.sms.to[{}]", True) for number in (notify.sms.to if notify.sms else ())]
    listed: dict[str, Destination] = {}
    for group in (urls, numbers):
        for place, (address, label, is_sms) in enumerate(group):
            # The state file keeps who still waits for a notice; it must hold no address, which may hold a password.
            name = hashlib.sha256(address.encode()).hexdigest()[:12]
            listed[name] = Destination(name, label.format(place, address.partition(":")[0]), address, is_sms)
    return listed


def _message(
    settings: Settings, chosen: Iterable[Destination], title: str = "", body: str = "", short: str = ""
) -> dict[str, Any]:
    """Return the message to the ``chosen`` destinations, as :mod:`syncd.watch.sending` reads it."""
    chosen, notify, target = list(chosen), settings.notify, settings.target
    to = {each.name: each.address for each in chosen if not each.is_sms}
    message: dict[str, Any] = {"title": title, "body": body, "short": short[:SMS_LENGTH], "to": to}
    numbers = {each.name: each.address for each in chosen if each.is_sms}
    if numbers and notify.sms:
        key, base_url = target.api_key.reveal(), target.base_url
        message["sms"] = {"base_url": base_url, "key": key, "from": notify.sms.origin.reveal(), "to": numbers}
    return message


def after_run(settings: Settings, *, good: bool, clock: Callable[[], float], send: Deliver = deliver) -> None:
    """Notify people of the changes that a run made; raise nothing."""
    try:
        tell(settings, clock=clock, send=send, good=good)
    except Exception as error:  # noqa: BLE001 (whatever it is, the run is done)
        log.warning("notifying failed", error=type(error).__name__)


def tell(settings: Settings, *, clock: Callable[[], float], send: Deliver = deliver, good: bool = False) -> int:
    """Send every notice that is due; return the number of destinations that were not reached.

    ``good``: a run has just ended well, so the heartbeat's URL is called.

    Raises:
        StateError: the state file cannot be used.
    """
    watch = watch_of(settings)
    status = company_status(watch, clock(), counted=False)
    alarms = alarms_of(status["sources"], watch, status["activity"], status["sinks"])
    missed = 0
    if watch.notifies:
        with State(settings.state, clock=clock) as state:
            wanted = [alarm for alarm in alarms if alarm.kind in settings.notify.about]
            state.notices.keep_alarms((each.source, each.kind, each.text) for each in wanted)
            if due := digest_due(watch, clock()):
                callers = state.runs.callers_since(state.facts.digest_made.get() or due)
                state.notices.add_digest(_digest(status, alarms, callers), due)
            missed = _send_due(settings, state, send)
    # A heartbeat says "all is well": the service that waits for it raises the alarm itself when it stays away.
    if good and settings.notify.heartbeat and not any(alarm.kind in BROKEN for alarm in alarms):
        ping = {**_message(settings, ()), "ping": {HEARTBEAT: settings.notify.heartbeat.reveal()}}
        missed += _log_missed(send(ping, settings.notify.timeout), {HEARTBEAT: "notify.heartbeat"})
    return missed


def _send_due(settings: Settings, state: State, send: Deliver) -> int:
    """Send each destination one message with all notices that it has not received; return how many were missed."""
    notices = state.notices.due()
    known = destinations(settings)
    left = {each.id: [name for name in known if each.left is None or name in each.left] for each in notices}
    # Destinations with the same notices get one message: it is sent to them at once, by one process.
    groups: dict[tuple[int, ...], list[Destination]] = {}
    messages = Messages(settings, state)
    for destination in known.values():
        ids = tuple(each.id for each in notices if destination.name in left[each.id])
        # What finds no place waits in the state, as what did not arrive.
        if ids and messages.may_have(destination):
            groups.setdefault(ids, []).append(destination)
    missed = 0
    for ids, group in groups.items():
        words = _words(settings, [each for each in notices if each.id in ids])
        outcomes = send(_message(settings, group, *words), settings.notify.timeout)
        messages.note(outcomes)
        missed += _log_missed(outcomes, {each.name: each.label for each in group})
        reached = {name for name, why in outcomes.items() if not why}
        for notice in ids:
            left[notice] = [name for name in left[notice] if name not in reached]
    state.notices.told(left)
    return missed


class Messages:
    """The key's windows of text messages: each message takes a place before it is sent, or is not sent now."""

    def __init__(self, settings: Settings, state: State) -> None:
        log, windows = state.requests.tier("messaging"), settings.target.messaging
        self._budget = Budget(log, windows, clock=state.clock)
        self._places: dict[str, float] = {}

    def may_have(self, destination: Destination) -> bool:
        """Return whether the destination may be sent a message now; a text message takes its place."""
        if not destination.is_sms:
            return True
        # Never waited for: an alarm must reach the other destinations, and no run may be held up.
        place = self._budget.take_now()
        if place is not None:
            self._places[destination.name] = place
        return place is not None

    def note(self, outcomes: Mapping[str, str]) -> None:
        """Note that the messages were answered."""
        for name, why in outcomes.items():
            if name in self._places:
                self._budget.answered(self._places.pop(name))
                if why == LIMITED:
                    self._budget.pause(SMS_PAUSE)


def _log_missed(outcomes: Mapping[str, str], labels: Mapping[str, str]) -> int:
    missed = {name: why for name, why in outcomes.items() if why}
    for name, why in missed.items():
        log.warning("not notified", destination=labels.get(name, name), why=why)
    return len(missed)


def _words(settings: Settings, notices: Sequence[Notice]) -> tuple[str, str, str]:
    """Return title, body and short form; they hold no contact's data and no key."""
    # An error's message comes from other programs, and leaves the company here.
    lines = [redacted(_line(each)) for each in notices]
    company = settings.path.stem
    title = f"syncd ({company}): {_headline(notices)}"
    where = f"on {socket.gethostname()}: syncd status --config {settings.path}"
    return title, "\n".join([*lines, "", where]), f"{title}. {' '.join(lines)}"


def _headline(notices: Sequence[Notice]) -> str:
    begun = [alarm_name(each.source, each.kind) for each in notices if each.event == "began"]
    if begun:
        return ", ".join(begun[:3]) + (f" and {len(begun) - 3} more" if len(begun) > 3 else "")
    return "good again" if any(each.event == "ended" for each in notices) else "digest"


def _line(notice: Notice) -> str:
    if notice.event == "digest":
        return notice.text
    subject = alarm_name(notice.source or "the API key", notice.kind)
    if notice.event == "began":
        return f"{subject}: {notice.text}"
    return f"{subject}: over, after {describe(float(notice.text))}"


def _digest(status: Mapping[str, Any], alarms: Sequence[Alarm], callers: Mapping[str, int]) -> str:
    """Return the text of a digest; ``callers``: what has become of callers since the last one."""
    lines = [_summary(source) for source in status["sources"]]
    if words := in_words(callers):
        lines.append(f"callers since the last digest: {words}")
    lines += [": ".join(line) for line in (activity_lines(status["activity"]) if status["activity"] else [])[:1]]
    return "\n".join([*lines, *(f"{alarm_name(alarm.source, alarm.kind)}: {alarm.text}" for alarm in alarms)])


def _summary(source: Mapping[str, Any]) -> str:
    good = "no good run yet" if source["age"] is None else f"last good run {describe(source['age'])} ago"
    numbers = [f"{source[name]:,} {name}" for name in ("rejected", "invalid") if source[name]]
    held = held_of(source)
    return ", ".join([f"{source['source']}: {good}", *numbers, *([f"{held:,} held"] if held else [])])


def try_all(settings: Settings) -> list[tuple[str, str]]:
    """Send a test to every destination; return each destination's label and why it was not reached."""
    known = destinations(settings)
    labels = {each.name: each.label for each in known.values()}
    title, host = f"syncd ({settings.path.stem}): a test", socket.gethostname()
    body = f"This is how syncd on {host} tells you."
    with State(settings.state) if settings.notify.sms else nullcontext() as state:
        messages = Messages(settings, state) if state else None
        chosen = [each for each in known.values() if messages is None or messages.may_have(each)]
        message = _message(settings, chosen, title, body, f"{title}, from {host}")
        if settings.notify.heartbeat:
            labels[HEARTBEAT] = "notify.heartbeat"
            message["ping"] = {HEARTBEAT: settings.notify.heartbeat.reveal()}
        outcomes = deliver(message, settings.notify.timeout)
        if messages:
            messages.note(outcomes)
    outcomes = {**dict.fromkeys(known, NO_PLACE), **outcomes}
    return [(label, outcomes[name]) for name, label in labels.items()]


def unknown_addresses(settings: Settings) -> list[str]:
    """Return the labels of the addresses in ``notify.to`` that Apprise does not know; send nothing."""
    # Apprise loads a hundred plug-ins: the process that sends also answers this, so that `check` need not load them.
    addresses = {each.name: each for each in destinations(settings).values() if not each.is_sms}
    question = {"only_check": True, "to": {name: each.address for name, each in addresses.items()}}
    outcomes = deliver(question, settings.notify.timeout)
    return [addresses[name].label for name, why in outcomes.items() if why == UNKNOWN]
