"""``syncd message``: text messages, each sent at most once, and the numbers that want none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from syncd.commands.groups.alone import group
from syncd.commands.options import Common, Json, command, prepared
from syncd.commands.running import Report, reported
from syncd.core.activity.instants import iso

if TYPE_CHECKING:
    from syncd.activity.store.store import ActivityStore
    from syncd.report.screen import Screen

app = group("Text messages by Vocatech, and the numbers that want none.")
opt_outs = typer.Typer(help="The numbers that want no messages.", rich_markup_mode=None, invoke_without_command=True)
app.add_typer(opt_outs, name="opt-outs")

From = Annotated[str, Option("--from", metavar="N", help="One of the company's own numbers.")]
To = Annotated[str, Option("--to", metavar="N", help="Who gets it.")]
Text = Annotated[str, Argument(metavar="TEXT", help="The message, up to 1,600 characters.")]
Test = Annotated[bool, Option("--test", help="Only ask Vocatech whether it could be sent.")]
Number = Annotated[str, Argument(metavar="NUMBER", help="The number, written in any way.")]

SHOWN = 50


@command(app, "send")
def message_send(common: Common, text: Text, origin: From, to: To, *, test: Test = False, json: Json = False) -> int:
    """Send one text message. If its answer is lost it is not sent again: the list tells what became of it."""

    def work(stopping: threading.Event) -> Report:
        from syncd.activity.messaging.send import draft, send
        from syncd.activity.opening import region_of
        from syncd.activity.session import open_activity
        from syncd.commands.settings import loaded

        settings = loaded(common.config)
        message = draft(origin, to, text, region_of(settings))
        with open_activity(settings, stopping=stopping) as session:
            return send(session, message, test=test).to_json()

    def show(screen: Screen, said: Report) -> None:
        words = {"sent": "The message is sent.", "valid": "The message could be sent. It was not: --test."}
        screen.line(words.get(said["state"], f"The message was not sent: {said['reason']}."))

    return reported(work, show, as_json=json, happened=lambda said: ["not_sent"] * (said["state"] == "refused"))


@command(app, "list")
def message_list(common: Common, *, json: Json = False) -> int:
    """List the newest messages that were sent from here, and what became of each. Asks the target nothing."""

    def look(store: ActivityStore) -> Report:
        rows = store.outgoing.newest(SHOWN)
        named = ({"from": each.own, "to": each.remote, "at": iso(each.at), "state": each.state} for each in rows)
        more = ({"reason": each.reason, "message": each.message} for each in rows)
        return {"messages": [{**first, **second} for first, second in zip(named, more, strict=True)]}

    def show(screen: Screen, found: Report) -> None:
        from syncd.commands.status import shown_time

        names = ("at", "from", "to", "state", "reason")
        shown = [{**each, "at": shown_time(each["at"])} for each in found["messages"]]
        rows = [tuple(each[name] or "" for name in names) for each in shown]
        if rows:
            screen.table(names, rows)
        else:
            screen.line("No message was sent from here.")

    return _looked(common, look, show, as_json=json)


@opt_outs.callback(invoke_without_command=True)
def listed(context: typer.Context, *, json: Json = False) -> int | None:
    """List the numbers that want no messages."""
    if context.invoked_subcommand is not None:
        return None
    return _list(prepared(context), as_json=json)


def _list(common: Common, *, as_json: bool) -> int:
    def look(store: ActivityStore) -> Report:
        found = store.opt_outs.all()
        return {"opt_outs": [{"number": each.number, "since": iso(each.at), "by": each.by} for each in found]}

    def show(screen: Screen, found: Report) -> None:
        from syncd.commands.status import shown_time

        rows = [(each["number"], shown_time(each["since"]), each["by"]) for each in found["opt_outs"]]
        if rows:
            screen.table(("number", "since", "by"), rows)
        else:
            screen.line("Nobody has opted out.")

    return _looked(common, look, show, as_json=as_json)


@command(opt_outs, "list")
def opt_outs_list(common: Common, *, json: Json = False) -> int:
    """List the numbers that want no messages."""
    return _list(common, as_json=json)


@command(opt_outs, "add")
def opt_outs_add(common: Common, number: Number, *, json: Json = False) -> int:
    """Send no messages to a number from now on."""
    return _wished(common, number, out=True, as_json=json)


@command(opt_outs, "remove")
def opt_outs_remove(common: Common, number: Number, *, json: Json = False) -> int:
    """Let messages go to a number again: its owner must have asked for it."""
    return _wished(common, number, out=False, as_json=json)


def _wished(common: Common, number: str, *, out: bool, as_json: bool) -> int:
    def work(_: threading.Event) -> Report:
        from syncd.activity.messaging.send import digits_of_option
        from syncd.activity.opening import open_store, region_of
        from syncd.activity.store.messaging import OptOut
        from syncd.commands.settings import activity_of, loaded

        settings = loaded(common.config, keyless=True)
        digits = digits_of_option("NUMBER", number, region_of(settings))
        with open_store(settings, activity_of(settings)) as store:
            store.opt_outs.wish(OptOut(digits, out, time.time(), "person"))
        return {"number": digits, "out": out}

    def show(screen: Screen, said: Report) -> None:
        screen.line(f"{said['number']} gets {'no messages' if out else 'messages again'}.")

    return reported(work, show, as_json=as_json)


def _looked(
    common: Common, look: Callable[[ActivityStore], Report], show: Callable[[Screen, Report], None], *, as_json: bool
) -> int:
    """Show what the store says."""

    def work(_: threading.Event) -> Report:
        from syncd.commands.activity.given import existing_store
        from syncd.commands.settings import loaded

        with existing_store(loaded(common.config, keyless=True)) as store:
            return look(store)

    return reported(work, show, as_json=as_json)
