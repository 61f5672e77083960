"""Tells people what they must know: once when it begins, once when it ends, whoever of all processes sees it first.

What is to be told is decided by :mod:`syncd.watch.alarms` and kept in the state file; here it is put into words and
handed to a process that sends it. Nothing of this makes a run fail, and nothing takes longer than ``notify.timeout``.
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from syncd.budget import describe
from syncd.log import redacted
from syncd.state import State
from syncd.watch.alarms import BROKEN, Alarm, alarms_of
from syncd.watch.sending import UNKNOWN
from syncd.watch.settings import digest_due, watch_of
from syncd.watch.status import held_of, standing

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.state.notices import Notice

log = structlog.get_logger()

SMS_GAP = 130.0
"""Seconds between two text messages: the API takes 5 in 10 minutes (guide: Rate limits)."""

SMS_LENGTH = 300


HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one destination; ``why`` it was not reached, "" if it was."""

    name: str
    why: str


Deliver = Callable[[Mapping[str, Any], float], Sequence[Outcome]]
"""Sends a message (see :mod:`syncd.watch.sending`) within so many seconds."""


def destinations(settings: Settings) -> dict[str, str]:
    """Everybody who is told, by a name that holds no secret: how a person calls it."""
    notify = settings.notify
    found = {
        _named(url.reveal()): f"notify.to[{place}] ({_scheme(url.reveal())})" for place, url in enumerate(notify.to)
    }
    for place, number in enumerate(notify.sms.to if notify.sms else ()):
        found[_named(number.reveal())] = f"notify.sms.to[{place}]"
    return found


def _named(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def message_to(settings: Settings, names: Sequence[str], title: str, body: str, short: str) -> dict[str, Any]:
    """The message, with the addresses of those ``names``."""
    notify, target = settings.notify, settings.target
    to = {_named(url.reveal()): url.reveal() for url in notify.to}
    numbers = {_named(number.reveal()): number.reveal() for number in (notify.sms.to if notify.sms else ())}
    found: dict[str, Any] = {"title": title, "body": body, "short": short[:SMS_LENGTH]}
    found["to"] = {name: url for name, url in to.items() if name in names}
    wanted = {name: number for name, number in numbers.items() if name in names}
    if wanted and notify.sms:
        key, base_url = target.api_key.reveal(), target.base_url
        found["sms"] = {"base_url": base_url, "key": key, "from": notify.sms.origin.reveal(), "to": wanted}
    return found


def after_run(settings: Settings, *, good: bool, clock: Callable[[], float], send: Deliver | None = None) -> None:
    """Tell what a run has changed; it never fails."""
    try:
        tell(settings, clock=clock, send=send or deliver, good=good)
    except Exception as error:  # noqa: BLE001 (whatever it is, the run is done)
        log.warning("notifying failed", error=type(error).__name__)


def tell(settings: Settings, *, clock: Callable[[], float], send: Deliver | None = None, good: bool = False) -> int:
    """Tell what has changed and was not told yet; return how many destinations were not reached.

    ``good``: a run has just ended well, so that the heartbeat's URL is called.

    Raises:
        StateError: the state file cannot be used.
    """
    send = send or deliver
    watch = watch_of(settings)
    found = standing(watch, clock(), counted=False)
    alarms = alarms_of(found["sources"], watch)
    missed = 0
    if watch.notifies:
        with State(settings.state, clock=clock) as state:
            state.notices.keep_alarms((each.source, each.kind, each.text) for each in _wanted(settings, alarms))
            if due := digest_due(watch, clock()):
                state.notices.add_digest(_digest(found, alarms), due)
            missed = _send_due(settings, state, send)
    if good and settings.notify.heartbeat and not any(alarm.kind in BROKEN for alarm in alarms):
        ping = {"title": "", "body": "", "short": "", "ping": {HEARTBEAT: settings.notify.heartbeat.reveal()}}
        missed += _told_of(send(ping, settings.notify.timeout), {HEARTBEAT: "notify.heartbeat"})
    return missed


def _wanted(settings: Settings, alarms: Sequence[Alarm]) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.kind in settings.notify.about]


def _send_due(settings: Settings, state: State, send: Deliver) -> int:
    """Send what is due to whom it is due: each destination gets one message with all that is left for it."""
    notices = state.notices.due()
    names = destinations(settings)
    left = {each.id: [name for name in names if each.left is None or name in each.left] for each in notices}
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in _ready(settings, state, list(names)):
        ids = tuple(each.id for each in notices if name in left[each.id])
        if ids:
            groups.setdefault(ids, []).append(name)
    missed = 0
    for ids, group in groups.items():
        words = _words(settings, [each for each in notices if each.id in ids])
        outcomes = send(message_to(settings, group, *words), settings.notify.timeout)
        missed += _told_of(outcomes, names)
        reached = {each.name for each in outcomes if not each.why}
        for id_ in ids:
            left[id_] = [name for name in left[id_] if name not in reached]
    state.notices.told(left)
    return missed


