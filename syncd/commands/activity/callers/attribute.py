"""``syncd activity attribute``: a person says whose a call or a message is, or has some days decided anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.activity.given import existing_store, within_option
from syncd.commands.options import AttributeOptions
from syncd.commands.running import error_of, finished
from syncd.commands.settings import activity_of, loaded
from syncd.core.columns import UNIT
from syncd.core.wording import counted, nearest, shown_key
from syncd.errors import ConfigError, Stopped
from syncd.report.error_text import error_json
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.attributing.again import Again
    from syncd.activity.store.store import ActivityStore
    from syncd.config import Settings
    from syncd.core.activity.attribution.decision import Contact, Decision
    from syncd.report.screen import Screen
    from syncd.state import State

USAGE = "write ID with --to SOURCE KEY or --nobody, or --again A..B without an ID"

SHOWN = 100
"""Changes that are listed on the screen; ``--json`` has all of them."""

HEAD = ("kind", "id", "was", "is now", "why")


def attribute(config: Path | None, options: AttributeOptions) -> int:
    """Do one or the other, and print what it changed."""
    found: dict[str, Any] = {}
    work = _again if options.again is not None else _by_hand
    error = error_of(partial(work, config, options, found))
    return finished(partial(_print, options, found, error), (), error)


def _by_hand(config: Path | None, options: AttributeOptions, found: dict[str, Any], _: threading.Event) -> None:
    if options.id is None or (options.to is None) is not options.nobody:
        raise ConfigError(USAGE)
    settings = loaded(config, keyless=True)
    with existing_store(settings, read_only=options.dry_run) as store:
        from syncd.activity.attributing.by_hand import said
        from syncd.activity.explain import subject_of
        from syncd.state import State

        with State(settings.state, read_only=True) as state:
            contact = None if options.to is None else _contact(settings, state, *options.to)
            is_known = contact is None or state.ledger.contact(*contact) is not None
        named, kind, key = subject_of(store, options.id.strip())
        if kind is None:
            raise ConfigError(f"{named.what} {named.key} belongs to no call and no message")
        done = said(store, kind, key, contact, dry_run=options.dry_run)
    found |= {"kind": kind, "id": key, "before": _json(done.before), "after": _json(done.after), "known": is_known}


def _contact(settings: Settings, state: State, source: str, key: str) -> Contact:
    """Return the contact that a person means; its key need not be in the ledger, for a CRM may know more."""
    known = [*dict.fromkeys([*settings.sources, *state.numbers.sources()])]
    if source not in known:
        there = ", ".join(known) or "none"
        raise ConfigError(f"--to: there is no source {source!r}{nearest(source, known)}; there are: {there}")
    parts = len(settings.sources[source].rules.key) if source in settings.sources else 1
    # Only with the right number of parts: a + may also be a character of a key.
    return source, key.replace("+", UNIT) if key.count("+") == parts - 1 else key


def _again(config: Path | None, options: AttributeOptions, found: dict[str, Any], stopping: threading.Event) -> None:
    if options.id is not None or options.to is not None or options.nobody or options.again is None:
        raise ConfigError(USAGE)
    within = within_option("--again", options.again)
    settings = loaded(config, keyless=True)

    def halt_if_asked() -> None:
        if stopping.is_set():
            raise Stopped("asked to stop; what was decided is kept, and the same command does the rest")

    with existing_store(settings, read_only=options.dry_run) as store:
        done = _decided_anew(settings, store, within, dry_run=options.dry_run, halt_if_asked=halt_if_asked)
    changed = [
        {"kind": each.after.kind, "id": each.after.id, "before": _json(each.before), "after": _json(each.after)}
        for each in done.changed
    ]
    found |= {"days": options.again, "changed": changed}
    found |= {"unchanged": done.unchanged, "by_hand": done.by_hand, "kept": done.kept}


def _decided_anew(
    settings: Settings,
    store: ActivityStore,
    within: tuple[float, float],
    *,
    dry_run: bool,
    halt_if_asked: Callable[[], None],
) -> Again:
    from syncd.activity.attributing.again import Again
    from syncd.activity.attributing.work import Attributing, policy_of
    from syncd.state import State

    with State(settings.state, read_only=True) as state:
        policy = policy_of(settings, activity_of(settings))
        work = Attributing(policy, store, state, dry_run=dry_run, halt_if_asked=halt_if_asked)
        return Again(work).run(*within)


def _json(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    contacts = [{"source": source, "key": shown_key(key)} for source, key in decision.contacts]
    told = {"outcome": decision.outcome, "contacts": contacts, "as_of": decision.as_of}
    return {**told, "reason": decision.reason or None}


def _print(options: AttributeOptions, found: Mapping[str, Any], error: BaseException | None, code: int) -> None:
    if options.as_json:
        print_json({"dry_run": options.dry_run, "exit": code, **found, "error": None, **error_json(error)})
        return
    if not found:
        return
    from syncd.report.screen import Screen

    screen = Screen()
    if options.again is None:
        screen.line(f"{found['kind']} {found['id']}: {_words(found['before'])} → {_words(found['after'])}")
        if not found["known"]:
            screen.line("No contact of this key was ever sent; a sink may know it all the same.")
    else:
        _show_changed(screen, found)
    if options.dry_run:
        screen.line("Dry run: nothing was stored.")


def _show_changed(screen: Screen, found: Mapping[str, Any]) -> None:
    rows = [
        (each["kind"], each["id"], _words(each["before"]), _words(each["after"]), each["after"]["reason"] or "")
        for each in found["changed"]
    ]
    if rows:
        screen.table(HEAD, rows[:SHOWN])
        screen.more(len(rows), ": --json has them all", page=SHOWN)
    kept = f", {found['kept']:,} keep a contact that is not known any more" if found["kept"] else ""
    screen.line(
        f"{counted(len(rows), 'change')}; {found['unchanged']:,} as they were, {found['by_hand']:,} by hand{kept}"
    )


def _words(decision: Mapping[str, Any] | None) -> str:
    if decision is None:
        return "not decided"
    contacts = ", ".join(f"{each['source']} {each['key']}" for each in decision["contacts"])
    return f"{decision['outcome']}{': ' if contacts else ''}{contacts}"
