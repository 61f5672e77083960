"""Upserts: bad rows cost few calls and never the other rows, and a failure loses nothing that is known."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.outcomes import WITHOUT_MATCH
from syncd.errors import AccessDenied, Stopped, TargetRefused, TargetUnavailable
from syncd.rest import Client
from syncd.target.contacts import Accepted, Refused, Target, Unknown, UpsertResult
from tests.examples import examples
from tests.worlds.target_server import SCHEMA, a_target, entry, row, rows


class Company:
    """A server that keeps contacts and refuses each External ID in ``bad``; ``style`` is the form of the refusal."""

    def __init__(self, bad: set[int], style: str) -> None:
        self.bad = {str(number) for number in bad}
        self.style = style
        self.ids: dict[str, int] = {}
        self.calls = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        sent = [item["fields"] for item in json.loads(request.content)["contacts"]]
        refused = [at for at, fields in enumerate(sent) if fields["External ID"] in self.bad]
        if refused and self.style.startswith("whole"):
            status = int(self.style[-3:])
            page = {"text": "<html>too large</html>"} if status == 413 else {"json": {"error": {"type": "BAD_ROW"}}}
            return httpx.Response(status, **page)
        kept = [] if refused and self.style.startswith("atomic") else sent
        contacts = [
            entry(fields, self.ids.setdefault(fields["External ID"], len(self.ids) + 1))
            for at, fields in enumerate(kept)
            if at not in refused
        ]
        errors = [] if self.style == "silent" else [self._error(at, sent[at]) for at in refused]
        summary = {"total": len(sent), "created": len(contacts), "updated": 0, "errors": len(refused)}
        return httpx.Response(200, json={"summary": summary, "contacts": contacts[::-1], "errors": errors})

    def _error(self, at: int, fields: dict[str, str]) -> Any:
        return {
            "index0": {"index": at, "message": "is not valid"},
            "index1": {"index": at + 1, "message": "is not valid"},
            "echo": {"contact": {"fields": fields}, "error": "is not valid"},
        }.get(self.style.removeprefix("atomic-"), "a row is not valid")


STYLES = ["index0", "index1", "echo", "text", "silent", "atomic-index0", "atomic-index1", "atomic-echo", "atomic-text"]
STYLES += ["whole400", "whole413", "whole422"]


@settings(max_examples=examples(40, 800), deadline=None)
@given(
    style=st.sampled_from(STYLES),
    count=st.sampled_from([1, 2, 3, 9, 64, 500]),
    bad=st.sets(st.integers(0, 499), max_size=12),
)
def test_bad_rows_cost_few_calls_and_never_the_others(style: str, count: int, bad: set[int]) -> None:
    bad = {number for number in bad if number < count}
    company = Company(bad, style)
    done = a_target(company).upsert_all(rows(count), SCHEMA)
    unaccepted = {at for at, outcome in enumerate(done.outcomes) if not isinstance(outcome, Accepted)}
    assert unaccepted == bad
    assert set(company.ids) == {str(number) for number in range(count) if number not in bad}
    assert all(isinstance(done.outcomes[at], Refused) for at in bad)
    assert done.calls == company.calls <= 2 * len(bad) * 9 + 1


def test_five_hundred_good_rows_cost_one_call() -> None:
    done = a_target(Company(set(), "text")).upsert_all(rows(500), SCHEMA)
    assert (done.calls, done.failure) == (1, None)


def folding(request: httpx.Request, seen: dict[str, int]) -> httpx.Response:
    sent = [item["fields"] for item in json.loads(request.content)["contacts"]]
    contacts = [entry(fields, seen.setdefault(fields["External ID"].lower(), len(seen) + 1)) for fields in sent]
    return httpx.Response(200, json={"contacts": contacts, "errors": []})


def test_of_two_rows_that_the_target_takes_for_one_the_first_stands_and_is_the_last_that_was_sent() -> None:
    requests: list[httpx.Request] = []
    seen: dict[str, int] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return folding(request, seen)

    done = a_target(answer).upsert_all([row("x"), row("a"), row("y"), row("A")], SCHEMA)
    assert [type(outcome) for outcome in done.outcomes] == [Accepted, Accepted, Accepted, Refused]
    twin = done.outcomes[3]
    assert isinstance(twin, Refused)
    assert twin.twin == 1
    assert [item["fields"] for item in json.loads(requests[-1].content)["contacts"]] == [row("a")]


@pytest.mark.parametrize(
    "reply",
    [
        {"status_code": 201},
        {"status_code": 200, "text": "<html></html>"},
        {"status_code": 200, "text": '{"contacts": ['},
        {"status_code": 200, "json": {"ok": True}},
        {"status_code": 200, "json": []},
    ],
)
def test_an_answer_that_tells_of_no_row_proves_nothing_and_ends_after_a_few(reply: dict[str, Any]) -> None:
    target = a_target(lambda _: httpx.Response(**reply))
    answer = target.upsert(rows(500), SCHEMA)
    assert answer.unreadable
    assert all(isinstance(outcome, Unknown) for outcome in answer.outcomes)
    done = target.upsert_all(rows(500), SCHEMA)
    assert done.calls <= 5
    assert isinstance(done.failure, TargetUnavailable)


def test_one_unreadable_answer_is_made_up_for() -> None:
    company, unread = Company(set(), "text"), [True]

    def answer(request: httpx.Request) -> httpx.Response:
        done = company(request)
        return httpx.Response(201) if unread and unread.pop() else done

    done = a_target(answer).upsert_all(rows(500), SCHEMA)
    assert (done.calls, done.failure) == (3, None)
    assert all(isinstance(outcome, Accepted) for outcome in done.outcomes)


def test_a_target_that_never_names_the_rows_is_given_up() -> None:
    target = a_target(lambda _: httpx.Response(200, json={"contacts": [{"contact": {"id": 7}}], "errors": []}))
    done = target.upsert_all(rows(500), SCHEMA)
    assert done.calls < 20
    assert isinstance(done.failure, TargetUnavailable)


@pytest.mark.parametrize(
    ("failing", "failure"),
    [
        (httpx.Response(401), AccessDenied),
        (httpx.Response(503), TargetUnavailable),
        (httpx.Response(404), TargetRefused),
        (httpx.ReadTimeout("slow"), TargetUnavailable),
    ],
)
def test_what_is_known_survives_a_failure_in_the_middle(failing: Any, failure: type[Exception]) -> None:
    company = Company({499}, "atomic-text")

    def answer(request: httpx.Request) -> httpx.Response:
        if company.calls < 3:
            return company(request)
        if isinstance(failing, Exception):
            raise failing
        return httpx.Response(failing.status_code)

    done: UpsertResult = a_target(answer).upsert_all(rows(500), SCHEMA)
    assert isinstance(done.failure, failure)
    kinds = {type(outcome) for outcome in done.outcomes[:250]}, {type(outcome) for outcome in done.outcomes[250:375]}
    assert kinds == ({Accepted}, {Unknown})


def test_stopping_in_the_middle_loses_nothing() -> None:
    client = Client("https://api.example.com", headers={}, transport=httpx.MockTransport(Company({3}, "whole422")))
    client._stopping.set()
    done = Target(client).upsert_all(rows(10), SCHEMA)
    assert isinstance(done.failure, Stopped)
    assert {type(outcome) for outcome in done.outcomes} == {Unknown}


@pytest.mark.parametrize("sent", [[], rows(501), [{"External ID": "  "}], [{"Contact": "Pat Example"}]])
def test_a_push_that_could_do_harm_is_never_sent(sent: list[dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="sent") as raised:
        a_target(lambda _: httpx.Response(500)).upsert(sent, SCHEMA)
    assert "Pat" not in str(raised.value)


@pytest.mark.parametrize("bad", [{}, {"External ID": "  "}, {"Contact": "Pat Example"}])
def test_a_contact_without_a_match_value_is_refused_here_and_the_others_are_sent(bad: dict[str, str]) -> None:
    company = Company(set(), "whole422")
    target = Target(Client("https://api.example.com", headers={}, transport=httpx.MockTransport(company)))
    done = target.upsert_all([*rows(2), bad], SCHEMA)
    assert [type(outcome) for outcome in done.outcomes] == [Accepted, Accepted, Refused]
    assert (done.calls, done.failure, done.unsent) == (1, None, False)
    alone = target.upsert_all([bad], SCHEMA)
    assert (alone.calls, alone.unsent, alone.outcomes) == (0, False, (Refused(WITHOUT_MATCH),))
