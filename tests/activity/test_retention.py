"""What is old is removed: files, deliveries, texts, and whole calls and messages."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.activity.retention import retain
from syncd.activity.session import ActivitySession
from syncd.activity.store.events import Event
from syncd.core.activity.observations import of_call_row
from syncd.errors import ConfigError
from tests.worlds.media_company import DAY, MediaCompany, media_company


@pytest.fixture
def company(tmp_path: Path) -> Iterator[MediaCompany]:
    with media_company(tmp_path, journey="with_text") as made:
        yield made


def owner(company: MediaCompany, media_id: str) -> str:
    return company.item(media_id).owner


def test_retention_removes_after_delivery_not_before(company: MediaCompany) -> None:
    company.configure(recordings={"keep": "30d"})
    recording = company.call()
    company.fetch()
    company.now += 31 * DAY
    assert company.retain(owner(company, recording)).files == 0
    assert company.item(recording).state == "kept"
    assert len(company.files()) == 1
    report = company.retain()
    assert (report.files, report.size) == (1, 20_000)
    item = company.item(recording)
    assert (item.state, item.path, item.size) == ("expired", None, 20_000)
    assert company.files() == {}
    # The day's folder goes with its last file, and what was removed is not fetched again.
    assert list((company.folder / "recordings").iterdir()) == []
    assert company.fetch().fetched == 0


def test_files_are_removed_by_age_and_by_size_the_oldest_first(company: MediaCompany) -> None:
    for days in range(4):
        company.call(days_ago=days, size=30_000)
        company.message(days_ago=days)
    company.fetch()
    company.configure(recordings={"at_most": "61KB"}, attachments={"keep": "2d"})
    assert company.retain().files == 4
    days_left = {
        kind: sorted(name.split("/")[1] for name in company.files() if kind in name) for kind in ("rec", "att")
    }
    assert days_left == {"rec": ["2026-03-09", "2026-03-10"], "att": ["2026-03-09", "2026-03-10"]}


def test_a_file_that_a_person_removed_is_no_trouble(company: MediaCompany) -> None:
    recording = company.call()
    company.fetch()
    for path in (company.folder / "recordings").rglob("*.mp3"):
        path.unlink()
    company.now += 91 * DAY
    assert company.retain().files == 1
    assert company.item(recording).state == "expired"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_a_folder_that_may_not_be_cleared_is_told(company: MediaCompany) -> None:
    company.call()
    company.fetch()
    [day] = (company.folder / "recordings").iterdir()
    day.chmod(stat.S_IRUSR | stat.S_IXUSR)
    company.now += 91 * DAY
    try:
        assert isinstance(company.retain().error, ConfigError)
    finally:
        day.chmod(0o700)


def test_a_folder_that_is_a_file_now_is_told(company: MediaCompany) -> None:
    recording = company.call()
    company.fetch()
    (company.folder / "recordings").rename(company.folder / "elsewhere")
    (company.folder / "recordings").write_text("")
    company.now += 91 * DAY
    with company.session() as session:
        report = retain(session)
    assert isinstance(report.error, ConfigError)
    assert "activity.recordings.folder" in str(report.error)
    assert report.files == 0
    with company.session() as session:
        item = session.store.media.get(recording)
    assert item is not None
    assert item.state == "kept"


def event(name: str, at: float, subject: str = "call 1", kind: str = "call.ended") -> Event:
    return Event(name, kind, at, at, at, "webhook", b"{}", f"content of {name}", subject, "new")


def add(session: ActivitySession, *events: Event, processed: bool = True) -> None:
    for each in events:
        assert session.store.events.add(each)
    if processed:
        session.store.events.processed([each.id for each in events])


def stored(session: ActivitySession) -> dict[str, bytes]:
    """Return the bytes of each stored event by its id."""
    return {each.id: each.raw for each in session.store.events.range(0.0, 1e12)}


def test_old_events_are_removed_but_none_that_is_not_merged(company: MediaCompany) -> None:
    now = company.now
    with company.session() as session:
        add(session, *(event(f"old {n}", now - 31 * DAY) for n in range(1_200)), event("new", now - 29 * DAY))
        add(session, event("open", now - 400 * DAY), processed=False)
        assert retain(session).events == 1_200
        assert stored(session) == {"open": b"{}", "new": b"{}"}
    company.configure(keep={"events": "forever"})
    company.now += 1_000 * DAY
    with company.session() as session:
        assert retain(session).events == 0


def texts(session: ActivitySession, call_id: str) -> tuple[object, object]:
    found = session.store.activities.call(call_id)
    assert found is not None
    return found.row["summary"], found.row["transcription"]


def test_old_texts_are_removed_for_good_also_from_the_deliveries(company: MediaCompany) -> None:
    phones = company.sandbox.phones
    name = phones.call(start=company.now - 8 * DAY, talk=5.0)
    phones.transcribe(name, "a summary", "a transcription")
    sms = phones.message(sent=company.now - 8 * DAY, body="a body")
    company.configure(keep={"text": "7d"})
    with company.session() as session:
        add(session, event("old", company.now - 8 * DAY))
        add(session, event("open", company.now - 8 * DAY, "call 2"), processed=False)
        assert texts(session, name) == ("a summary", "a transcription")
        report = retain(session)
        assert (report.texts, report.events, report.activities) == (2, 0, 0)
        assert stored(session) == {"old": b"", "open": b"{}"}
        # A list says them again.
        company.learn(session)
        assert texts(session, name) == (None, None)
        message = session.store.activities.message("text", sms)
        assert message is not None
        assert message.row["body"] is None
        assert retain(session).texts == 0
    assert b"a transcription" not in (company.folder / "activity.db").read_bytes()


def test_old_calls_and_messages_leave_only_their_ids(company: MediaCompany) -> None:
    old, new = company.call(days_ago=40), company.call()
    photo = company.message(days_ago=40)
    company.fetch()
    company.configure(recordings={}, attachments={}, keep={"activity": "30d", "events": "forever"})
    calls = {row["call_id"]: row for row in company.sandbox.phones.truth_calls()}
    with company.session() as session:
        [kept, gone] = sorted(calls, key=lambda name: calls[name]["start_time"], reverse=True)
        add(session, event("old", company.now - 40 * DAY, gone), event("other", company.now, kept))
        before = session.store.activities.call(gone)
        assert before is not None
        assert retain(session, {f"call:{gone}"}).activities == 1
        report = retain(session)
        assert (report.activities, report.files) == (1, 1)
        for _ in range(2):
            assert [row["id"] for row in session.store.activities.select()] == [kept]
            assert session.store.media.get(old) is None
            assert session.store.media.get(photo) is None
            assert stored(session) == {"old": b"", "other": b"{}"}
            # Neither a list nor an event brings it back; it is known all the same.
            company.learn(session)
        assert session.store.rows("SELECT count(*) FROM call") == [(2,)]
        assert [name for name in company.files() if name.startswith("recordings")] == [
            f"recordings/2026-03-10/{new}.mp3"
        ]
        assert retain(session).activities == 0


def test_what_was_removed_as_old_counts_as_known_and_unchanged(company: MediaCompany) -> None:
    company.call(days_ago=40)
    company.configure(keep={"activity": "30d"})
    [row] = company.sandbox.phones.truth_calls()
    seen = of_call_row(row, company.now)
    assert seen is not None
    with company.session() as session:
        activities = session.store.activities
        activities.take([seen], by="list", arrived=company.now, day="2026-01-29", digests={seen.key: 7})
        assert retain(session).activities == 1
        assert activities.digests("call", [seen.key]) == {seen.key: 7}
        counts = activities.take([seen], by="list", arrived=company.now, day="2026-01-29", digests={seen.key: 8})
        assert (counts.new, counts.changed) == (0, 0)
        assert activities.digests("call", [seen.key]) == {seen.key: 8}


def test_a_dry_run_removes_nothing(company: MediaCompany) -> None:
    company.call()
    company.fetch()
    company.now += 1_000 * DAY
    with company.session(dry_run=True) as session:
        assert retain(session).files == 0
    assert len(company.files()) == 1


def test_everything_is_kept_for_ever_if_that_is_asked_for(company: MediaCompany) -> None:
    company.configure(
        recordings={"keep": "forever"},
        attachments={"keep": "forever"},
        keep={"events": "forever", "text": "forever", "activity": "forever"},
    )
    company.call()
    company.message()
    company.fetch()
    company.now += 5_000 * DAY
    assert set(company.retain().to_json().values()) == {0}
    assert len(company.files()) == 2
