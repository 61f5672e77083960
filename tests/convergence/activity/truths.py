"""What must be true of a company's store: at any moment, after each clean run, and in the end."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.days.windows import ended, window
from syncd.core.activity.instants import day_after, day_of, days_between
from syncd.core.activity.observations import Kind
from syncd.sandbox.activity.model import LONG, Call, Message
from tests.convergence.activity import expected
from tests.convergence.activity.house import BEGIN, House
from tests.convergence.activity.sinks import memory_sinks
from tests.convergence.activity.worlds import DAY, HOUR, Opening
from tests.convergence.truths import SHARED_MEMORY

KINDS: tuple[Kind, ...] = ("call", "message")

QUIET = (1, 1, 10, 12, 12, 1, 12, 12, 1, *[24] * 7, 1, 2, 4, 8)
"""Hours between the runs of the quiet time: each day is read again until a week after its end."""

MARKS = ("signature=", "2125550142", "2125550143", "3125550199", "Jane Smith", "Bob Stone", "Ünïcode", "words of")
"""No log line has any of these; the first must not be stored either."""


_SIGNED = b"&signature="
"""Part of a signed address; a name of a fact, and the byte behind it, may look like the rest of it."""


class Truths(RuleBasedStateMachine):
    """A company with its past. ``gone``: what people have taken out of the lists. ``given``: all texts of each call."""

    folder: ClassVar[Path | None] = None
    companies: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Truths.companies += 1
        if Truths.folder is None:
            shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
            Truths.folder = Path(tempfile.mkdtemp(prefix="syncd-activity-", dir=shared))
        self.home = Path(tempfile.mkdtemp(dir=Truths.folder))
        self.house: House
        self.made = False
        self.opening: Opening
        self.gone: set[str] = set()
        self.given: dict[str, set[str]] = {}
        self.quiet: Sequence[int] = QUIET

    def check_invariants(self, *arguments: Any) -> None:
        Truths.steps += 1
        super().check_invariants(*arguments)

    def end(self) -> None:
        """Close everything and remove the files."""
        if self.made:
            self.house.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # What happened on the phones.

    def _calls(self) -> Iterator[Call]:
        yield from (call for call in self.house.phones.calls if call.start <= self.house.now)

    def _messages(self) -> Iterator[Message]:
        yield from (each for each in self.house.phones.messages if each.start <= self.house.now)

    @property
    def _dialects(self) -> Any:
        return self.house.world.dialects

    # After each clean run.

    def _is_current(self) -> None:
        """Require that everything which the open window lists is stored."""
        days = window(self.house.now)
        # Lists whose order changes from page to page may take several runs; a call that comes while another goes is
        # found when its day is read.
        if self._dialects["list_order"] == "unstable" or self.gone:
            return
        for kind in ("call", "message"):
            listed, fits = self._listed(kind, days.first, days.last)
            assert not fits or listed <= self._stored(kind), f"a clean run has left out a {kind} of the open window"

    def _listed(self, kind: str, first: str, last: str) -> tuple[set[str], bool]:
        """Return the keys that the lists of some days have, and whether one answer can say so."""
        reply = self.house.world.ask("GET", f"/{kind}s", start_date=first, end_date=last, limit=500)
        rows = json.loads(reply.content or b"{}").get(f"{kind}s", [])
        if kind == "call":
            return {row["call_id"] for row in rows}, reply.status == 200
        return {f"{row['channel']}:{row['message_id']}" for row in rows}, reply.status == 200

    def _stored(self, kind: str) -> set[str]:
        sql = {"call": "SELECT call_id FROM call", "message": "SELECT channel || ':' || message_id FROM message"}
        with closing(sqlite3.connect(self.house.home / "activity.db")) as store:
            return {key for (key,) in store.execute(sql[kind])}

    # In the end.

    def _converge(self) -> None:
        """Let nothing go wrong for so long that each day is read again, and compare everything."""
        house = self.house
        house.world.faults.disarm()
        house.sinks.calm()
        house.meanwhile.clear()
        house.door.open, house.door.dies = True, None
        quiet = house.now
        for hours in self.quiet:
            house.wait(hours * HOUR)
            done = house.run()
            assert done.error is None, f"a run in quiet times has failed: {done.error!r}"
        self._is_current()
        with house.store() as store:
            self._calls_are_right(store)
            self._messages_are_right(store)
            self._nothing_answered_is_lost(store)
            self._days_are_proved(store, quiet)
            with memory_sinks():
                house.sinks.are_right(house.settings, store)
        self._nothing_is_told()

    def _calls_are_right(self, store: ActivityStore) -> None:
        stored = {row["id"]: row for row in store.activities.select(kind="call")}
        there = {call.id: call for call in self._calls()}
        assert stored.keys() <= there.keys(), "there is a call that never was"
        for call in there.values():
            row = stored.get(call.id)
            if row is None:
                assert not self._must_be_known(call), f"a call is missing: {call}"
            elif call.end == inf:
                assert (row["status"], row["end_time"]) == ("open", None), f"a call that goes on is {row}"
            else:
                if self._is_listed(call):
                    wanted = expected.call_of(self.house.world, call)
                    found = expected.shown(row, wanted)
                    assert found == wanted, f"a call is {found} and not {wanted}"
                self._texts_are_right(call, row)
                self._recordings_are_right(call, row)

    def _must_be_known(self, call: Call) -> bool:
        return self._is_listed(call) and (call.end < inf or self._dialects["call_listed"] == "start")

    def _is_listed(self, each: Call | Message) -> bool:
        key = each.id if isinstance(each, Call) else f"{each.channel}:{each.id}"
        # What leaves the lists may be gone before it is read the last time.
        return key not in self.gone and self._dialects["listed_for"] == "ever"

    def _texts_are_right(self, call: Call, row: dict[str, Any]) -> None:
        for what in ("summary", "transcription"):
            lines = (row[what] or "").split("\n") if row[what] else []
            assert set(lines) <= self.given.get(call.id, set()), f"a call has another's {what}"
            in_lists = self._dialects["journey"] == "with_text" and self._dialects["later_rows"] != "textless"
            if in_lists and self._is_listed(call) and self._dialects["call_rows"] == "call":
                assert lines == expected.texts_of(call, what)

    def _recordings_are_right(self, call: Call, row: dict[str, Any]) -> None:
        kept = [each["media_id"] for each in row["segments"] if each["media_id"]]
        assert set(kept) <= expected.recordings_of(call), "a call has another's recording"
        assert len(kept) == len(set(kept))
        if self._is_listed(call) and self._dialects["recording_for"] == "ever":
            legs = call.legs if self._dialects["call_rows"] == "legs" else call.segments
            absent = self._dialects["long_recordings"] == "absent"
            wanted = {f"rec_{each.id}" for each in legs if each.size and not (absent and each.talk > LONG)}
            assert wanted <= set(kept), "a recording is missing"

    def _messages_are_right(self, store: ActivityStore) -> None:
        stored = {f"{row['channel']}:{row['id']}": row for row in store.activities.select(kind="message")}
        there = {f"{each.channel}:{each.id}": each for each in self._messages()}
        assert stored.keys() <= there.keys(), "there is a message that never was"
        for key, message in there.items():
            if not self._is_listed(message):
                continue
            assert key in stored, f"a message is missing: {message}"
            row = stored[key]
            wanted = expected.message_of(self.house.world, message)
            files = [{name: value for name, value in each.items() if name != "path"} for each in row["attachments"]]
            found = {**expected.shown(row, wanted), "attachments": files}
            assert found == wanted, f"a message is {found} and not {wanted}"

    def _nothing_answered_is_lost(self, store: ActivityStore) -> None:
        ids = {event.id: event for event in store.events.range(0, inf)}
        contents = {(event.type, event.subject, event.at) for event in ids.values()}
        for each in self.house.door.answered:
            data = each["data"]
            subject = data.get("call_id") or data.get("message_id")
            known = ids.get(each["id"])
            assert known or any(content[:2] == (each["event_type"], subject) for content in contents), (
                "an event is lost"
            )
            if known and known.outcome == "ignored":
                continue
            assert store.activities.find(subject) is not None, "an event was answered and not merged"
            if each["event_type"] == "call.transcription":
                self._has_text(store, data)
        assert not store.events.unprocessed(1), "an event was not merged"
        assert all(len(each) == 16 for each in ids if each.startswith("evt_")), "a forged event is stored"

    def _has_text(self, store: ActivityStore, data: dict[str, Any]) -> None:
        found = store.activities.call(data["call_id"])
        assert found is not None
        assert found.row["transcription"], "a text that was answered as received is lost"

    def _days_are_proved(self, store: ActivityStore, quiet: float) -> None:
        days = {(day.kind, day.day): day for day in store.days.all()}
        vanish = self._dialects["listed_for"] != "ever"
        for day in days_between(day_of(BEGIN - 3 * DAY), day_after(day_of(quiet + 7 * DAY))):
            for kind in KINDS:
                if ended(day) + 2 * HOUR > self.house.now - DAY:
                    continue
                known = days.get((kind, day))
                assert known is not None, f"the {kind}s of {day} were never read"
                if not vanish and not self._is_shifting(kind, day):
                    assert known.state == "proved", f"the {kind}s of {day} are {known.state}"
                if not vanish and known.state == "proved":
                    listed, _ = self._listed(kind, day, day)
                    # Where each leg is a row, a member is a leg.
                    members = {each.partition("\x1f")[0] for each in store.days.members(kind, day)}
                    assert members == listed, "a day is proved and is not as it is listed"

    def _is_shifting(self, kind: str, day: str) -> bool:
        """Tell whether no reading of a day need be whole: its rows change their order from page to page."""
        listed, _ = self._listed(kind, day, day)
        return self._dialects["list_order"] == "unstable" and len(listed) > self.opening.limit

    def _nothing_is_told(self) -> None:
        """Require that no signed address is in a file, and that no log line tells anything of anybody."""
        for line in self.house.logged:
            found = [mark for mark in MARKS if mark in line]
            assert not found, f"a log line has {found}: {line}"
        for path in sorted(self.home.glob("*.db*")):
            assert _SIGNED not in path.read_bytes(), f"{path.name} holds a signed address"
        with closing(sqlite3.connect(self.home / "activity.db")) as store:
            for (raw,) in store.execute("SELECT raw FROM event WHERE raw IS NOT NULL"):
                assert _SIGNED not in zlib.decompress(raw)
