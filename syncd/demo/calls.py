"""The last steps: calls come back from the phone system, whole.

The caller is one of the contacts that the first steps have sent. Every step checks what the activity store and the
folder of recordings hold.
"""

from __future__ import annotations

import time

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.days.windows import BEHIND
from syncd.core.activity.instants import begin_of, day_of
from syncd.demo.stage import Stage, promise
from syncd.report.exit_code import DONE
from syncd.sandbox.serving import listen

CONFIGURATION = """\
activity:
  since: 2d
  receive: {listen: 127.0.0.1:PORT, url: http://127.0.0.1:PORT/vocatech, secret_file: webhook.secret}
  recordings: {folder: recordings}
"""

HALF_PAST_TWO = 14.5 * 3600
"""When the first call begins, in seconds of its day."""

GLORIA, NUMBER = "Gloria Hathaway", "5855550142"
"""Tenant 100010, as the phone system shows her."""
STRANGER = "2125550199"
JOURNEY = (
    {"type": "AutoAttendant", "name": "Main Menu", "extension": "500", "ring": 0.0, "talk": 12.0},
    {"extension": "101", "after": 12.0, "ring": 6.0, "talk": 95.0},
)
SUMMARY = "Gloria Hathaway asks for a plumber. John Doe sends one on Monday."
TRANSCRIPTION = "John Doe: Front office. Gloria Hathaway: My kitchen tap drips. John Doe: A plumber comes on Monday."


class Calls:
    """The steps, in the order of the story. ``day``: of the calls; ``call``: the id of the first one, once it rang."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sandbox = stage.sandbox
        # The last day that has ended in every time zone: before that, no list of a day can be proved to be whole.
        self.day = day_of(time.time() - BEHIND)
        self.call = ""

    def play(self) -> None:
        with listen(0) as free:
            port = free.getsockname()[1]
        self.begin(port)
        with self._stage.beside("receive", port=port):
            self.ring()
        self.prove()
        self.follow()

    def begin(self, port: int) -> None:
        text = CONFIGURATION.replace("PORT", str(port))
        with self._stage.configuration.open("a", encoding="utf-8") as file:
            file.write(text)
        self._stage.step(
            "6. Somebody calls",
            "The other way round: who called, when, and what was said. This is added to syncd.yaml:",
        )
        self._stage.show(text)
        self._stage.tell(
            "syncd receive takes webhooks, as long as it runs. syncd webhook create asks the phone system for them."
        )

    def ring(self) -> None:
        self._stage.run("webhook", "create", ends=DONE)
        began = begin_of(self.day) + HALF_PAST_TWO
        self.call = self._sandbox.phones.call(start=began, remote_name=GLORIA, remote_number=NUMBER, segments=JOURNEY)
        self._sandbox.phones.transcribe(self.call, SUMMARY, TRANSCRIPTION)
        self._sandbox.drain()
        sent = [(each.event_type, each.status) for each in self._sandbox.deliveries]
        promise("the answers to webhooks", sent, [("call.ended", 204), ("call.transcription", 204)])
        self._stage.tell(
            "",
            f"On {self.day} Gloria Hathaway rings, tenant 100010. The phone shows her name, since step 2 has sent it.",
            "The phone system announces the end of the call, and later its summary, by two signed webhooks. Each is",
            "answered once it is on the disk.",
        )
        # While nothing is announced: a webhook may be lost.
        self._sandbox.phones.call(start=began + 900, remote_name="", remote_number=STRANGER, talk=0, announce=False)

    def prove(self) -> None:
        self._stage.step(
            "7. Prove that none is missing",
            "Webhooks get lost: of the next call, from a stranger, none tells. So the lists of calls and",
            "messages are read, and recordings are fetched:",
        )
        self._stage.run("activity", "run", ends=DONE)
        self._promise_day("read")
        self._stage.tell(
            "",
            "One reading is no proof: a call may come while another goes. A second one that finds the same calls is:",
        )
        self._stage.run("activity", "pull", "--days", self.day, ends=DONE)
        self._stage.run("activity", "days", ends=DONE)
        self._promise_day("proved")

    def follow(self) -> None:
        self._stage.step("8. Follow one call", "From its webhooks to its recording, and what the next run would do:")
        self._stage.run("activity", "explain", self.call, ends=DONE)
        (recording,) = [path for path in (self._stage.folder / "recordings").rglob("*") if path.is_file()]
        content = recording.read_bytes()
        promise("the recording", content, self._sandbox.medium(recording.stem).content())
        self._stage.tell(
            "",
            f"{recording.relative_to(self._stage.folder)} has {len(content):,} bytes, the same as at the phone system.",
        )

    def _promise_day(self, state: str) -> None:
        """Check how the day of the calls stands, and that both are stored, the first one by its webhook."""
        with ActivityStore(self._stage.folder / "activity.db", read_only=True) as store:
            day = store.days.get("call", self.day)
            found = (day.state, day.total, day.by_webhook) if day else None
            promise(f"the day {self.day}", found, (state, 2, 1))
            row = next(row for row in store.activities.select(kind="call") if row["id"] == self.call)
        promise("the caller", row["remote_number"], NUMBER)
        promise("the summary", row["summary"], SUMMARY)
