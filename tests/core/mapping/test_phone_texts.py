"""Numbers are found in a text, and the rest of the text is reported and never sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.columns import EXCLUDED, INVALID, STATE
from syncd.core.settings.rules import Column, Rule
from tests.examples import examples
from tests.worlds.core_mapping import applied, rules
from tests.worlds.core_mapping import phone_of as read

A, B = "2125550123", "6465550199"
TABLE = [line.split("\t") for line in (Path(__file__).parent / "phones.tsv").read_text().splitlines() if line[0] != "#"]
unhurried = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize(("region", "text", "sent", "reported", "_why"), TABLE, ids=[row[1] for row in TABLE])
def test_each_text_of_the_table_gives_its_numbers(region: str, text: str, sent: str, reported: str, _why: str) -> None:
    digits, problem, note = read(text, region)
    assert digits == sent
    assert bool(problem or note) == (reported == "yes")


BESIDE_A_NUMBER = [
    "Apt 12C 212-555-0123", "Suite 400 (212) 555-0123", "Unit 4B, 212.555.0123 ext 5", "212-555-0123 9am-5pm",
    "212-555-0123 Mon-Fri 9:00-17:00", "212-555-0123 (24/7)", "9-5 212-555-0123", "id 4471 212 555 0123",
    "12 Main St 90210 212 555 0123", "3rd floor: 212-555-0123", "Born 01/02/1980, 212-555-0123", "2 212 555 0123",
    "1st 212-555-0123", "#7 212-555-0123", "212-555-0123 4B", "pin 1234 +1 212 555 0123", "2125550123 before 5pm",
    "jane.9175550100@example.com 212-555-0123", "https://example.com/p/12345 212 555 0123",
]  # fmt: skip


@pytest.mark.parametrize("text", BESIDE_A_NUMBER)
@pytest.mark.parametrize("invalid", ["keep", "drop", "reject"])
def test_digits_beside_a_number_are_reported_and_not_sent(
    text: str, invalid: Literal["keep", "drop", "reject"]
) -> None:
    assert read(text, invalid=invalid) == (A, "", "c: text beside the number is not sent")


@pytest.mark.parametrize(
    "text",
    [
        "1) 212-555-0123 2) 646-555-0199", "1. 212-555-0123 2. 646-555-0199", "#1 212-555-0123 #2 646-555-0199",
        "(1) 212-555-0123 (2) 646-555-0199", "a) 212-555-0123 b) 646-555-0199", "1: 212-555-0123; 2: 646-555-0199",
        "2125550123-6465550199", "2125550123.6465550199", "1-212-555-0123-1-646-555-0199", "2125550123+16465550199",
        "+12125550123+16465550199", "212/555-0123 or 646/555-0199", "212-555-0123 Jane, 646-555-0199 John",
        "h: 212-555-0123 w: 646-555-0199 x12", "212-555-0123 and 646-555-0199",
        "212-555-0123 ext. 1 or 2; 646-555-0199",
    ],
)  # fmt: skip
def test_several_numbers_of_a_text_are_told_apart(text: str) -> None:
    assert read(text) == (f"{A};{B}", "", "")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("212.555.0123/0124", f"{A};2125550124"),
        ("212-555-0123/24", f"{A};2125550124"),
        ("212-555-0123 / 0124 / 0125", f"{A};2125550124;2125550125"),
        ("212-555-0123 or 0124", f"{A};2125550124"),
    ],
)
def test_a_short_second_part_replaces_the_last_digits(text: str, digits: str) -> None:
    assert read(text) == (digits, "", "")


NO_NUMBER = [
    ("2.12555E+09", "digits are lost in scientific notation"),
    ("2,1E+9", "digits are lost in scientific notation"),
    ("jane2125550123@example.com", "an e-mail address"),
    ("2125550123@example.com", "an e-mail address"),
    ("https://example.com/p/2125550123", "a web address"),
    ("0000000000", "a placeholder"),
    ("(999) 999-9999", "a placeholder"),
    ("+1 999-999-9999", "a placeholder"),
    ("123-456-7890", "a placeholder"),
    ("123456", "a placeholder"),
    ("1980-01-02", "a date"),
    ("DOB: 1/2/1980", "a date"),
    ("2.1.1980", "a date"),
    ("1980-01-02T00:00:00Z", "a date"),
    ("Room 4155", "a text without a phone number"),
    ("call 555-1234", "a text without a phone number"),
    ("INV2125550123", "a text without a phone number"),
    ("Acct 4471-212-555-0123-99", "a text without a phone number"),
    ("Unit 4B", "a text without a phone number"),
    ("212-555-12O4", "letters in the number"),
    ("2l2-555-0123", "letters in the number"),
    ("4111 1111 1111 1111", "too long"),
    ("21255501236465550199", "too long"),
    ("192.168.1.10", "too short"),
    ("$1,234.00", "too short"),
    ("12", "too short"),
]


@pytest.mark.parametrize(("text", "problem"), NO_NUMBER)
def test_a_text_without_a_number_sends_nothing_and_is_reported(text: str, problem: str) -> None:
    assert read(text) == ("", f"c: {problem}, left out", "")
    assert read(text, invalid="reject")[1] == f"c: {problem}, left out"


@pytest.mark.parametrize(
    ("text", "digits"), [("4155", "4155"), ("x4155", "4155"), ("ext. 4155", "4155"), ("1234", "1234"),
                         ("12345", "12345"), ("555-1234 mob", "5551234"), ("Mobile: 555-1234", "5551234"),
                         ("212555012312", "212555012312")]
)  # fmt: skip
def test_an_impossible_number_alone_is_kept(text: str, digits: str) -> None:
    assert read(text)[0] == digits
    assert read(text)[1] in {"c: too short", "c: too long"}
    assert read(text, invalid="drop")[0] == ""


@pytest.mark.parametrize(
    "text",
    ["2125550123@c.us", "12125550123@s.whatsapp.net", "<sip:+12125550123@pbx.example.com;user=phone>", "tel://2125550123",
     "sips:2125550123@10.0.0.5:5061", "https://wa.me/12125550123", "https://api.whatsapp.com/send?phone=12125550123"],
)  # fmt: skip
def test_the_number_of_a_dialled_address_is_sent(text: str) -> None:
    assert read(text) == (A, "", "")


@pytest.mark.parametrize(
    ("region", "text", "digits"),
    [
        ("DE", "030 123456 Durchwahl 12", "030123456"),
        ("ES", "912 345 678 extensión 12", "912345678"),
        ("PL", "22 123 45 67 wew. 12", "221234567"),
        ("RU", "8 (916) 123-45-67 доб. 12", "89161234567"),
        ("SE", "08-123 456 78 ankn 12", "0812345678"),
        ("KR", "02-555-0123 내선 12", "025550123"),
        ("CN", "010-12345678 分机 12", "01012345678"),
        ("US", "212-555-0123 extensions 100, 101", A),
        ("US", "212-555-0123 ext. 100 or 101", A),
    ],
)
def test_extensions_of_other_languages_are_no_part_of_the_number(region: str, text: str, digits: str) -> None:
    assert read(text, region) == (digits, "", "")


@pytest.mark.parametrize(
    ("region", "text", "digits"),
    [
        ("GB", "442079460958", "02079460958"),
        ("DE", "4917112345", "04917112345"),
        ("DE", "Tel. 030/123456", "030123456"),
        ("DE", "Mobil 0171/1234567 priv. 030/123456", "01711234567;030123456"),
        ("BE", "02/1234567, 03/1234567", "021234567;031234567"),
        ("NO", "22 33 44 55", "22334455"),
        ("DK", "22.33.44.55", "22334455"),
        ("IN", "022-12345678/79", "02212345678;02212345679"),
        ("MX", "044 55 5555 0123", "5555550123"),
        ("US", "+52 1 55 5555 0123", "525555550123"),
        ("FR", "0123456789", "0123456789"),
        ("US", "8888888888", "8888888888"),
    ],
)
def test_numbers_of_other_plans_are_read_as_their_people_write_them(region: str, text: str, digits: str) -> None:
    assert read(text, region) == (digits, "", "")


@pytest.mark.parametrize(("region", "text"), [("DE", "Zimmer 12345"), ("DE", "Postfach 123456"), ("GB", "Flat 20794")])
def test_a_possible_number_that_a_text_only_mentions_is_not_sent(region: str, text: str) -> None:
    assert read(text, region) == ("", "c: a text without a phone number, left out", "")


def test_digits_beside_an_area_code_are_no_part_of_it() -> None:
    assert read("Haus 5, 030 123456", "DE") == ("030123456", "", "c: text beside the number is not sent")


WORDS = st.sampled_from(["Unit 4B", "call", "after 5", "room 12", "ask for Jo", "pin 99", "3rd", "apt. 7", "M-F 9-5"])


NUMBERS = st.sampled_from([("212-555-0123", A), ("(646) 555 0199", B), ("+1 212.555.0123", A), (B, B)])


@unhurried
@given(
    st.lists(st.one_of(NUMBERS, WORDS), max_size=6).filter(lambda parts: any(isinstance(part, tuple) for part in parts))
)
def test_words_between_numbers_never_change_them(parts: list[tuple[str, str] | str]) -> None:
    text = " ".join(part if isinstance(part, str) else part[0] for part in parts)
    numbers = dict.fromkeys(part[1] for part in parts if isinstance(part, tuple))
    assert read(text)[:2] == (";".join(numbers), "")


TOKENS = st.sampled_from(
    [
        *"Unit 4B call after 5 12 1 123 400C x ext ext. 7 or and 0124".split(),  # noqa: SIM905
        *"M-F home mob, Tel: a b) 3rd 44 011 p w 212 fax".split(),  # noqa: SIM905
    ]
)


@settings(deadline=None, max_examples=examples(100, 3_000))
@given(
    st.lists(TOKENS, max_size=4),
    st.lists(TOKENS, max_size=4),
    st.sampled_from([A, "212-555-0123", "(212) 555-0123", "+1 646.555.0199", "999-999-9999", "+12125550123"]),
    st.sampled_from([" ", "  "]),
)
def test_the_frame_reads_a_number_among_words_as_one_by_one(
    before: list[str], after: list[str], number: str, space: str
) -> None:
    text = space.join([*before, number, *after])
    # A mark without a width keeps the value from the frame's expressions.
    assert read(text) == read(f"{text}\u200b")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("212-555-12O4", INVALID),
        ("2.13E+09", INVALID),
        ("Room 4155", INVALID),
        ("9999999999", EXCLUDED),
        ("n/a", EXCLUDED),
    ],
)
def test_a_contact_whose_number_cannot_be_read_is_left_alone_and_one_without_a_number_is_not_wanted(
    text: str, state: int
) -> None:
    made = rules(mapping={"Phone": Rule(Column("phone"))}, require=("Phone",))
    assert applied(made, phone=[text])[STATE].to_list() == [state]
