"""What goes wrong with recordings and attachments, each history by its name."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.activity.media.run import fetch_media
from syncd.errors import AccessDenied, ConfigError, NoRoom, Stopped, TargetRefused, TargetUnavailable
from syncd.sandbox.activity.faults import FileExpire, FileShort, FileSlow, FileStatus
from syncd.sandbox.faults import parse_fault
from tests.worlds.hostile import answer, hostile
from tests.worlds.media_company import DAY, MediaCompany, media_company

HOUR = 3600.0


def test_files_are_fetched_into_days(company: MediaCompany) -> None:
    recording, photo = company.call(), company.message(days_ago=1)
    report = company.fetch()
    path, photo_path = f"recordings/2026-03-10/{recording}.mp3", f"attachments/2026-03-09/{photo}-photo1.jpg"
    files = company.files()
    assert sorted(files) == [photo_path, path]
    assert {name: hashlib.sha256(each).hexdigest() for name, each in files.items()} == {
        path: company.sandbox.medium(recording).sha256,
        photo_path: company.sandbox.medium(photo).sha256,
    }
    assert (report.fetched, report.size, report.error) == (2, sum(map(len, files.values())), None)
    item = company.item(recording)
    assert (item.state, item.path, item.size) == ("kept", f"2026-03-10/{recording}.mp3", len(files[path]))
    assert (item.sha256, item.content_type, item.duration) == (
        hashlib.sha256(files[path]).hexdigest(),
        "audio/mp3",
        5.0,
    )
    asked = company.asked()
    assert company.fetch().fetched == 0
    assert company.asked() == asked == 2


def test_without_the_keys_nothing_is_fetched(company: MediaCompany) -> None:
    company.call()
    company.message()
    company.configure()
    assert company.fetch().to_json()["fetched"] == company.asked() == 0
    company.configure(attachments={})
    assert company.fetch().fetched == 1
    assert [name.partition("/")[0] for name in company.files()] == ["attachments"]


def test_a_dry_run_fetches_nothing(company: MediaCompany) -> None:
    company.call()
    with company.session():
        pass
    assert company.fetch(dry_run=True).fetched == 0
    assert company.asked() == 0
    assert company.files() == {}


def test_url_expired_between_metadata_and_download(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(FileExpire(times=1))
    assert company.fetch().fetched == 1
    assert company.item(recording).attempts == 1
    assert company.asked() == 2


def test_url_that_is_always_expired_is_tried_again_later(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(FileExpire(times=None))
    report = company.fetch()
    assert (report.failed, report.error) == ({"denied": 1}, None)
    assert company.asked() == 2
    assert (company.item(recording).state, company.item(recording).reason) == ("wanted", "denied")
    company.sandbox.disarm()
    assert company.fetch().fetched == 0
    company.now += 601
    assert company.fetch().fetched == 1


def test_short_file(company: MediaCompany) -> None:
    photo, recording = company.message(), company.call()
    # A Content-Length that is true of what came: only the message tells the size.
    company.configure(attachments={})
    company.sandbox.arm(FileShort(times=1, told=True))
    assert company.fetch().failed == {"size": 1}
    assert (company.item(photo).state, company.files()) == ("wanted", {})
    company.configure(recordings={})
    company.sandbox.arm(FileShort(times=1, told=False))
    assert company.fetch().failed == {"broken": 1}
    assert (company.item(recording).state, company.files()) == ("wanted", {})
    company.configure(recordings={}, attachments={})
    company.now += 601
    assert company.fetch().fetched == 2


def test_0_bytes(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(FileShort(times=None, share=0.0))
    assert company.fetch().failed == {"empty": 1}
    for _ in range(20):
        company.now += DAY
        company.fetch()
    assert (company.item(recording).state, company.item(recording).reason) == ("refused", "empty")
    assert company.files() == {}


def test_404_after_having_been_there(company: MediaCompany) -> None:
    recording = company.call()
    with company.session():
        pass
    for call in company.sandbox.phones.truth_calls():
        company.sandbox.phones.lose_recording(call["call_id"])
    report = company.fetch()
    assert (report.gone, report.error, report.failed) == (1, None, {})
    assert (company.item(recording).state, company.files()) == ("gone", {})
    # It is looked for once more, since a file may come a moment after the list has named it.
    for _ in range(5):
        company.now += HOUR + 1
        company.fetch()
    assert company.asked() == 2


def test_the_file_is_not_there_although_the_api_names_it(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(FileStatus(times=None, status=404))
    assert company.fetch().failed == {"lost": 1}
    for _ in range(20):
        company.now += DAY
        company.fetch()
    assert company.item(recording).state == "gone"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_host(company: MediaCompany, status: int) -> None:
    recording = company.call()
    with hostile(lambda connection, _: answer(connection, b"not the recording")) as elsewhere:
        company.sandbox.arm(FileStatus(times=1, status=status, location=f"{elsewhere.url}/stolen"))
        report = company.fetch()
        assert elsewhere.asked == []
    assert (report.refused, report.error) == ({"unsafe": 1}, None)
    assert (company.item(recording).state, company.files()) == ("refused", {})


def test_disk_full_at_99_percent(company: MediaCompany) -> None:
    recording = company.call(size=400_000)
    code = """
