"""``syncd whois``: a number is found in the form of every source, and wrong input is refused, not guessed at."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.tenants import ANN, BOB
from tests.worlds.world import World


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Sources of the United States: Ann and Bob have local numbers, Fay has one of London."""
    world.write([ANN, BOB, ("3", "Fay Lone", "+44 20 7946 0018"), ("", "Guy Nokey", "2125550104")])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


@pytest.mark.parametrize(
    "words",
    [
        ("+44 20 7946 0018",),
        ("020 7946 0018", "--region", "GB"),
        ("020 7946 0018", "--region", "gb"),
        ("+44 20 7946 0018", "--region", "GB"),
        ("00 44 20 7946 0018", "--region", "DE"),
    ],
)
def test_a_number_is_found_in_the_form_of_the_source_wherever_it_is_written(
    office: World, syncd: Command, words: tuple[str, ...]
) -> None:
    code, out, err = syncd("whois", *words, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["number"], [each["name"] for each in found["contacts"]]) == ("442079460018", ["Fay Lone"])


def test_a_number_of_one_sources_region_is_found_as_another_source_sends_it(
    world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sources["tenants"]["phones"] = {"region": "GB"}
    world.write([("1", "Ann", "020 7946 0018"), ("2", "Bob", "+49 30 23125000")])
    world.run()
    monkeypatch.chdir(world.folder)
    code, out, _ = syncd("whois", "030 23125000", "--region", "DE", "--json")
    assert (code, [each["name"] for each in json.loads(out)["contacts"]]) == (0, ["Bob"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("+12125550101 or 2125550102",), "NUMBER: this is more than one number: write one number"),
        (("2125550101, 2125550102",), "NUMBER: this is more than one number: write one number"),
        (
            ("212-555-O101",),
            "NUMBER: there are letters in the number: write its digits, such as +1 212 555 0101",
        ),
        (
            ("212", "555", "0101"),
            'NUMBER: this is more than one word: put the number in quotes, such as "212 555 0101"',
        ),
        (
            ("2125550101", "--region", "UK"),
            "--region 'UK': is not a region: write a two-letter country code such as US or DE (did you mean 'GB'?)",
        ),
    ],
)
def test_wrong_input_is_refused_and_not_quoted(
    office: World, syncd: Command, words: tuple[str, ...], says: str
) -> None:
    code, out, err = syncd("whois", *words)
    assert (code, out, errors(err)) == (2, "", [says])


@pytest.mark.parametrize("written", ["212 555", "555-0101", "+999 123 4567"])
def test_a_number_that_cannot_exist_is_looked_up_and_said_to_be_none(
    office: World, syncd: Command, written: str
) -> None:
    code, out, _ = syncd("whois", written)
    assert (code, " (no possible number) shows nobody" in out.splitlines()[0]) == (0, True)
    assert json.loads(syncd("whois", written, "--json")[1])["possible"] is False


@pytest.mark.parametrize("written", ["101", "911", "ext. 101", "1-800-FLOWERS", "Tel. 212-555-0101 (home)"])
def test_extensions_and_words_beside_or_in_place_of_digits_are_possible(
    office: World, syncd: Command, written: str
) -> None:
    code, out, _ = syncd("whois", written)
    assert (code, "no possible number" in out) == (0, False)


def test_a_row_without_a_key_is_called_that(office: World, syncd: Command) -> None:
    out = syncd("whois", "2125550104")[1]
    assert "Guy Nokey (tenants, a row without a key)" in out
