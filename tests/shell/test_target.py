"""The target: what an answer proves of each row, and how few calls it takes to know of all."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.outcomes import judge, match_keys
from syncd.core.refusal_text import reason
from syncd.core.schema import Field, Schema
from syncd.errors import AccessDenied, SchemaError, Stopped, TargetRefused, TargetUnavailable
from syncd.rest import Client
from syncd.sandbox.server import Sandbox
from syncd.target.contacts import Accepted, Refused, Target, Unknown, Upserted
from tests.examples import examples

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


def proves(sent: list[dict[str, str]], body: Any, schema: Schema = SCHEMA) -> list[str]:
    """Each row's outcome as a word."""
    outcomes = judge(match_keys(sent, schema), body, schema)
    return [type(outcome).__name__.lower() for outcome in outcomes]


class Company:
    """A server that keeps contacts, refuses the rows whose External ID is in ``bad``, and says so in one ``style``."""

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["0", "1", "2"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({"External ID": st.sampled_from(["0", "1", " 2 ", "9", 1, None])}) | JSON
ENTRIES = st.fixed_dictionaries(
    {"contact": st.fixed_dictionaries({"id": st.integers(0, 3) | JSON, "fields": FIELDS}) | JSON},
    optional={"action": st.sampled_from(["created", "error"]) | JSON, "error": JSON},
)
ERRORS = st.fixed_dictionaries(
    {}, optional={"index": st.integers(-1, 4) | JSON, "row": JSON, "fields": FIELDS, "message": JSON, "error": JSON}
)
BODIES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "contacts": st.lists(ENTRIES | JSON, max_size=5) | JSON,
        "errors": st.lists(ERRORS | JSON, max_size=4) | JSON,
        "summary": st.fixed_dictionaries({"errors": st.integers(0, 4) | JSON}) | JSON,
    },
)


def ids_named(body: Any) -> set[str]:
    """Every External ID that the contacts of an answer hold."""
    found = set()
    for item in body.get("contacts") or [] if isinstance(body, dict) else []:
        contact = item.get("contact", item) if isinstance(item, dict) else None
        fields = contact.get("fields") if isinstance(contact, dict) else None
        found |= {str(fields.get("External ID")).strip()} if isinstance(fields, dict) else set()
    return found


@settings(max_examples=examples(100, 2_500), deadline=None)
@given(body=BODIES, count=st.integers(1, 3))
def test_no_answer_breaks_the_judge_and_none_accepts_a_row_that_it_does_not_name(body: Any, count: int) -> None:
    if isinstance(body, dict) and not isinstance(body.get("contacts", []), list):
        body["contacts"] = []
    outcomes = judge(match_keys(rows(count), SCHEMA), body, SCHEMA)
    named = ids_named(body)
    assert len(outcomes) == count
    assert all(str(at) in named for at, outcome in enumerate(outcomes) if isinstance(outcome, Accepted))
    for outcome in outcomes:
        assert not isinstance(outcome, Refused) or "Invented" not in outcome.reason


def test_a_row_is_found_by_its_match_values_and_never_by_its_position() -> None:
    assert proves(rows(2), {"contacts": [entry(row(1), 8), entry(row(0), 7)]}) == ["accepted", "accepted"]
    assert proves(rows(2), {"contacts": [entry(row(5), 7), entry(row(6), 8)]}) == ["unknown", "unknown"]
    assert proves(rows(1), {"contacts": [entry({"External ID": "00"}, 7)], "errors": []}) == ["unknown"]


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        ({"Company": " Acme ", "Phone": "2125550100"}, {"Company": "Acme", "Phone": "2125550100"}),
        ({"Company": "Café", "Phone": "2125550100"}, {"Company": "Cafe\u0301", "Phone": "2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100"}, {"Company": "ACME", "Phone": "2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100;2125550101"}, {"Company": "Acme", "Phone": "2125550101;2125550100"}),
        ({"Company": "Acme", "Phone": "2125550100"}, {"Company": "Acme", "Phone": "+1 (212) 555-0100"}),
        ({"Company": "42", "Phone": "2125550100"}, {"Company": 42, "Phone": 12125550100}),
    ],
)
def test_match_values_are_compared_loosely(sent: dict[str, str], returned: dict[str, Any]) -> None:
    assert proves([sent], {"contacts": [entry(returned, 7)]}, BY_PHONE) == ["accepted"]