import resource, sys
from tests.worlds.media_company import child_fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (396_000, 396_000))
child_fetch(sys.argv[1], float(sys.argv[2]))
"""
    with company.session():
        pass
    line = [sys.executable, "-c", code, str(company.folder), str(company.now)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "NoRoom"], done.stderr
    assert company.files() == {}
    item = company.item(recording)
    assert (item.state, item.attempts) == ("wanted", 0)
    assert company.fetch().fetched == 1


def test_a_disk_that_is_nearly_full_is_left_to_deliveries(
    company: MediaCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.call()
    (company.folder / "recordings").mkdir(mode=0o700)
    nearly_full = SimpleNamespace(f_bavail=1, f_blocks=100, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: nearly_full)
    report = company.fetch()
    assert isinstance(report.error, NoRoom)
    assert "activity.recordings.folder" in str(report.error)
    assert company.asked() == 1


def test_name_with_dots_and_slashes(company: MediaCompany) -> None:
    photo = company.message(
        filename="../../../../etc/cron.d/evil\x1b[2J\u202egpj.exe", content_type="image/jpeg", size=9
    )
    assert company.fetch().fetched == 1
    [path] = company.files()
    assert path == f"attachments/2026-03-10/{photo}-evil_2J_gpj.jpg"


@pytest.mark.parametrize(
    ("dialect", "value", "extension"),
    [("recording_format", "wav", "wav"), ("long_recordings", "wav", "wav"), ("long_recordings", "untyped", "bin")],
)
def test_the_extension_is_that_of_the_type(tmp_path: Path, dialect: str, value: str, extension: str) -> None:
    with media_company(tmp_path, **{dialect: value}) as company:
        recording = company.call(talk=601.0, size=100)
        company.fetch()
        assert list(company.files()) == [f"recordings/2026-03-10/{recording}.{extension}"]


def test_killed_in_the_middle(company: MediaCompany) -> None:
    recording = company.call()
    with company.session():
        pass
    company.sandbox.arm(FileSlow(times=1, seconds=30.0))
    code = (
        "import sys\nfrom tests.worlds.media_company import child_fetch\nchild_fetch(sys.argv[1], float(sys.argv[2]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(company.folder), str(company.now)])
    begun: list[Path] = []
    while child.poll() is None and not any(path.stat().st_size for path in begun):
        begun = list((company.folder / "recordings").glob(".fetching-*"))
    child.kill()
    child.wait()
    assert len(company.files()) == 1
    assert company.item(recording).state == "fetching"
    assert company.fetch().fetched == 1
    assert list(company.files()) == [f"recordings/2026-03-10/{recording}.mp3"]


def test_a_stop_ends_a_slow_file_and_the_next_run_begins_anew(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(FileSlow(times=1, seconds=60.0))
    with company.session() as session:
        stop = threading.Timer(0.5, session.stopping.set)
        stop.start()
        with pytest.raises(Stopped):
            fetch_media(session)
        stop.join()
    assert (company.item(recording).state, company.files()) == ("wanted", {})
    assert company.fetch().fetched == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_host_that_is_unwell_is_asked_later(company: MediaCompany, status: int) -> None:
    company.call()
    company.sandbox.arm(FileStatus(times=1, status=status))
    assert company.fetch().failed == {"broken": 1}
    company.now += 601
    assert company.fetch().fetched == 1


def fault(status: int, times: int | None = None) -> Any:
    return parse_fault({"kind": "status", "status": status, "path": "/media/*", "times": times})


def test_a_key_that_may_not_read_media_is_told(company: MediaCompany) -> None:
    for _ in range(60):
        company.call()
    company.configure(recordings={})
    company.sandbox.arm(fault(403))
    report = company.fetch()
    assert isinstance(report.error, TargetRefused)
    assert "let the key" in str(report.error)
    assert company.asked() <= 50
    company.sandbox.disarm()
    company.now += DAY
    assert company.fetch().fetched == 60


def test_a_refused_key_ends_it(company: MediaCompany) -> None:
    company.call()
    company.world.target["api_key"] = "another-key"
    with pytest.raises(AccessDenied):
        company.fetch()


def test_an_api_that_is_down_ends_it_and_loses_nothing(company: MediaCompany) -> None:
    recording = company.call()
    company.sandbox.arm(fault(503))
    assert isinstance(company.fetch().error, TargetUnavailable)
    assert (company.item(recording).state, company.item(recording).attempts) == ("wanted", 0)
    company.sandbox.disarm()
    assert company.fetch().fetched == 1


def test_a_folder_that_cannot_be_made_is_told(company: MediaCompany) -> None:
    company.call()
    company.message()
    company.configure(recordings={"folder": "disk/that/is/not/mounted"}, attachments={})
    report = company.fetch()
    assert isinstance(report.error, ConfigError)
    assert "activity.recordings.folder" in str(report.error)
    assert report.fetched == 1


def test_no_address_is_stored_or_logged(
    company: MediaCompany, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    company.call()
    company.message()
    company.sandbox.arm(FileStatus(times=1, status=500))
    company.fetch()
    company.now += 601
    company.fetch()
    out, err = capfd.readouterr()
    stored = b"".join(path.read_bytes() for path in company.folder.glob("*.db*"))
    assert b"signature=" not in stored
    for told in (out, err, caplog.text):
        assert "signature=" not in told
        assert "test-key" not in told
