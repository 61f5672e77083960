"""What people of several countries write into columns of numbers: no number is lost, changed or made up."""

from __future__ import annotations

import pytest

from tests.worlds.core_mapping import phone_of

CLEAN = [
    ("GB", "07700 900 123 07700 900 124", "07700900123;07700900124"),
    ("GB", "020 7946 0958 020 7946 0959", "02079460958;02079460959"),
    ("DE", "0171 1234567 0172 1234567", "01711234567;01721234567"),
    ("DE", "030 123456-0/-12", "0301234560;0301234512"),
    ("FR", "01 23 45 67 89 06 12 34 56 78", "0123456789;0612345678"),
    ("FR", "01 23 45 67 89 postes 12 à 15", "0123456789"),
    ("BE", "02/1234567 - 0475/12 34 56", "021234567;0475123456"),
    ("BR", "(11) 3555-0123 ramais 12 e 13", "1135550123"),
    ("BR", "(0xx11) 98555-0123", "11985550123"),
    ("MX", "55-5555-0123 EXT 100 AL 105", "5555550123"),
    ("AU", "0412 345 678 0412 345 679", "0412345678;0412345679"),
    ("JP", "03-5555-0123(内)12", "0355550123"),
    ("JP", "03-5555-0123/090-1234-5678", "0355550123;09012345678"),
    ("JP", "03-5555-0123、090-1234-5678", "0355550123;09012345678"),
    ("JP", "03-5555-0123または090-1234-5678", "0355550123;09012345678"),
    ("JP", "０３ー５５５５ー０１２３", "0355550123"),
    ("JP", "自宅03-5555-0123 携帯090-1234-5678", "0355550123;09012345678"),
    ("CN", "010-12345678转123", "01012345678"),
    ("CN", "13800138000或13900139000", "13800138000;13900139000"),
    ("CN", "微信13800138000", "13800138000"),
    ("RU", "8 916 123 45 67 8 495 123 45 67", "89161234567;84951234567"),
    ("RU", "8(495)123-45-67 вн. 12", "84951234567"),
    ("PL", "600 123 456 601 123 456", "600123456;601123456"),
    ("PL", "22 123 45 67 wewn. 12, 13", "221234567"),
    ("US", "212-555-0123/-0124", "2125550123;2125550124"),
    ("US", "212-555-0123 ext 100 through 105", "2125550123"),
    ("US", "212-555-0123 x100 or x101", "2125550123"),
    ("US", "212-555-0123 Ext No. 12", "2125550123"),
    ("US", "12125550123.0:3@s.whatsapp.net", "2125550123"),
    ("US", "https://api.whatsapp.com/send/?phone=12125550123&text=1", "2125550123"),
    ("US", "whatsapp://send?phone=12125550123", "2125550123"),
    ("US", "viber://chat?number=%2B12125550123", "2125550123"),
    ("US", "https://signal.me/#p/+12125550123", "2125550123"),
]


@pytest.mark.parametrize(("region", "text", "digits"), CLEAN, ids=[row[1] for row in CLEAN])
def test_numbers_are_read_as_their_people_write_them(region: str, text: str, digits: str) -> None:
    assert phone_of(text, region) == (digits, "", "")


BESIDE = [
    ("GB", "020 7946 0958 9-5", "02079460958"),
    ("FR", "Appt 12 01 23 45 67 89", "0123456789"),
    ("FR", "01 23 45 67 89 9h00-17h30", "0123456789"),
    ("ES", "912 345 678 de 9 a 14", "912345678"),
    ("IT", "Scala B int. 4 - 347 1234567", "3471234567"),
    ("MX", "Depto 4 55 5555 0123", "5555550123"),
    ("AU", "3/12 0412 345 678", "0412345678"),
    ("CN", "402室13800138000", "13800138000"),
    ("CN", "010-12345678-123", "01012345678"),
    ("BE", "02/123.45.67-68", "021234567"),
    ("RU", "с 9 до 18 8 916 123-45-67", "89161234567"),
    ("PL", "m. 12 600 123 456", "600123456"),
    ("PL", "ul. Długa 5/7 600123456", "600123456"),
    ("US", "212-555-0123-4", "2125550123"),
    ("US", "212-555-0123 e12", "2125550123"),
    ("US", "212-555-0123 and 2 others", "2125550123"),
    ("US", "212-555-0123 or 5", "2125550123"),
    ("US", "212-555-0123 and 24 hour line", "2125550123"),
    ("US", "212-555-0123/7 days", "2125550123"),
    ("US", "212-555-0123/24 hours", "2125550123"),
    ("US", "212-555-0123/4B", "2125550123"),
    ("US", "jane12@example.com/212-555-0123", "2125550123"),
    ("US", "2.12555E+9 / 212-555-0123", "2125550123"),
]


@pytest.mark.parametrize(("region", "text", "digits"), BESIDE, ids=[row[1] for row in BESIDE])
def test_digits_beside_a_number_neither_change_it_nor_make_another(region: str, text: str, digits: str) -> None:
    assert phone_of(text, region) == (digits, "", "c: text beside the number is not sent")


NONE = [
    ("US", "1/2/2020 10:30", "a date, a time"),
    ("US", "2020-01-02T13:45:00+00:00", "a date"),
    ("US", "10:30", "a time"),
    ("DE", "08:00 - 17:00", "a time"),
    ("DE", "01.02.80", "a date"),
    ("US", "01-02-80", "a date"),
    ("JP", "〒100-0001", "a text without a phone number"),
    ("US", "212-555-O123", "letters in the number"),
    ("US", "212-55S-0123", "letters in the number"),
    ("FR", "00 00 00 00 00", "a placeholder"),
]


@pytest.mark.parametrize(("region", "text", "problem"), NONE, ids=[row[1] for row in NONE])
def test_what_is_no_number_is_not_sent(region: str, text: str, problem: str) -> None:
    assert phone_of(text, region) == ("", f"c: {problem}, left out", "")


def test_two_numbers_without_an_area_code_are_two() -> None:
    for between in (" ", " / ", ", "):
        assert phone_of(f"555-0123{between}555-0124") == ("5550123;5550124", "c: too short", "")


def test_a_number_of_a_spreadsheet_keeps_its_digits() -> None:
    assert phone_of("4155.0")[0] == "4155"
    assert phone_of("2.125550123E+09, 6.465550199E+09") == ("2125550123;6465550199", "", "c: in scientific notation")
    assert phone_of("mobile 2.125550123E+09") == ("2125550123", "", "c: in scientific notation")
