"""A company whose recordings and attachments are fetched from a sandbox."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncd.activity.media.run import MediaReport, fetch_media
from syncd.activity.retention import RetentionReport, retain
from syncd.activity.session import ActivitySession, open_activity
from syncd.activity.store.media import Item
from syncd.config import load
from syncd.core.activity.instants import seconds
from syncd.core.activity.observations import of_call_row, of_message_row
from syncd.sandbox.server import Sandbox
from tests.worlds.world import World

DAY = 86_400.0
NOON = seconds("2026-03-10T12:00:00Z") or 0.0


class MediaCompany:
    """``now``: the time of syncd and of the server. ``activity``: the configuration."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.world, self.sandbox, self.folder = World(folder, sandbox), sandbox, folder
        self.world.activity = {"recordings": {}, "attachments": {}}
        self.now = NOON

    def configure(self, **activity: Any) -> None:
        self.world.activity = activity

    def call(self, days_ago: float = 0.0, **fields: Any) -> str:
        """Let a call happen; return the id of its recording."""
        fields = {"talk": 5.0, **fields}
        name = self.sandbox.phones.call(start=self.now - days_ago * DAY - 3600, **fields)
        [row] = [each for each in self.sandbox.phones.truth_calls() if each["call_id"] == name]
        return str(row["journey"][0]["recording_url"]).rpartition("/")[2]

    def message(self, days_ago: float = 0.0, **attachment: Any) -> str:
        """Let a message come; return the id of its attachment."""
        name = self.sandbox.phones.message(sent=self.now - days_ago * DAY - 3600, attachments=[attachment])
        [row] = [each for each in self.sandbox.phones.truth_messages() if each["message_id"] == name]
        return str(row["attachments"][0].get("id") or row["attachments"][0]["url"]).rpartition("/")[2]

    @contextmanager
    def session(self, **options: Any) -> Iterator[ActivitySession]:
        """Open a session whose store knows what the lists say."""
        with open_activity(self.world.settings(), clock=lambda: self.now, sleep=lambda _: None, **options) as session:
            if not session.dry_run:
                self.learn(session)
            with session.leased():
                yield session

    def learn(self, session: ActivitySession) -> None:
        phones = self.sandbox.phones
        seen = [of_call_row(row, self.now) for row in phones.truth_calls()]
        seen += [of_message_row(row, self.now) for row in phones.truth_messages()]
        found = [each for each in seen if each]
        session.store.activities.take(found, by="list", arrived=self.now)

    def fetch(self, **options: Any) -> MediaReport:
        with self.session(**options) as session:
            return fetch_media(session)

    def retain(self, *awaited: str) -> RetentionReport:
        with self.session() as session:
            return retain(session, frozenset(awaited))

    def item(self, media_id: str) -> Item:
        with self.session() as session:
            found = session.store.media.get(media_id)
        assert found is not None
        return found

    def files(self) -> dict[str, bytes]:
        """Return every file in the folders of media, also temporary ones, by its path; prove who may read them."""
        found = {}
        for name in ("recordings", "attachments"):
            for path in (self.folder / name).rglob("*"):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode == (0o700 if path.is_dir() else 0o600), path
                if path.is_file():
                    found[path.relative_to(self.folder).as_posix()] = path.read_bytes()
        return found

    def asked(self) -> int:
        """Return how often metadata was asked for."""
        return sum("/media/" in each.path for each in self.sandbox.requests)


@contextmanager
def media_company(folder: Path, **dialects: str) -> Iterator[MediaCompany]:
    made: list[MediaCompany] = []
    clock = lambda: made[0].now if made else NOON  # noqa: E731 (bound before the company is made)
    with Sandbox(key="test-key", limits=None, dialects=dialects, clock=clock) as sandbox:
        made.append(MediaCompany(folder, sandbox))
        yield made[0]


def child_fetch(folder: str, now: float) -> None:
    """Fetch what the store of a company wants, in this process; print how many files, and the error."""
    settings = load(Path(folder) / "syncd.yaml")
    with open_activity(settings, clock=lambda: now) as session, session.leased():
        report = fetch_media(session)
        sys.stdout.write(f"{report.fetched} {type(report.error).__name__}\n")
