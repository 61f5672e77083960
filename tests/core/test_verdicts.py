"""What each row of a read is, as tables of rows."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, RAW, REASON, ROW, STATE
from syncd.core.verdicts import REASONS, ROWS, Verdicts, read_in_part, unseen

Rows = list[tuple[str | None, int]]
"""The key and the state of each row."""


def read(rows: Rows, joined: tuple[int, ...] = ()) -> Verdicts:
    """Return the verdicts on these rows: line 2 is the first one, a row's digests are 10 and 100 times its number."""
    lines = [(n, key, n + 2, 0, state, f"m{key}", n * 10, n * 100) for n, (key, state) in enumerate(rows)]
    return Verdicts(
        rows=pl.DataFrame(lines, schema=ROWS, orient="row"),
        reasons=pl.DataFrame([(n, "why") for n, (_, state) in enumerate(rows) if state], schema=REASONS, orient="row"),
        origins=["a.csv"],
        joined=pl.Series(ROW, joined, dtype=pl.UInt32),
    )


def found(*rows: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={ROW: pl.UInt32, STATE: pl.UInt8, REASON: pl.String}, orient="row")


def reasons(verdicts: Verdicts) -> dict[int, str]:
    return dict(verdicts.reasons.sort(ROW).iter_rows())


ONCE: dict[str, tuple[Rows, tuple[int, ...], list[tuple[str, int, int]]]] = {
    "keys differ": ([("a", CONTACT), ("b", INVALID)], (), [("a", CONTACT, 0), ("b", INVALID, 10)]),
    "a row without a key": ([(None, INVALID), ("b", CONTACT)], (), [("b", CONTACT, 10)]),
    "the contact, though it comes later": ([("a", INVALID), ("a", CONTACT)], (), [("a", CONTACT, 10)]),
    "an invalid row says nothing of its contact, an excluded one says too much": (
        [("a", EXCLUDED), ("a", INVALID)],
        (),
        [("a", INVALID, 10)],
    ),
    "a merged row is used": ([("a", INVALID), ("a", EXCLUDED)], (1,), [("a", EXCLUDED, 10)]),
    "of two excluded rows the first": ([("a", EXCLUDED), ("a", EXCLUDED)], (), [("a", EXCLUDED, 0)]),
}


@pytest.mark.parametrize(("rows", "joined", "expected"), ONCE.values(), ids=ONCE)
def test_the_row_that_is_used_stands_for_a_key(
    rows: Rows, joined: tuple[int, ...], expected: list[tuple[str, int, int]]
) -> None:
    once = read(rows, joined).keyed_once()
    assert once.columns == [KEY, STATE, DIGEST, RAW]
    assert once.select(KEY, STATE, DIGEST).rows() == expected


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        ([("a", CONTACT)], []),
        ([("a", INVALID)], ["a"]),
        ([("a", CONTACT), ("a", INVALID)], []),  # the first of two rows is used
        ([("a", EXCLUDED)], []),  # an excluded row says that its contact is not wanted
        ([(None, INVALID)], []),
    ],
)
def test_a_key_is_unusable_if_none_of_its_rows_can_be_used(rows: Rows, keys: list[str]) -> None:
    assert read(rows).unusable().to_list() == keys


MISSING: dict[str, tuple[Rows, list[list[str]], list[str] | None, list[str]]] = {
    "a whole read lacks it": ([("a", CONTACT)], [["a", "b"]], None, ["b"]),
    "each of several lists counts": ([("a", CONTACT)], [["a", "b"], ["b", "c"]], None, ["b", "c"]),
    "a whole read excludes it": ([("a", EXCLUDED)], [["a"]], None, ["a"]),
    "a partial read does not name it": ([("a", CONTACT)], [["a", "b"]], [], []),
    "a partial read names it": ([("a", CONTACT)], [["a", "b"]], ["b"], ["b"]),
    "a partial read names it, and has it": ([("a", CONTACT)], [["a"]], ["a"], []),
    "a partial read excludes it": ([("a", EXCLUDED)], [["a"]], [], ["a"]),
}


@pytest.mark.parametrize(("rows", "known", "named", "gone"), MISSING.values(), ids=MISSING)
def test_a_key_is_missing_if_a_whole_read_lacks_it_or_a_partial_read_names_it(
    rows: Rows, known: list[list[str]], named: list[str] | None, gone: list[str]
) -> None:
    keys = [pl.Series(KEY, each, dtype=pl.String) for each in known]
    assert sorted(read(rows).missing(keys, named)) == gone


def test_a_contact_that_is_demoted_has_the_new_state_and_the_reason() -> None:
    after = read([("a", CONTACT), ("b", CONTACT), ("c", INVALID)]).demoted(
        found((0, INVALID, "bad"), (1, EXCLUDED, "merged into a"))
    )
    assert after.rows[STATE].to_list() == [INVALID, EXCLUDED, INVALID]
    assert reasons(after) == {0: "bad", 1: "merged into a", 2: "why"}
    assert after.joined.to_list() == [1]


