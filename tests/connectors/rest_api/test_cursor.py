"""The cursor of a read, and the window of time that the next read asks for."""

import pytest

from connectors.http_parts.times import moment
from connectors.rest_api.cursor import Cursor, parse_cursor, window

NOON = 1_770_000_000.5  # 2026-02-02T02:40:00.5Z


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(NOON, {"a": "token"}, full=1.5, swept=2.5, branches=("a", "b"))
    assert parse_cursor(cursor.text()) == cursor


@pytest.mark.parametrize("text", [None, "", "x", "[]", '{"version": 0}', '{"version": 1, "unknown": 2}'])
def test_what_is_no_cursor_means_a_full_read(text: str | None) -> None:
    assert parse_cursor(text) is None


def test_a_window_overlaps_the_last_one_and_ends_before_what_is_not_shown_yet() -> None:
    found = window(Cursor(1000.0), 2000.0, overlap=300, lag=5)
    assert (found.since, found.until) == (700.0, 1995.0)


def test_a_clock_that_was_set_back_makes_no_empty_window() -> None:
    found = window(Cursor(5000.0), 2000.0, overlap=300, lag=5)
    assert found.since <= found.until


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2026-02-02T02:40:00Z"),
        ("iso_ms", "2026-02-02T02:40:00.500Z"),
        ("iso_offset", "2026-02-02T02:40:00+00:00"),
        ("unix", 1_770_000_000),
        ("unix_ms", 1_770_000_000_500),
        ("http_date", "Mon, 02 Feb 2026 02:40:00 GMT"),
        ("%Y-%m-%d %H:%M:%S", "2026-02-02 02:40:00"),
    ],
)
def test_a_moment_is_written_as_the_server_wants_it(form: str, text: str | int) -> None:
    assert moment(NOON, form) == text
