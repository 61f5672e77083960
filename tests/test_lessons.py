"""Each open point of the API, and each failure that other sync tools have had, is a test: LESSONS.md names it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("LESSONS.md")
LESSONS = re.findall(r"^\| (.+?) \| (test_\w+) \|$", TABLE.read_text(), re.MULTILINE)


@cache
def names_of_tests() -> frozenset[str]:
    files = Path(__file__).parent.rglob("test_*.py")
    suites = Path(__file__).parent.rglob("suite.py")
    return frozenset(name for file in (*files, *suites) for name in re.findall(r"def (test_\w+)", file.read_text()))


@pytest.mark.parametrize(("lesson", "name"), LESSONS)
def test_every_lesson_has_a_test(lesson: str, name: str) -> None:
    assert name in names_of_tests(), f"{lesson}: there is no {name}"


def test_every_line_of_the_table_is_looked_at() -> None:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and line != "| what | test |"]
    assert len(lines) == len(LESSONS) > 150
