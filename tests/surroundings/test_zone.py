"""``$TZ``: names, paths and the rules of POSIX are understood; everything else is an error that names the variable."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncd.errors import ConfigError
from syncd.surroundings.zone import check_zone, local_zone

JULY, JANUARY = (datetime(2026, month, 1, 12, tzinfo=UTC) for month in (7, 1))


@pytest.mark.parametrize(
    ("text", "july", "january"),
    [
        ("", 12, 12),
        ("UTC", 12, 12),
        ("UTC0", 12, 12),
        ("<+03>-3", 15, 15),
        ("GMT+3", 9, 9),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 14, 13),
        ("CET-1CEST", 14, 13),
        ("EST5EDT", 8, 7),
        ("EST5EDT4,M3.2.0/02:00:00,M11.1.0/02:00:00", 8, 7),
        ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 10, 9),
        ("AAA3BBB,J60,J300", 10, 9),
        ("GMT0BST,3,300", 13, 12),
        ("Europe/Berlin", 14, 13),
        (":Europe/Berlin", 14, 13),
    ],
)
def test_a_zone_is_understood(text: str, july: int, january: int) -> None:
    zone = local_zone({"TZ": text})
    assert (JULY.astimezone(zone).hour, JANUARY.astimezone(zone).hour) == (july, january)


@pytest.mark.parametrize(
    "text",
    [
        "Nonsense",
        "Nonsense/Where",
        '"UTC"',
        "'Europe/Berlin'",
        "America",
        "../../etc/passwd",
        "/etc/passwd",
        "/nowhere",
        "europe berlin",
        "AB1",
        "ABC99",
        "AAA24:59:59",
        "AAA3BBB,M13.5.0,M1.1.1",
        "\udcff\udcff",
        "UTC\0",
        " UTC",
        "x" * 10_000,
    ],
)
def test_a_zone_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^\$TZ: .* is not a time zone: write a name such as America/New_York"
    ) as raised:
        check_zone({"TZ": text})
    assert len(str(raised.value)) < 400


def test_without_the_variable_the_machine_decides() -> None:
    check_zone({})
    assert JULY.astimezone(local_zone({})) == JULY