def test_case_decides_only_where_it_is_not_needed_to_tell_rows_apart() -> None:
    answer = {"contacts": [entry(row("ABC"), 7)]}
    assert proves([row("abc")], answer) == ["accepted"]
    assert proves([row("abc"), row("Abc")], answer) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    "item",
    [
        entry(row(0), None),
        entry(row(0), 0),
        entry(row(0), True),
        entry(row(0), 7, "error"),
        entry(row(0), 7, "skipped"),
        {**entry(row(0), 7), "error": "x"},
        {"contact": None, "action": "error"},
        {"contact": {"id": 7}},
        7,
    ],
)
def test_an_entry_without_an_id_or_with_a_failure_accepts_nothing(item: Any) -> None:
    assert proves(rows(2), {"contacts": [item]}) == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("missing", "errors", "expected"),
    [
        ({3}, [{"index": 3}], {3}),  # read from 1 it would mean row 2, which is there
        ({3}, [{"index": 4}], {3}),
        ({3}, [{"index": 9}], set()),
        ({0, 4}, [{"index": 0}, {"index": 4}], {0, 4}),
        ({0, 4}, [{"row": 1}, {"row": 5}], {0, 4}),
        ({2, 3}, [{"index": 3}], set()),  # row 3 from 0, or row 2 from 1
        ({1, 2, 3}, [{"index": 2}, {"index": 3}], {2}),  # rows 2 and 3, or rows 1 and 2
        ({3}, ["row 3 is not valid"], set()),
        ({3}, [{"fields": {"External ID": "3"}}], {3}),
        ({3}, [{"fields": {"External ID": "2"}}], set()),
        ({2, 3}, [{"index": True}], set()),
        ({3, 4}, [{"index": 3}, {"index": 3}], {3}),
    ],
)
def test_an_error_is_tied_to_a_row_only_beyond_doubt(missing: set[int], errors: list[Any], expected: set[int]) -> None:
    contacts = [entry(row(number), number + 1) for number in range(5) if number not in missing]
    got = proves(rows(5), {"summary": {"errors": len(errors)}, "contacts": contacts, "errors": errors})
    assert {at for at, word in enumerate(got) if word == "refused"} == expected
    assert {at for at, word in enumerate(got) if word == "unknown"} == missing - expected


def test_a_summary_that_disagrees_makes_positions_no_proof() -> None:
    contacts = [entry(row(0), 1), entry(row(1), 2)]
    answer = {"summary": {"errors": 2}, "contacts": contacts, "errors": [{"index": 2}]}
    assert proves(rows(3), answer) == ["accepted", "accepted", "unknown"]
    echoed = {**answer, "errors": [{"fields": row(2)}]}
    assert proves(rows(3), echoed) == ["accepted", "accepted", "refused"]


def test_a_failure_told_by_the_summary_alone_refuses_a_single_row() -> None:
    assert proves(rows(1), {"summary": {"errors": 1}, "contacts": [], "errors": []}) == ["refused"]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"index": 1, "message": "Phone is too long (max 50)"}, "refused by Vocatech: Phone is too long (max 50)"),
        ("Contact 'Pat Example' already exists", "refused by Vocatech: Contact '…' already exists"),
        ({"error": {"type": "VALIDATION_ERROR", "message": "212-555-0100"}}, "refused by Vocatech: VALIDATION_ERROR"),
        ({"message": "Pat.Long@example.com"}, "refused by Vocatech, which gave no reason"),
        (None, "refused by Vocatech, which gave no reason"),
    ],
)
def test_a_reason_is_told_in_the_targets_words_without_any_data(item: Any, text: str) -> None:
    assert reason(item, SCHEMA) == text


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


@pytest.mark.parametrize("status", [301, 307, 404, 405, 410])
def test_an_address_without_fields_is_a_mistake_of_the_configuration(status: int) -> None:
    with pytest.raises(SchemaError, match=f"status {status}.*check target.base_url"):
        a_target(lambda _: httpx.Response(status, headers={"location": "/"})).fields()


