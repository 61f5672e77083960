"""A target client without a server: schemas, rows and entries of answers."""

from collections.abc import Callable
from typing import Any

import httpx

from syncd.core.schema import Field, Schema
from syncd.rest import Client
from syncd.target.contacts import Target

SCHEMA = Schema((Field(1, "External ID", is_match=True), Field(2, "Contact"), Field(3, "Phone", is_phone=True)))
BY_PHONE = Schema((Field(1, "Company", is_match=True), Field(2, "Phone", is_phone=True, is_match=True)))
Answerer = Callable[[httpx.Request], httpx.Response]


def a_target(answerer: Answerer, attempts: int = 2) -> Target:
    transport = httpx.MockTransport(answerer)
    return Target(
        Client("https://api.example.com/v1", headers={}, transport=transport, sleep=lambda _: None, attempts=attempts)
    )


def row(number: int | str) -> dict[str, str]:
    return {"External ID": str(number), "Contact": f"Invented Person {number}", "Phone": "2125550100"}


def rows(count: int) -> list[dict[str, str]]:
    return [row(number) for number in range(count)]


def entry(fields: dict[str, Any], id_: Any, action: str = "created") -> dict[str, Any]:
    return {"contact": {"id": id_, "fields": fields}, "action": action}
