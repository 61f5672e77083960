"""What people write for some days."""

from __future__ import annotations

import pytest

from syncd.core.activity.days.spans import span_of

TODAY = "2026-03-12"


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-03-01..2026-03-10", ("2026-03-01", "2026-03-10")),
        (" 2026-03-01 .. 2026-03-01 ", ("2026-03-01", "2026-03-01")),
        ("2026-03-10", ("2026-03-10", "2026-03-10")),
        ("today", ("2026-03-12", "2026-03-12")),
        ("Yesterday", ("2026-03-11", "2026-03-11")),
        ("-7d..", ("2026-03-05", None)),
        ("-14d..-7d", ("2026-02-26", "2026-03-05")),
        ("-12d..yesterday", ("2026-02-28", "2026-03-11")),
        ("..2026-03-10", (None, "2026-03-10")),
        ("2026-03-01..", ("2026-03-01", None)),
        ("2026-03-01..9999-12-31", ("2026-03-01", None)),
        ("9999-12-31", ("9999-12-31", None)),
    ],
)
def test_days_are_written_in_many_forms(text: str, days: tuple[str | None, str | None]) -> None:
    assert span_of(text, TODAY) == days


@pytest.mark.parametrize(
    "text",
    [
        *("", "..", "2026-03-10..2026-03-01", "2026-02-30", "2026-3-1", "20260310", "tomorrow", "7d", "-7d..."),
        *("-9999999d", "2026-03-10T12:00:00Z", "today..yesterday", "2026-W10", "\u0662026-03-01", "-99999d.."),
        "2026-03-01..2026-03-02..",
    ],
)
def test_other_texts_are_no_days(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        span_of(text, TODAY)