@pytest.mark.parametrize("status", [400, 409, 422])
def test_fields_that_are_refused_otherwise_are_no_mistake_of_the_configuration(status: int) -> None:
    with pytest.raises(TargetRefused):
        a_target(lambda _: httpx.Response(status, json={})).fields()


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

    done: Upserted = a_target(answer).upsert_all(rows(500), SCHEMA)
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


@pytest.mark.parametrize("ids", [[], list(range(1, 502)), [0], [-1]])
def test_a_delete_that_could_mean_all_is_never_sent(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="ids"):
        a_target(lambda _: httpx.Response(500)).delete(ids)


class Shelf:
    """A server that deletes ids, and answers an unknown one by one ``rule``."""

    def __init__(self, ids: set[int], rule: str) -> None:
        self.ids = set(ids)
        self.rule = rule
        self.deletes = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            listed = [{"id": id_, "fields": {}} for id_ in sorted(self.ids)]
            return httpx.Response(200, json={"contacts": listed, "meta": {"total_pages": 1}})
        self.deletes += 1
        body = json.loads(request.content)
        asked = set(body.get("ids") or [body["id"]])
        unknown = asked - self.ids
        if unknown and self.rule == "nothing":
            return httpx.Response(404, json={"error": {"type": "RESOURCE_NOT_FOUND"}})
        self.ids -= asked
        if unknown and self.rule == "partial":
            return httpx.Response(200, json={"errors": [{"id": id_} for id_ in unknown]})
        return httpx.Response(404, json={"error": {}}) if unknown and self.rule == "said" else httpx.Response(204)


@settings(max_examples=30, deadline=None)
@given(rule=st.sampled_from(["nothing", "said", "silent"]), gone=st.sets(st.integers(1, 400), max_size=5))
def test_ids_that_are_gone_already_do_not_keep_the_others(rule: str, gone: set[int]) -> None:
    shelf = Shelf(set(range(1, 401)) - gone, rule)
    done = a_target(shelf).delete_all(list(range(1, 401)))
    assert set(done.fates.values()) == {"deleted"}
    assert shelf.ids == set()
    assert shelf.deletes <= 2 * len(gone) * 9 + 1


def test_a_delete_that_is_refused_for_good_is_refused_alone() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        return httpx.Response(409 if 3 in (body.get("ids") or [body["id"]]) else 204)

    done = a_target(answer).delete_all([1, 2, 3, 4, 5])
    assert done.fates == {1: "deleted", 2: "deleted", 3: "refused", 4: "deleted", 5: "deleted"}
    assert list(done.reasons) == [3]


def test_a_page_of_a_gateway_deletes_nothing() -> None:
    done = a_target(lambda _: httpx.Response(200, text="<html></html>")).delete_all([7])
    assert done.fates == {7: "unknown"}


@pytest.mark.parametrize("body", [{}, {"fields": 7}, {"fields": [{"id": []}]}, {"fields": [{"name": "A", "id": [1]}]}])
def test_a_schema_of_another_form_is_an_error(body: Any) -> None:
    with pytest.raises(SchemaError):
        a_target(lambda _: httpx.Response(200, json=body)).fields()


def listing(pages: list[list[int]], total: int | None, past_end: int = 200) -> Answerer:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        if page > len(pages) and past_end == 404:
            return httpx.Response(404, json={"error": {}})
        ids = pages[page - 1] if page <= len(pages) else []
        meta = {} if total is None else {"total_pages": len(pages), "total_contacts": total}
        return httpx.Response(200, json={"contacts": [{"id": id_, "fields": {}} for id_ in ids], "meta": meta})

    return answer


@pytest.mark.parametrize("total", [5, None])
@pytest.mark.parametrize("past_end", [200, 404])
def test_every_page_is_read_whatever_ends_the_list(total: int | None, past_end: int) -> None:
    target = a_target(listing([[1, 2], [3, 4], [5]], total, past_end))
    assert [contact.id for contact in target.contacts()] == [1, 2, 3, 4, 5]
    assert target.total == 5


