"""Numbers and names in messages, as people read them."""

from __future__ import annotations

import pytest

from syncd.core.wording import counted, listed, nearest, percent, shown_key


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("contact",), "0 contacts"),
        (1, ("contact",), "1 contact"),
        (2_003, ("contact",), "2,003 contacts"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_a_count_has_thousands_and_the_right_plural(count: int, words: tuple[str, ...], text: str) -> None:
    assert counted(count, *words) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.005, "0.5 %"),
        (0.01, "1 %"),
        (0.2, "20 %"),
        (0.29, "29 %"),  # 0.29 * 100 is a little less than 29 in binary
        (1.0, "100 %"),
        (1.5, "150 %"),
    ],
)
def test_a_share_is_shown_in_whole_percents_or_below_one_in_tenths(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize("share", [0.999, 0.9999, 0.999_999])
def test_nearly_all_is_never_shown_as_all(share: float) -> None:
    assert percent(share) == "99 %"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("Phne", ["Contact", "Phone"], " (did you mean 'Phone'?)"),
        ("phone", ["Phone"], " (did you mean 'Phone'?)"),
        ("Contract", ["Contact", "Company"], " (did you mean 'Contact'?)"),
        ("Shoe size", ["Contact", "Phone"], ""),
        ("Phone", [], ""),
    ],
)
def test_the_nearest_known_name_is_offered_if_it_is_near(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (list("abcde"), "a, b, c, d, e"),
        (list("abcdefg"), "a, b, c, d, e and 2 more"),
        (["a\x1f1"], "a+1"),
    ],
)
def test_a_few_names_are_listed_and_the_others_are_counted(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_the_parts_of_a_key_are_shown_with_a_plus() -> None:
    assert shown_key("Smith\x1f12") == "Smith+12"
