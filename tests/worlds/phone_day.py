"""A few calls and messages of one day in a company's sandbox, and commands that fetch them."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.instants import begin_of
from tests.worlds.commands import Command
from tests.worlds.world import World

DAY = "2026-03-10"
"""A day that has long ended."""


@dataclass
class PhoneDay:
    """Ids of calls at 9, 10 and 11, and of messages at 12 (``sms``) and 13 (``photo``)."""

    world: World
    syncd: Command
    answered: str = ""
    missed: str = ""
    recorded: str = ""
    sms: str = ""
    photo: str = ""

    @classmethod
    def pulled(cls, world: World, syncd: Command) -> PhoneDay:
        """Let them happen, and pull the day."""
        day, phones = cls(world, syncd), world.sandbox.phones
        world.activity = {"store": "activity.db"}
        world.settings()
        world.sandbox.dialect("journey", "with_text")
        nine = begin_of(DAY) + 9 * 3600
        day.answered = phones.call(start=nine, talk=60.0, remote_number="2125550101", remote_name="Ann Lee")
        day.missed = phones.call(start=nine + 3600, talk=0.0, remote_number="+442071838750", remote_name="=1+1")
        day.recorded = phones.call(start=nine + 7200, talk=30.0, remote_number="2125550103")
        phones.transcribe(day.recorded, "Wants a lease.", "Hello, I want a lease.")
        day.sms = phones.message(sent=nine + 10_800, remote_number="2125550101", body="See you\nat nine")
        files = [{"content_type": "image/jpeg", "filename": "door.jpg", "size": 10}]
        day.photo = phones.message(sent=nine + 14_400, body="The door", attachments=files)
        code, _, err = syncd("activity", "pull", "--days", DAY)
        assert code == 0, err
        return day

    def store(self) -> ActivityStore:
        """Open the store."""
        return ActivityStore(self.world.folder / "activity.db")

    def listed(self, *options: str) -> list[dict[str, Any]]:
        """Return what ``activity list`` prints."""
        code, out, err = self.syncd("activity", "list", "--json", *options)
        assert code == 0, err
        found: list[dict[str, Any]] = json.loads(out)["activities"]
        return found

    def ids(self, *options: str) -> list[str]:
        """Return the ids of what is listed, in order."""
        return [row["id"] for row in self.listed(*options)]

    def explained(self, identity: str) -> dict[str, Any]:
        """Return what ``activity explain`` prints."""
        code, out, err = self.syncd("activity", "explain", identity, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def receive(self, kind: str, at: str, *, identity: str, outcome: str = "new", **data: Any) -> None:
        """Store a delivery as the receiver does; it is not merged yet. ``at``: its time, such as ``09:01:00``."""
        data = {("message_id" if kind.startswith("message") else "call_id"): identity, **data}
        event = {"id": f"evt_{kind}_{at}", "event_type": kind, "timestamp": f"{DAY}T{at}Z", "data": data}
        raw = zlib.compress(json.dumps(event).encode())
        with self.store() as store:
            store.put(
                "event",
                id=event["id"],
                type=kind,
                at=begin_of(DAY) + 9 * 3600,
                received=begin_of(DAY) + 9 * 3600,
                origin="webhook",
                raw=raw,
                content=f"{kind}{at}",
                subject=identity,
                outcome=outcome,
            )