@pytest.mark.parametrize("pages", [[[1, 2], [2, 3]], [[1, 2], [1, 2]], [[1], []]])
def test_a_list_that_does_not_add_up_is_not_taken_for_whole(pages: list[list[int]]) -> None:
    with pytest.raises(TargetUnavailable):
        a_target(listing(pages, 4)).contacts()


def shuffled(total: int) -> tuple[Target, list[int]]:
    """A target that lists ninety contacts, two a page, in another order for each page; and the pages asked for."""
    draw, asked = Random(1), list[int]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(int(request.url.params["page"]))
        meta = {"total_contacts": total, "total_pages": 45}
        page = [{"id": number, "fields": {}} for number in draw.sample(range(1, 91), 2)]
        return httpx.Response(200, json={"contacts": page, "meta": meta})

    return a_target(answer), asked


def test_a_list_in_another_order_each_time_is_read_until_all_were_seen() -> None:
    target, asked = shuffled(total=90)
    assert {contact.id for contact in target.contacts()} == set(range(1, 91))
    assert 4 < asked.count(1) <= 16


def test_a_list_that_never_comes_to_its_own_count_is_given_up() -> None:
    target, asked = shuffled(total=91)
    with pytest.raises(TargetUnavailable, match="incomplete 16 times"):
        target.contacts()
    assert asked.count(1) == 16


def test_a_server_that_repeats_one_page_for_ever_is_noticed() -> None:
    page = {"contacts": [{"id": 1, "fields": {}}]}
    with pytest.raises(TargetUnavailable):
        a_target(lambda _: httpx.Response(200, json=page)).contacts()


DIALECTS = [
    {},
    *({"errors": shape} for shape in ("index1", "row", "nested", "unindexed", "strings", "contact", "fields", "none")),
    {"atomic": "all"},
    {"atomic": "all", "errors": "strings", "failed_status": "422"},
    {"contacts": "shuffled"},
    {"contacts": "full", "errors": "strings"},
    {"contacts": "echoed", "errors": "none"},
    {"failed_status": "400"},
    {"failed_status": "422", "failed_body": "error"},
    {"errors_summary": "zero"},
    {"errors_summary": "extra"},
    {"returned": "sent"},
    {"phone_us": "11"},
    {"body_size": "64kb"},
    {"delete_status": "200"},
    {"delete_unknown": "404"},
    {"delete_unknown": "partial"},
    {"delete_unknown": "all_or_nothing"},
    {"delete_cap": "100"},
    {"list_order": "newest"},
    {"list_order": "unstable"},
    {"past_end": "404"},
    {"empty_fields": "absent"},
]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(limits=None, seed=300) as opened:
        yield opened


@pytest.mark.parametrize("dialects", DIALECTS, ids=str)
def test_every_dialect_of_the_target_is_understood(box: Sandbox, dialects: dict[str, str]) -> None:
    usual = {name: box._dialects[name] for name in dialects}
    for name, value in dialects.items():
        box.dialect(name, value)
    box.arm({"kind": "poison", "value": "poisoned"})
    try:
        with Client(box.url, headers={"Authorization": f"Bearer {box.key}"}) as client:
            push_and_delete(Target(client))
    finally:
        box.disarm()
        for name, value in usual.items():
            box.dialect(name, value)


def push_and_delete(target: Target) -> None:
    schema = target.fields()
    before = len(target.contacts())
    sent = [
        {name: "2125550100;2125550101" if name in schema.phones else f"{name} {number}" for name in schema.names}
        for number in range(300)
    ]
    for number in (3, 150):
        sent[number]["Contact"] = "poisoned"
    done = target.upsert_all(sent, schema)
    assert {at for at, outcome in enumerate(done.outcomes) if isinstance(outcome, Refused)} == {3, 150}
    assert done.failure is None
    assert done.calls <= 2 * 2 * 9 + 1
    ids = [outcome.id for outcome in done.outcomes if isinstance(outcome, Accepted)]
    assert len(target.contacts()) == before + 298
    deleted = target.delete_all([*ids, 999_999])
    assert set(deleted.fates.values()) == {"deleted"}
    assert len(target.contacts()) == before
