"""The meaning of an answer: rules in order, and the server's own words without private data."""

from typing import Any

import pytest

from connectors.http_parts.rules import LONGEST, Rule, Rules, clean, server_words
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    return Answer(status, body, is_json=True, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_the_first_rule_that_fits_counts() -> None:
    rules = Rules((Rule("empty", status=(304, 204)), Rule("full", when="error.code == 'EXPIRED'"), Rule("fail")))
    assert rules.judge(answer(204)) is not None
    assert [
        verdict.name if (verdict := rules.judge(each)) else None
        for each in (answer(304), answer(400, {"error": {"code": "EXPIRED"}}))
    ] == ["empty", "full"]
    last = rules.judge(answer(200, {"error": {"code": "OTHER"}}))
    assert last
    assert isinstance(last.error, SourceInvalid)


def test_an_error_inside_a_200_is_an_error() -> None:
    rules = Rules((Rule("fail", when="error"),), name="crm")
    verdict = rules.judge(answer(200, {"error": {"message": "Odoo Server Error"}}))
    assert verdict
    assert str(verdict.error) == 'crm answered with status 200: "Odoo Server Error"'
    assert rules.judge(answer(200, {"result": []})) is None


@pytest.mark.parametrize("status", [200, 201, 408, 425, 429, 500, 503])
def test_without_a_rule_these_are_left_to_the_client(status: int) -> None:
    assert Rules(()).judge(answer(status)) is None


@pytest.mark.parametrize(("status", "do"), [(401, "renew"), (403, "fail")])
def test_a_refused_key_says_what_to_do(status: int, do: str) -> None:
    verdict = Rules((), name="crm", key="check secrets.token").judge(answer(status, {"message": "no scope x.read"}))
    assert verdict
    assert (verdict.do, type(verdict.error)) == (do, SourceDenied)
    assert str(verdict.error) == f'crm answered with status {status}: "no scope x.read": check secrets.token'


def test_later_is_unavailable() -> None:
    verdict = Rules((Rule("later", status=(477,), message="it is being moved"),)).judge(answer(477))
    assert verdict
    assert isinstance(verdict.error, SourceUnavailable)
    assert "it is being moved" in str(verdict.error)


@pytest.mark.parametrize(
    ("rule", "told", "seconds"),
    [
        (Rule("wait", seconds=5), answer(400), 5),
        (Rule("wait"), answer(400, None, retry_after="7"), 7),
        (Rule("wait", after="X-Reset", unit=0.001), answer(400, None, x_reset="1500"), 1.5),
        (Rule("wait", after="X-Reset"), answer(400, None, x_reset="soon"), 0),
    ],
)
def test_a_wait_is_as_long_as_the_rule_or_the_server_says(rule: Rule, told: Answer, seconds: float) -> None:
    verdict = Rules((rule,)).judge(told)
    assert verdict
    assert (verdict.do, verdict.seconds) == ("wait", seconds)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "No such column 'Foo'", "errorCode": 1}, ": \"No such column '…'\""),
        ({"message": "No such column 'Area__c'"}, ": \"No such column 'Area__c'\""),
        ([{"message": "bad", "errorCode": "INVALID_FIELD"}], ', INVALID_FIELD: "bad"'),
        ({"error": "invalid_grant", "error_description": "expired"}, ', invalid_grant: "expired"'),
        ({"error": {"code": 410, "message": "Gone", "status": "GONE"}}, ', 410: "Gone"'),
        ({"code": "INVALID_TOKEN", "message": "invalid oauth token"}, ', INVALID_TOKEN: "invalid oauth token"'),
        ({"error": "Jane"}, ""),
        ({"unknown": 1}, ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_a_servers_words_are_shown(body: Any, words: str) -> None:
    assert server_words(answer(400, body), ["Area__c"]) == words


def test_what_may_be_private_is_not_shown() -> None:
    told = (
        "pat@example.com +1 (212) 555-0100 pat-na1-0123456789abcdef0123456789 scope crm.objects.contacts.read\nmissing"
    )
    assert clean(told) == "… … … scope crm.objects.contacts.read missing"
    assert clean("revoked on 2026-10-01, call 2125550100") == "revoked on 2026-10-01, call …"
    assert len(clean("x " * 1000)) == LONGEST


def test_a_secret_that_is_repeated_is_not_shown() -> None:
    verdict = Rules((), secrets=("hunter2",)).judge(answer(400, {"message": "the key hunter2 is wrong"}))
    assert verdict
    assert "hunter2" not in str(verdict.error)


def test_a_rule_comes_before_what_is_known_of_gateways() -> None:
    page = Answer(403, problem="a gateway answered with a page", headers={"content-type": "text/html"})
    assert Rules(()).judge(page) is None
    verdict = Rules((Rule("wait", status=(403,)),)).judge(page)
    assert verdict is not None
    assert verdict.do == "wait"
