"""What ``syncd check`` proves of calls and messages: that they can be read, received and kept. It writes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncd.core.activity.facts import SECRET
from syncd.core.activity.settling import PATIENCE
from syncd.core.activity.signature import fingerprint
from syncd.core.activity.skew import clock_text, trouble_of
from syncd.core.wording import counted
from syncd.errors import AccessDenied, SyncdError
from syncd.report.exit_code import CODES, TEMPORARY
from syncd.report.steps import Step, failed
from syncd.watch.activity.alarms import activity_alarms
from syncd.watch.activity.settings import watched
from syncd.watch.activity.status import WEEK, activity_status

if TYPE_CHECKING:
    from syncd.activity.pulling.kept import Seen
    from syncd.activity.session import ActivitySession
    from syncd.config import Settings
    from syncd.config.activity import Activity, Receive

LISTS = {"call": "/calls", "message": "/messages"}

_OF_PLACES = ("store", "disk")


def activity_steps(settings: Settings) -> Iterator[Step]:
    """Yield each finding about calls and messages; none if they are not configured."""
    activity = settings.activity
    if activity is None:
        return
    found = activity_status(watched(activity), datetime.now(UTC).timestamp(), running=False, counted=False)
    yield from _places(activity, found)
    # What can be asked of the target is asked all the same: a store below a file is one that is not there.
    if found["error"] is not None:
        activity = activity.model_copy(update={"store": settings.path / "none"})
        settings = dataclasses.replace(settings, activity=activity)
    from syncd.activity.session import open_activity

    with open_activity(settings, dry_run=True) as session:
        for kind in LISTS:
            step = _list(session, kind)
            yield step
            # What is not there now would be waited for again and again.
            if step.code == TEMPORARY:
                return
        yield from _texts(session)
        yield from _clock(session)
        if activity.receive is not None:
            yield from _webhooks(session, activity.receive)


def _places(activity: Activity, found: dict[str, Any]) -> Iterator[Step]:
    wrong = [text for kind, text in activity_alarms(found, 1) if kind in _OF_PLACES]
    for text in wrong:
        yield Step("bad", f"activity: {text}", code=CODES["unwritable_state"])
    if wrong:
        return
    there = "" if activity.store.exists() else " (the first syncd activity run makes it)"
    yield Step("good", f"activity store: {activity.store}{there}")
    for each in found["disk"]:
        at_most, free = each["at_most"], each["free"]
        if at_most is not None and free is not None:
            taken = (found["media"] or {}).get(each["what"], {}).get("size", 0)
            yield _room(each["what"], at_most - taken, free)


def _room(what: str, wanted: float, free: float) -> Step:
    if free < wanted:
        text = f"{what}: the disk has {free / 1e9:.1f} GB left, and at_most lets them take {wanted / 1e9:.1f} GB more"
        return Step("note", text)
    return Step("good", f"{what}: the disk has room for all that at_most allows")


def _list(session: ActivitySession, kind: str) -> Step:
    today = datetime.fromtimestamp(session.clock(), UTC).date().isoformat()
    days: dict[str, Any] = {"start_date": today, "end_date": today, "page": 1, "limit": 1}
    try:
        session.reports.request("GET", LISTS[kind], params=days)
    except AccessDenied as error:
        return Step("bad", f"{kind}s: the key may not read them: {str(error).splitlines()[0]}", code=error.exit_code)
    except SyncdError as error:
        return failed(f"{kind}s", error)
    return Step("good", f"{kind}s: the key may read them; {_learned(session, kind)}")


def _learned(session: ActivitySession, kind: str) -> str:
    known = _known(session, kind)
    order, calendar = known.fact("order", ""), known.fact("calendar", None)
    shown = {"newest": "the newest first", "oldest": "the oldest first"}.get(order, "in an order that is not known yet")
    if calendar is None or calendar[1] - calendar[0] > 12 * 3600:
        return f"they are listed {shown}; where their days begin is not known yet"
    low, high = (_offset(seconds) for seconds in calendar)
    return f"they are listed {shown}; their days begin at {low if low == high else f'{low} to {high}'} UTC"


def _known(session: ActivitySession, kind: str) -> Seen:
    from syncd.activity.pulling.kept import Seen

    return Seen(session.store, "call" if kind == "call" else "message", session.clock)


def _offset(seconds: float) -> str:
    minutes = round(seconds % 86_400 / 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _texts(session: ActivitySession) -> Iterator[Step]:
    """Yield how many calls lack a summary, and how one that was lost comes back."""
    answered, told = session.store.activities.texts_of(session.clock() - WEEK, session.clock() - PATIENCE)
    if answered == told:
        return
    overdue = f"texts: {counted(answered - told, 'answered call')} of a week, of {answered:,}, text overdue"
    if not told:
        why = "none has a summary: does Vocatech write any, and is call.transcription among receive.events?"
    elif _known(session, "call").fact("texts", default=False):
        why = "the list carries texts, so what was lost comes back by it"
    else:
        why = "the list carries no text, so a lost call.transcription comes back by the failed deliveries only"
    yield Step("note", f"{overdue}; {why}")


def _clock(session: ActivitySession) -> Iterator[Step]:
    skew = session.server.skew
    if skew is None:
        return
    trouble = trouble_of(skew)
    if trouble == "alarm":
        text = f"clock: {clock_text(skew)}; at 300 s every delivery is refused: set it by NTP"
        yield Step("bad", text, code=CODES["alarm"])
    elif trouble == "warning":
        yield Step("note", f"clock: {clock_text(skew)}: set it by NTP")
    else:
        yield Step("good", "clock: this machine's agrees with Vocatech's")


def _webhooks(session: ActivitySession, receive: Receive) -> Iterator[Step]:
    yield _secret(session, receive)
    if receive.url is None:
        yield Step("note", "endpoint: there is no receive.url, so whether it is registered cannot be seen")
        return
    try:
        yield _endpoint(session, receive)
    except SyncdError as error:
        yield failed("endpoint", error)
    text = "endpoint: syncd webhook check sends through the public address, and syncd webhook test asks for a delivery"
    yield Step("note", text)


def _endpoint(session: ActivitySession, receive: Receive) -> Step:
    from syncd.activity.webhooks.health import health_of

    found = health_of(session, receive)
    said = {
        "none": "none delivers to receive.url: syncd webhook create makes it",
        "gone": "ours is gone at Vocatech: syncd webhook create makes a new one",
        "changed": f"not as configured ({', '.join(found.differs)}): syncd webhook create changes it",
    }
    if found.problem:
        return Step("bad", f"endpoint: {said[found.problem]}", code=CODES["alarm"])
    return Step("good", "endpoint: registered, with the events and extensions that are configured")


def _secret(session: ActivitySession, receive: Receive) -> Step:
    from syncd.activity.receiving.secret_file import Secrets
    from syncd.activity.webhooks.rows import ACTIVE

    accepted = Secrets([each.reveal() for each in receive.secret], str(receive.secret_file or "")).now()
    if not accepted:
        return Step("bad", "secret: there is none yet: syncd webhook create writes it", code=CODES["alarm"])
    known = [fingerprint(secret) for secret in accepted]
    wanted = {row.secret_ref for row in session.store.webhooks.all() if row.state == ACTIVE}
    if wanted and wanted.isdisjoint(known):
        text = "secret: none that is accepted is our endpoint's, so every delivery is refused: syncd webhook create"
        return Step("bad", text, code=CODES["alarm"])
    if _has_delivered(session, known):
        return Step("good", "secret: deliveries that it signed have arrived")
    return Step("good" if wanted else "note", "secret: nothing that it signed has arrived yet: syncd webhook test")


def _has_delivered(session: ActivitySession, known: Sequence[str]) -> bool:
    return any(session.store.facts.get(SECRET + each) is not None for each in known)
