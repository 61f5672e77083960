"""``syncd webhook``: the endpoint at Vocatech that delivers to the receiver. No secret is ever printed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from syncd.commands.groups.alone import group
from syncd.commands.options import Common, Json, command
from syncd.commands.running import Report, reported

if TYPE_CHECKING:
    from syncd.activity.webhooks.admin import Admin
    from syncd.activity.webhooks.api import Endpoint
    from syncd.report.screen import Screen

app = group("The webhook at Vocatech that delivers calls and messages.")

Number = Annotated[
    str | None, Argument(metavar="ID", help="One endpoint, as the list shows it; ours, if none is named.")
]
AtOnce = Annotated[bool, Option("--at-once", help="Refuse the old secret at once, also for deliveries under way.")]


@command(app, "list")
def webhook_list(common: Common, *, json: Json = False) -> int:
    """List the endpoints of the company, and what differs from the configuration."""

    def work(admin: Admin) -> Report:
        there = {each.id: each for each in admin.api.endpoints()}
        ours = {row.id: row for row in admin.rows.all("active")}
        shown = [
            {**_endpoint(each), "ours": each.id in ours}
            | ({"differs": each.differences(admin.wanted(ours[each.id].name))} if each.id in ours else {})
            for each in there.values()
        ]
        return {"webhooks": shown, "missing": [number for number in ours if number and number not in there]}

    def show(screen: Screen, found: Report) -> None:
        rows = [
            (each["id"], each["name"], each["url"], each["status"], _whose(each), ", ".join(each["events"]))
            for each in found["webhooks"]
        ]
        if rows:
            screen.table(("id", "name", "url", "status", "whose", "events"), rows)
        else:
            screen.line("There is no endpoint: syncd webhook create makes one.")
        for number in found["missing"]:
            screen.line(f"Endpoint {number} is gone: syncd webhook create makes a new one.")

    return _done(common, work, show, as_json=json, alone=False)


@command(app, "create")
def webhook_create(common: Common, *, json: Json = False) -> int:
    """Make the endpoint and keep its secret; or bring its name, URL and filters to what is configured."""

    def work(admin: Admin) -> Report:
        done = admin.create()
        shown = {"done": done.what, "webhook": _endpoint(done.endpoint)}
        return {**shown, "changed": list(done.changed), "removed": list(done.removed), "file": str(admin.place.file)}

    def show(screen: Screen, found: Report) -> None:
        number = found["webhook"]["id"]
        said = {
            "created": f"Endpoint {number} is made, and its secret is in {found['file']}.",
            "updated": f"Endpoint {number} is changed: {', '.join(found['changed'])}. Its secret stays.",
            "unchanged": f"Endpoint {number} is as configured.",
        }
        screen.line(said[found["done"]])
        for each in found["removed"]:
            screen.line(f"Endpoint {each} was of no use, since nobody has its secret: it is deleted.")

    return _done(common, work, show, as_json=json)


@command(app, "test")
def webhook_test(common: Common, *, json: Json = False) -> int:
    """Have a test delivered, and see whether it arrives at the receiver."""

    def work(admin: Admin) -> Report:
        from syncd.activity.webhooks.trial import tried

        done = tried(admin)
        return {"id": done.endpoint, "arrived": done.arrived, "said": done.said}

    def show(screen: Screen, found: Report) -> None:
        if found["arrived"]:
            screen.line("The test has arrived and is stored.")
            return
        # Vocatech is known to answer with success although nothing was delivered.
        claim = " although Vocatech says so" if found["said"].get("success") else ""
        screen.line(f"Nothing has arrived{claim}: syncd webhook check says where the way ends.")

    return _done(common, work, show, as_json=json, waits=lambda found: not found["arrived"])


@command(app, "rotate")
def webhook_rotate(common: Common, *, at_once: AtOnce = False, json: Json = False) -> int:
    """Exchange the secret without a gap: a second endpoint, and the first is deleted when the second has delivered."""

    def work(admin: Admin) -> Report:
        from syncd.activity.webhooks.trial import rotated

        done = rotated(admin, at_once=at_once)
        return {"webhook": _endpoint(done.new), "delivered": done.delivered, "deleted": list(done.old)}

    def show(screen: Screen, found: Report) -> None:
        number = found["webhook"]["id"]
        if found["delivered"]:
            screen.line(f"Endpoint {number} delivers with a new secret; deleted: {', '.join(found['deleted'])}.")
        else:
            screen.line(
                f"Endpoint {number} has a new secret and has not delivered yet, so the old one stays: look at "
                "syncd webhook check, then run syncd webhook rotate again."
            )

    return _done(common, work, show, as_json=json, waits=lambda found: not found["delivered"])


@command(app, "delete")
def webhook_delete(common: Common, number: Number = None, *, json: Json = False) -> int:
    """Delete our endpoints, or the one that is named."""

    def work(admin: Admin) -> Report:
        return {"deleted": admin.delete(number)}

    def show(screen: Screen, found: Report) -> None:
        deleted = ", ".join(found["deleted"])
        screen.line(f"Deleted: {deleted}." if deleted else "There was no such endpoint.")

    return _done(common, work, show, as_json=json)


@command(app, "check")
def webhook_check(common: Common, *, json: Json = False) -> int:
    """Send signed events through the public address, up to 1 MiB, and say which part of the way stops them."""

    def work(admin: Admin) -> Report:
        from syncd.activity.webhooks.reach import checked

        return {"stages": [{"stage": each.stage, "problem": each.problem or None} for each in checked(admin)]}

    def show(screen: Screen, found: Report) -> None:
        for each in found["stages"]:
            mark = ("✗", "bold red") if each["problem"] else ("✓", "green")
            screen.line(mark, f" {each['stage']}: {each['problem'] or 'good'}", hanging=4)

    def waits(found: Report) -> bool:
        return any(each["problem"] for each in found["stages"])

    return _done(common, work, show, as_json=json, alone=False, waits=waits)


def _done(
    common: Common,
    work: Callable[[Admin], Report],
    show: Callable[[Screen, Report], None],
    *,
    as_json: bool,
    alone: bool = True,
    waits: Callable[[Report], bool] = lambda _: False,
) -> int:
    """Do the ``work``, show what it found, and return the exit code.

    ``alone``: no other process may work on the endpoint meanwhile. ``waits``: whether a person must do something.
    """

    def all_of_it(stopping: threading.Event) -> Report:
        from syncd.activity.webhooks.opening import opened
        from syncd.commands.settings import loaded

        with opened(loaded(common.config), stopping, alone=alone) as admin:
            return work(admin)

    return reported(all_of_it, show, as_json=as_json, happened=lambda found: ["not_arrived"] * waits(found))


def _endpoint(each: Endpoint) -> Report:
    shown = {"id": each.id, "name": each.name, "url": each.url, "status": each.status or None}
    return {**shown, "events": list(each.events), "extensions": list(each.extensions)}


def _whose(each: Report) -> str:
    if not each["ours"]:
        return "another's"
    return f"ours; differs: {', '.join(each['differs'])}" if each["differs"] else "ours"
