"""The HTTP client: a long list of an answer is parsed record by record, and says what the whole answer would say."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.rest import Bounds, Client, Listed, bodies, bounds, listed, parts_of
from syncd.rest import received as received_
from syncd.rest.bounds import TOO_DENSE
from syncd.rest.received import LONG, Received
from tests.examples import examples
from tests.worlds.hostile import answer, hostile

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def received(text: bytes, **most: int) -> Received:
    found = Received(Bounds(**most), piecemeal=True)
    found.add(text)
    return found


def parsed(text: bytes, *within: str, **most: int) -> tuple[Any, str]:
    return listed.parse(received(text, **most), within, exact=True)


def plain(value: Any) -> Any:
    if isinstance(value, Listed):
        return list(value)
    return {key: plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@given(VALUES, st.lists(VALUES, max_size=20), st.booleans(), st.sampled_from([5, 16, 64, 1 << 18]))
def test_a_list_is_what_the_whole_answer_says(other: Any, records: list[Any], ascii_only: bool, window: int) -> None:
    text = json.dumps({"a": other, "b": {"c": records, "d": other}}, default=float, ensure_ascii=ascii_only, indent=1)
    content = text.encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listed, "_WINDOW", window)
        found, problem = parsed(content, "b", "c")
        whole, _ = bodies.parse(bytearray(content), exact=True)
        assert (plain(found), problem) == (whole, "")
        people = found["b"]["c"]
        assert (len(people), list(people)) == (len(records), whole["b"]["c"])
        kept = range(0, len(records), 2)
        assert list(people.only(kept)) == whole["b"]["c"][::2]
        assert sum(len(part) for part in parts_of(people)) == len(records)


@pytest.mark.parametrize("window", [5, 1 << 18])
@pytest.mark.parametrize(
    "cut", [b'{"p": [', b'{"p": [1', b'{"p": [1,', b'{"p": [{"a": 1', b'{"p": ["x', b'{"p": [1]', b""]
)
def test_an_answer_that_was_cut_off_is_none(monkeypatch: pytest.MonkeyPatch, cut: bytes, window: int) -> None:
    monkeypatch.setattr(listed, "_WINDOW", window)
    assert parsed(cut, "p") == (None, "the answer was cut off or is not JSON")


@pytest.mark.parametrize(
    "text", [b'{"p": [1} 2]}', b'{"p": [1]} x', b'{"p": [1 2]}', b"{1: 2}", b'{"p": [\xff]}', b"[1,]"]
)
def test_what_is_not_json_is_no_answer(text: bytes) -> None:
    assert parsed(text, "p")[1] == "the answer was cut off or is not JSON"
    assert parsed(text)[1] == "the answer was cut off or is not JSON"


def test_a_page_of_a_gateway_is_named() -> None:
    assert parsed(b"<html>", "p") == (None, bodies.PAGE)


@pytest.mark.parametrize("text", [b'{"p": {"a": 1}}', b'{"q": [1]}', b"[1.10]", b'"x"', b"7", b'{"p": 1.10}'])
def test_an_answer_without_the_list_is_what_it_says(text: bytes) -> None:
    assert parsed(text, "p") == (json.loads(text, parse_float=Decimal), "")


@pytest.mark.parametrize("number", ["0.0", "12345678.5", "-0.5", "1E+20", "1e-5"])
def test_a_number_may_be_cut_by_a_window_anywhere(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setattr(listed, "_WINDOW", 64)
    for pad in range(64):
        text = f'{{"z": "{"x" * pad}", "a": {number}, "p": [{number}, {{"x": {number}}}]}}'
        found, problem = parsed(text.encode(), "p")
        assert (plain(found), problem) == (json.loads(text, parse_float=Decimal), "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "utf-8-sig"])
def test_other_encodings_are_read_too(encoding: str) -> None:
    assert parsed('{"p": ["Zoë"]}'.encode(encoding), "p") == ({"p": ["Zoë"]}, "")


SHARE = examples(8, 1)
"""Which share of the bounds, and of the answers that exceed them, a normal run tries."""

HEAVY: dict[str, Callable[[], bytes]] = {
    "many keys": lambda: b'{"p": [{' + b",".join(b'"k%d": 1' % number for number in range(300_000 // SHARE)) + b"}]}",
    "nested lists": lambda: b'{"p": [[' + b"[[1]]," * (400_000 // SHARE) + b"1]]}",
    "decimals": lambda: b'{"p": [[' + b"1.5," * (600_000 // SHARE) + b"1]]}",
    "exponents": lambda: b'{"p": [[' + b"1e39," * (200_000 // SHARE) + b"1]]}",
    "a text": lambda: b'{"p": ["' + b"x" * (20_000_000 // SHARE) + b'"]}',
    "a wide text": lambda: b'{"p": ["' + b"x" * (8_000_000 // SHARE) + "\U0001f600".encode() + b'"]}',
    "escapes": lambda: b'{"p": ["' + b"\\ud83d\\ude00" * (600_000 // SHARE) + b'"]}',
    "empty records": lambda: b'{"p": [' + b"{}," * (600_000 // SHARE) + b"{}]}",
    "beside the list": lambda: b'{"p": [], "q": [' + b"[1]," * (600_000 // SHARE) + b"1]}",
    "members": lambda: b"{" + b",".join(b'"k%d": [{}]' % number for number in range(200_000 // SHARE)) + b"}",
}


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return ``max_answer``; other bounds that depend on the size of an answer are smaller too."""
    for module, name in ((bounds, "MEMORY"), (received_, "LONG"), (received_, "_IN_MEMORY"), (listed, "_WINDOW")):
        monkeypatch.setattr(module, name, vars(module)[name] // SHARE)
    return Bounds().max_answer // SHARE


@pytest.mark.parametrize("name", HEAVY)
def test_what_would_take_too_much_memory_is_refused(name: str, share: int) -> None:
    assert parsed(HEAVY[name](), "p", max_answer=share) == (None, TOO_DENSE)


def test_a_greater_bound_lets_more_in(share: int) -> None:
    found, problem = parsed(HEAVY["empty records"](), "p", max_answer=4 * share)
    assert (len(found["p"]), problem) == (600_000 // SHARE + 1, "")


def test_deep_records_are_refused() -> None:
    assert parsed(b'{"p": [1, ' + b"[" * 110 + b"]" * 110 + b"]}", "p") == (None, bodies.TOO_DEEP)
    assert parsed(b'{"q": ' + b"[" * 110 + b"]" * 110 + b"}", "p") == (None, bodies.TOO_DEEP)
    assert parsed(b'{"p": [' + b"[" * 90 + b"]" * 90 + b"]}", "p")[1] == ""


@pytest.mark.parametrize("status", [200, 422])
def test_the_client_parses_a_long_list_piece_by_piece(status: int) -> None:
    people = [{"id": number, "name": "Ann Example", "phone": "2125550100"} for number in range(150_000)]
    with (
        hostile(lambda connection, _: answer(connection, {"people": people}, status=status)) as server,
        Client(server.url, headers={}) as client,
    ):
        found = client.request("GET", "/x", returned={422}, within=("people",))
        short = client.request("GET", "/x", returned={422})
    assert len(json.dumps(people)) > LONG
    # A refusal holds no list, and whoever shows its words looks into all of it.
    assert found.is_json == (status == 200)
    assert not short.is_json
    if status == 200:
        assert isinstance(found.body["people"], Listed)
        assert list(found.body["people"]) == people
