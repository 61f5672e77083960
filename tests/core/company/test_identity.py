"""The identity of a company: what is new about it, and what is stored of its key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.company.identity import ADDRESS, FIELDS, KEY, Company, fingerprint, news, numbers_of, refusal
from syncd.core.schema import Field, Schema

HERE = Company("https://a.example.com/v1", fingerprint("key", "salt"), "salt", (1, 2), 5.0)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (HERE, []),
        (replace(HERE, proved_at=None), []),
        (replace(HERE, address="https://b.example.com/v1"), [ADDRESS]),
        (replace(HERE, fingerprint=fingerprint("key2", "salt")), [KEY]),
        (replace(HERE, fields=(1, 2, 3)), [FIELDS]),
        (replace(HERE, fields=(1,)), [FIELDS]),
    ],
)
def test_new_parts_are_named(now: Company, expected: list[str]) -> None:
    assert news(HERE, now) == expected


def test_all_is_new_if_nothing_is_known() -> None:
    assert news(None, HERE) == [ADDRESS, KEY, FIELDS]
    assert news(Company(HERE.address), HERE) == [KEY, FIELDS]


def test_it_is_stored_and_read_back() -> None:
    assert Company.load(HERE.dump()) == HERE


def test_fingerprints_differ_by_key_and_by_salt_and_do_not_hold_the_key() -> None:
    found = {fingerprint(key, salt) for key in ("secret-key-1", "secret-key-2") for salt in ("a", "b")}
    assert len(found) == 4
    assert not any("secret" in each for each in found)


def test_fields_without_a_number_do_not_count() -> None:
    assert numbers_of(Schema((Field(9, "B"), Field(0, "C"), Field(3, "A")))) == (3, 9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [(1, "the one known contact is not there under its id"), (8, "none of 8 known contacts is there")],
)
def test_a_refusal_says_what_was_looked_for(asked: int, words: str) -> None:
    assert words in refusal("syncd.db", "https://a.example.com/v1", [KEY], asked)