def _ready(settings: Settings, state: State, names: Sequence[str]) -> Sequence[str]:
    """Those that may be sent something now: text messages keep their distance."""
    numbers = {_named(number.reveal()) for number in (settings.notify.sms.to if settings.notify.sms else ())}
    if not numbers:
        return names
    now = state.clock()
    if now - state.facts.sms_sent.get() < SMS_GAP * len(numbers):
        return [name for name in names if name not in numbers]
    state.facts.sms_sent.set(now)
    return names


def _told_of(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> int:
    missed = [each for each in outcomes if each.why]
    for each in missed:
        log.warning("not notified", destination=names.get(each.name, each.name), why=each.why)
    return len(missed)


def _words(settings: Settings, notices: Sequence[Notice]) -> tuple[str, str, str]:
    """Title, body and short form; nothing in them is a name, a number or a key."""
    lines = [redacted(_line(each)) for each in notices]
    company = settings.path.stem
    title = f"syncd ({company}): {_headline(notices)}"
    where = f"on {socket.gethostname()}: syncd status --config {settings.path}"
    return title, "\n".join([*lines, "", where]), f"{title}. {' '.join(lines)}"


def _headline(notices: Sequence[Notice]) -> str:
    begun = [f"{each.source}: {each.kind}" if each.source else each.kind for each in notices if each.event == "began"]
    ended = [each for each in notices if each.event == "ended"]
    if begun:
        return ", ".join(begun[:3]) + (f" and {len(begun) - 3} more" if len(begun) > 3 else "")
    return "good again" if ended else "digest"


def _line(notice: Notice) -> str:
    if notice.event == "digest":
        return notice.text
    what = f"{notice.source}: {notice.kind}" if notice.source else f"the API key: {notice.kind}"
    if notice.event == "began":
        return f"{what}: {notice.text}"
    return f"{what}: over, after {describe(float(notice.text))}"


def _digest(found: Mapping[str, Any], alarms: Sequence[Alarm]) -> str:
    lines = [_summary(source) for source in found["sources"]]
    return "\n".join([*lines, *(f"{alarm.named}: {alarm.text}" for alarm in alarms)])


def _summary(source: Mapping[str, Any]) -> str:
    good = "no good run yet" if source["age"] is None else f"last good run {describe(source['age'])} ago"
    numbers = [f"{source[name]:,} {name}" for name in ("rejected", "invalid") if source[name]]
    held = held_of(source)
    return ", ".join([f"{source['source']}: {good}", *numbers, *([f"{held:,} held"] if held else [])])


def try_all(settings: Settings) -> list[tuple[str, str]]:
    """Send a test to everybody; return each destination, as a person calls it, and why it was not reached."""
    names = destinations(settings)
    title, host = f"syncd ({settings.path.stem}): a test", socket.gethostname()
    message = message_to(
        settings, list(names), title, f"This is how syncd on {host} tells you.", f"{title}, from {host}"
    )
    if settings.notify.heartbeat:
        names[HEARTBEAT] = "notify.heartbeat"
        message["ping"] = {HEARTBEAT: settings.notify.heartbeat.reveal()}
    outcomes = deliver(message, settings.notify.timeout)
    return [(names[each.name], each.why) for each in outcomes]


def unknown_addresses(settings: Settings) -> list[str]:
    """Those of ``notify.to`` that Apprise does not know, as a person calls them; nothing is sent."""
    names = destinations(settings)
    to = {_named(url.reveal()): url.reveal() for url in settings.notify.to}
    outcomes = deliver({"looks_only": True, "to": to}, settings.notify.timeout)
    return [names[each.name] for each in outcomes if each.why == UNKNOWN]


def deliver(message: Mapping[str, Any], seconds: float) -> Sequence[Outcome]:
    """Have a process of its own send the message, and end it when it takes too long."""
    names = [*message.get("to", {}), *(message.get("sms") or {}).get("to", {}), *message.get("ping", {})]
    if not names:
        return []
    command = [sys.executable, "-m", "syncd.watch.sending"]
    try:
        done = subprocess.run(  # noqa: S603 (this program itself)
            command, input=json.dumps(message), capture_output=True, text=True, timeout=seconds, check=False
        )
        printed = done.stdout
    except subprocess.TimeoutExpired as late:
        printed = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    except OSError:
        printed = ""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"name"')]
    found = {each["name"]: each["why"] for each in lines}
    return [Outcome(name, found.get(name, f"it took longer than {describe(seconds)}")) for name in names]
