"""The options of the sink ``rest``: what they must agree on, and what they make a sink able to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.rest_out.options import RestOutOptions
from connectors.rest_out.sink import RestOut
from syncd.config import load
from syncd.config.yaml_tree import read_plain
from syncd.sink import SinkRules, Wants

ROOT = Path(__file__).parents[3]

CALLS: dict[str, Any] = {
    "record": {"title": "{title}"},
    "create": {"method": "POST", "path": "/calls", "body": "{record}"},
}
LEAST: dict[str, Any] = {"base_url": "https://crm.example.com", "check": {"request": {"path": "/me"}}, "calls": CALLS}


def options(**said: Any) -> RestOutOptions:
    return RestOutOptions.model_validate({**LEAST, **said}, context={"read_yaml": read_plain})


def calls(**said: Any) -> dict[str, Any]:
    return {"calls": {**CALLS, **said}}


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no kind": ({"calls": None}, "neither calls nor messages"),
    "no address": ({"base_url": None}, "base_url is missing"),
    "plain http": ({"base_url": "http://crm.example.com"}, "plain http"),
    "no such value": (calls(record={"title": "{titel}"}), "calls.record uses {titel}.*did you mean 'title'"),
    "a secret in a record": (
        {"secrets": {"key": "k"}, "auth": {"headers": {"X": "{key}"}}, **calls(record={"title": "{key}"})},
        "calls.record uses {key}, which is none of its variables",
    ),
    "a secret in a path": (
        {"secrets": {"key": "k"}, "check": {"request": {"path": "/me/{key}"}}},
        "check.path uses the secret {key}",
    ),
    "both ways to make a record": (calls(upsert=CALLS["create"]), "either create or upsert"),
    "no way to make a record": (calls(create=None), "either create or upsert"),
    "an upsert by nothing": (calls(create=None, upsert=CALLS["create"]), "upsert uses no {identity}"),
    "a field that is none": (calls(once=["subject"]), "once names subject"),
    "a read for nothing": (calls(read={"request": {"path": "/calls/{id}"}}), "read is of no use"),
    "a path with a gap": (
        calls(complete={"request": {"path": "/people/{contact}"}, "values": {"lead": "lead"}}),
        "complete.request.path uses {contact}, which some activities lack: add it to calls.needs",
    ),
    "a need that is none": (calls(needs=["contct"]), "calls.needs names contct.*did you mean 'contact'"),
    "a value of nothing": (calls(values={"begin": {"form": "iso"}}), "one of time, of, number and text"),
    "a time zone that is none": (calls(values={"day": {"time": "start_time", "zone": "Mars"}}), "no time zone"),
    "a value of another": (calls(values={"a": "{title}", "b": "{a}"}), "calls.values.b uses {a}"),
    "a variable that is used nowhere": ({"vars": {"region": "eu"}}, "vars.region is used nowhere"),
    "a condition with a gap": (
        calls(find={"request": {"path": "/calls"}, "same": {"at": "{begin}"}}),
        "calls.find.same uses {begin}",
    ),
    "no such preset": ({"preset": "pipedrve"}, "is no preset.*did you mean 'pipedrive'"),
    "a preset without what it needs": ({"preset": "close"}, "the preset close needs secrets.api_key"),
    "a country that is none": ({"country": "+1"}, "pattern"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(name: str) -> None:
    said, words = MISTAKES[name]
    with pytest.raises(ValidationError, match=words.replace("{", r"\{")):
        options(**{key: value for key, value in said.items() if value is not None or key in LEAST})


ABLE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "create": (calls(), set()),
    "update": (calls(update={"method": "PUT", "path": "/calls/{id}", "body": "{record}"}), {"updates"}),
    "upsert": (
        calls(create=None, upsert={"method": "PUT", "path": "/calls/{identity}", "body": "{record}"}),
        {"updates", "idempotent"},
    ),
    "find": (calls(find={"request": {"path": "/calls"}, "same": {"title": "{title}"}}), {"finds"}),
    "associate": (calls(associate={"method": "PUT", "path": "/calls/{id}/people/{contact}"}), {"associates"}),
    "erase": ({"erase": {"request": {"method": "DELETE", "path": "/calls/{id}"}}}, {"erases"}),
    "contact": (
        {"contact": {"search": {"request": {"path": "/people"}}, "create": {"method": "POST", "path": "/people"}}},
        {"makes_contacts"},
    ),
}


@pytest.mark.parametrize("name", ABLE)
def test_a_sink_can_do_what_is_declared(name: str) -> None:
    said, able = ABLE[name]
    wants = RestOut("crm", options(**said), SinkRules(messages=None)).wants()
    flags = {"updates", "idempotent", "finds", "erases", "makes_contacts", "associates"}
    assert {flag for flag in flags if getattr(wants, flag)} == able


def test_one_kind_that_is_no_upsert_makes_the_sink_one_that_sends_once() -> None:
    upsert = {"method": "PUT", "path": "/calls/{identity}", "body": "{record}"}
    model = options(messages=CALLS, **calls(create=None, upsert=upsert))
    assert not RestOut("crm", model, SinkRules()).wants().idempotent
    assert RestOut("crm", model, SinkRules(messages=None)).wants().idempotent


def test_the_example_with_every_option_loads() -> None:
    path = ROOT / "config" / "sinks" / "rest.yaml"
    settings = load(path, {"VOCATECH_API_KEY": "k", "CRM_KEY": "k"})
    assert settings.sinks["crm"].connect().wants() == Wants(
        batch=1, idempotent=False, finds=True, erases=True, makes_contacts=True, associates=True
    )
