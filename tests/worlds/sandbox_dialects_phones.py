"""Shows of the dialects of stored phones."""

from __future__ import annotations

from typing import Any

from tests.worlds.sandbox_dialects import Shows, world

PHONES = Shows()


def stored(name: str, value: str, phones: str) -> str:
    with world(name, value) as held:
        held.push({"External ID": "1", "Phone": phones})
        return held.held()[0].get("Phone", "") if held.held() else "refused"


@PHONES.shows("phone_us", kept="12125550101;2125550102", _10="2125550101;2125550102", _11="12125550101;12125550102")
def _(name: str, value: str) -> Any:
    return stored(name, value, "+1 (212) 555-0101;212.555.0102")


@PHONES.shows("extension", append="212555010112", drop="2125550101", error="refused")
def _(name: str, value: str) -> Any:
    return stored(name, value, "212-555-0101 x12")


@PHONES.shows("bad_phone", keep="2125550101;55", empty="2125550101", error="refused")
def _(name: str, value: str) -> Any:
    return stored(name, value, "2125550101;55")


@PHONES.shows("phone_order", keep="7185550101;2125550102", sorted="2125550102;7185550101")
def _(name: str, value: str) -> Any:
    return stored(name, value, "7185550101;2125550102")


@PHONES.shows("phone_count", unlimited=4, cut=3, refused=1)
def _(name: str, value: str) -> Any:
    return len(stored(name, value, ";".join(f"212555010{number}" for number in range(4))).split(";"))


@PHONES.shows("phone_comma", joins="21255501017185550102", splits="2125550101;7185550102")
def _(name: str, value: str) -> Any:
    return stored(name, value, "2125550101,7185550102")