def test_a_new_reason_takes_the_place_of_the_old_one() -> None:
    assert reasons(read([("a", INVALID)]).demoted(found((0, INVALID, "another reason")))) == {0: "another reason"}


def test_no_method_changes_the_verdicts_that_it_is_called_on() -> None:
    before = read([("a", CONTACT), ("a", CONTACT)])
    rows = before.rows.clone()
    after = before.demoted(found((0, EXCLUDED, "merged into b")))
    after.without_duplicates().doubted(pl.Series(["a"])).demoted(found((1, EXCLUDED, "merged into c")))
    assert before.rows.equals(rows)
    assert (before.joined.to_list(), before.reasons.height) == ([], 0)
    assert after.joined.to_list() == [0]


@pytest.mark.parametrize(
    ("rows", "states"),
    [
        ([("a", CONTACT), ("a", CONTACT)], [CONTACT, INVALID]),
        ([("a", INVALID), ("a", CONTACT)], [INVALID, INVALID]),  # the first one counts, though it is invalid
        ([("a", EXCLUDED), ("a", CONTACT)], [EXCLUDED, CONTACT]),  # a row that is filtered out takes no key
        ([(None, INVALID), (None, INVALID)], [INVALID, INVALID]),
    ],
)
def test_of_rows_with_one_key_the_first_is_used(rows: Rows, states: list[int]) -> None:
    assert read(rows).without_duplicates().rows[STATE].to_list() == states


def test_a_row_that_makes_the_same_contact_as_an_earlier_one_counts_and_is_no_verdict() -> None:
    rows = read([("a", CONTACT), ("b", CONTACT), ("a", CONTACT)])
    same = Verdicts(rows.rows.with_columns(pl.lit(7, dtype=pl.Int64).alias(DIGEST)), rows.reasons, rows.origins)
    after = same.without_duplicates()
    assert after.rows[ROW].to_list() == [0, 1]
    assert after.repeated[ROW].to_list() == [2]
    assert (after.reasons.height, after.joined.to_list()) == (0, [])
    assert same.repeated.is_empty()


def test_a_duplicate_names_the_place_of_the_row_that_is_used() -> None:
    after = read([("a", CONTACT), ("b", CONTACT), ("a", CONTACT)]).without_duplicates()
    assert reasons(after) == {2: "duplicate key: a.csv:2 has it too, and is used"}


def test_recognised_rows_are_admitted_in_the_order_of_the_source() -> None:
    before = read([("a", CONTACT), ("b", CONTACT), ("a", CONTACT)])
    mapped = Verdicts(before.rows[1:], before.reasons, before.origins)
    after = mapped.admitted(before.rows[:1].select(reversed(before.rows.columns)))
    assert after.rows[KEY].to_list() == ["a", "b", "a"]
    assert after.without_duplicates().rows[STATE].to_list() == [CONTACT, CONTACT, INVALID]


def test_rows_get_other_digests_and_the_others_keep_theirs() -> None:
    before = read([("a", CONTACT), ("b", CONTACT), ("c", CONTACT)])
    other = pl.DataFrame({ROW: [1], DIGEST: [7]}, schema={ROW: pl.UInt32, DIGEST: pl.Int64})
    was = before.rows[DIGEST].to_list()
    assert before.with_digests(other).rows[DIGEST].to_list() == [was[0], 7, was[2]]


def test_a_doubted_contact_is_mapped_again_in_the_next_read() -> None:
    after = read([("a", CONTACT), ("b", CONTACT), (None, INVALID)]).doubted(pl.Series(["a"]))
    assert after.rows[RAW].to_list()[:2] == [None, 100]


def test_a_merged_contact_has_a_digest_of_its_own_and_is_mapped_again() -> None:
    contacts = pl.DataFrame(
        {ROW: [0], KEY: ["a"], DIGEST: [7], "Phone": ["1;2"]}, schema_overrides={ROW: pl.UInt32, DIGEST: pl.Int64}
    )
    after = read([("a", CONTACT), ("b", CONTACT)]).with_merged(contacts)
    assert after.rows.select(KEY, DIGEST, RAW).rows() == [("a", 7, None), ("b", 10, 100)]
    assert after.made is not None


def test_a_key_that_occurs_twice_is_listed_twice() -> None:
    assert read([("a", CONTACT), (None, INVALID), ("a", INVALID)]).keys().to_list() == ["a", "a"]


@pytest.mark.parametrize(
    ("present", "read", "in_part"),
    [
        (["a", "b"], ["a"], False),
        (["a", "a"], ["a"], True),
        (["a", "a"], ["a", "a"], False),
        (["a", "a", "b"], ["b"], False),
        ([None, None], ["a"], False),
    ],
)
def test_a_key_of_which_further_rows_were_not_read(present: list[str | None], read: list[str], in_part: bool) -> None:
    assert read_in_part(pl.Series(present, dtype=pl.String), pl.Series(read, dtype=pl.String)) == in_part


def test_keys_that_nobody_has_seen_are_named_once() -> None:
    present = pl.Series("keys", ["c", "a", None, "c", "b"])
    found = unseen(present, pl.Series(["a"]), pl.Series("@key", ["b"]))
    assert found.to_list() == ["c"]
