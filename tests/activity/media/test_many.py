"""Many files and large ones: ten at once, in little memory, within the share of the request windows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count

import pytest

from syncd.activity.media.run import BATCH, fetch_media
from syncd.sandbox.activity.faults import FileSlow
from tests.worlds.media_company import DAY, MediaCompany

# Not getrusage: its peak begins with that of the process that started this one.
PEAK = """
import sys
from tests.worlds.media_company import child_fetch
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("VmHWM"))
before = peak()
child_fetch(sys.argv[1], float(sys.argv[2]))
print(before, peak())
"""

MEGABYTE = 1_000_000


def peak_of_fetching(company: MediaCompany) -> int:
    """Fetch in a process of its own; return by how many kB its memory grew while it fetched."""
    company.configure(recordings={"at_most": "5GB"})
    with company.session():
        pass
    line = [sys.executable, "-c", PEAK, str(company.folder), str(company.now)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    fetched, error, before, after = done.stdout.split()
    assert (error, int(fetched)) == ("NoneType", len(company.sandbox.phones.truth_calls()))
    return int(after) - int(before)


@pytest.mark.parametrize(
    "megabytes",
    [
        200,
        pytest.param(1_000, marks=pytest.mark.skipif("SYNCD_SOAK" not in os.environ, reason="SYNCD_SOAK is not set")),
    ],
)
def test_a_long_recording_takes_little_memory(company: MediaCompany, megabytes: int) -> None:
    recording = company.call(size=megabytes * MEGABYTE)
    assert peak_of_fetching(company) < 64 * 1024
    assert (company.folder / f"recordings/2026-03-10/{recording}.mp3").stat().st_size == megabytes * MEGABYTE


def test_ten_at_once_take_little_memory_too(company: MediaCompany) -> None:
    for _ in range(20):
        company.call(size=8 * MEGABYTE)
    assert peak_of_fetching(company) < 64 * 1024


def test_slow_files_wait_for_nobody(company: MediaCompany) -> None:
    for _ in range(10):
        company.call()
    company.sandbox.arm(FileSlow(times=10, seconds=1.0))
    with company.session() as session:
        begun = time.monotonic()
        assert fetch_media(session).fetched == 10
        assert time.monotonic() - begun < 5


def test_media_leave_room_for_contacts(company: MediaCompany) -> None:
    for days in range(20):
        company.call(days_ago=days)
    company.world.target |= {"limits": ["20/1h"], "reports": [], "messaging": []}
    company.configure(recordings={"share": "40%"})
    report = company.fetch()
    # A request that waits an hour would keep everything else waiting too.
    assert 4 <= report.fetched <= 8
    assert report.waiting > 0
    assert company.asked() == report.fetched
    # The newest come first.
    assert "2026-03-10" in next(iter(sorted(company.files(), reverse=True)))
    assert len([name for name in company.files() if "2026-02" in name]) == 0


def test_a_full_folder_takes_the_newest_only(company: MediaCompany) -> None:
    company.configure(recordings={"at_most": "100KB"})
    for days in range(120):
        company.call(days_ago=days / 2, size=30_000)
    report = company.fetch()
    # What has no room is not fetched only to be removed, once it is known what a file takes.
    assert company.asked() == report.fetched == BATCH
    newest = sorted(name.split("/")[1] for name in company.files())
    assert newest == ["2026-03-09", "2026-03-09", "2026-03-10"]
    company.now += DAY
    company.fetch()
    assert company.asked() == BATCH
    company.call()
    company.fetch()
    assert company.asked() == BATCH + 1
    assert sorted(name.split("/")[1] for name in company.files()) == ["2026-03-09", "2026-03-10", "2026-03-11"]


def test_files_do_not_keep_the_next_look_at_the_lists_waiting(company: MediaCompany) -> None:
    company.configure(pull={"every": "10m"}, recordings={})
    for number in range(BATCH + 10):
        company.call(days_ago=number / 100)
    with company.session() as session:
        ticks = count()
        session.clock = lambda: company.now + 30 * next(ticks)
        report = fetch_media(session)
    assert (report.fetched, report.waiting) == (BATCH, 10)
    company.now += DAY
    assert company.fetch().fetched == 10
