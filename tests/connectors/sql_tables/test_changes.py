"""What has changed is written, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sql_tables.sessions import MySqlSession
from syncd.sink import CallRules
from tests.contract.sink_rows import call, message, segment
from tests.contract.sinks import accepted, deliver, item
from tests.worlds.sql_tables import TABLES, records_in, rows_in, sink_on

MARKS = {
    "mysql": "ALTER TABLE {0} ADD written timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) "
    "ON UPDATE CURRENT_TIMESTAMP(6)",
    "sqlite": "CREATE TRIGGER written_{0} AFTER UPDATE ON {0} BEGIN INSERT INTO written VALUES ('{0}'); END",
}
"""What shows that a row of a table was written to."""


def prepare(server: Any) -> None:
    with sink_on(server.url) as sink:
        sink.prepare()


def watch(server: Any) -> None:
    """Make the tables, and let each show when its rows are written to."""
    prepare(server)
    if server.kind == "sqlite":
        server.run("CREATE TABLE written (name text)")
    if server.kind in MARKS:
        server.run(*(MARKS[server.kind].format(name) for name in TABLES.values()))


def versions(server: Any, role: str) -> list[tuple[Any, ...]]:
    """What changes when any row of a table is inserted, updated, locked or deleted."""
    table = TABLES[role]
    if server.kind == "postgresql":
        found = server.run(f"SELECT ctid::text, xmin::text, xmax::text FROM {table} ORDER BY ctid")
    elif server.kind == "mysql":
        found = server.run(f"SELECT written FROM {table}")
    else:
        found = server.run(f"SELECT name FROM written WHERE name = '{table}'")
    return [*found, *server.run(f"SELECT count(*) FROM {table}")]


ROWS = [*(call(number, segments=[segment(1)]) for number in range(310)), *(message(number) for number in range(10))]
"""More calls than keys stand in one statement."""


def test_a_second_delivery_touches_no_row(server: Any) -> None:
    watch(server)
    with sink_on(server.url) as sink:
        accepted(sink, *ROWS)
        before = {role: versions(server, role) for role in TABLES}
        assert [rows[-1] for rows in before.values()] == [(310,), (310,), (10,), (10,), (330,)]
        accepted(sink, *ROWS)
    with sink_on(server.url) as other:
        accepted(other, *reversed(ROWS))
    assert {role: versions(server, role) for role in TABLES} == before


def test_only_the_row_that_has_changed_is_written(server: Any) -> None:
    watch(server)
    with sink_on(server.url) as sink:
        accepted(sink, *ROWS)
        before = {role: versions(server, role) for role in TABLES}
        accepted(sink, *ROWS[1:], {**ROWS[0], "remote_name": ROWS[0]["remote_name"].upper()})
    after = {role: versions(server, role) for role in TABLES}
    assert rows_in(server, "calls")[0]["remote_name"] == ROWS[0]["remote_name"].upper()
    assert after.pop("calls") != before.pop("calls")
    assert after == before


def test_parts_that_an_activity_no_longer_has_are_removed(server: Any) -> None:
    many = [segment(n) for n in range(1, 4)]
    with sink_on(server.url) as sink:
        accepted(sink, *(call(number, segments=many) for number in range(310)), message())
        fewer = [call(number, segments=many[:2], contacts=[]) for number in range(0, 310, 2)]
        accepted(sink, *fewer, message(attachments=[], contacts=[{"source": "crm", "key": "79"}]))
    assert len(rows_in(server, "segments")) == 155 * 2 + 155 * 3
    assert len(rows_in(server, "attachments")) == 0
    contacts = rows_in(server, "contacts")
    assert [row["key"] for row in contacts if row["kind"] == "message"] == ["79"]
    assert len(contacts) == 155 + 1


def test_parts_without_their_activity_are_mended(server: Any) -> None:
    with sink_on(server.url) as sink:
        [(made, _)] = accepted(sink, call())
        server.run(f"DELETE FROM {TABLES['calls']}", f"DELETE FROM {TABLES['segments']} WHERE n = 2")
        server.run(f"UPDATE {TABLES['segments']} SET name = 'of a person'")
        accepted(sink, call())
    assert records_in(server) == [(made.identity, made.fields)]


def test_known_and_new_activities_come_in_one_batch(server: Any) -> None:
    with sink_on(server.url) as sink:
        accepted(sink, call(1), message(1))
        made = accepted(sink, call(1, status="missed"), call(2), message(1), message(2))
    assert dict(records_in(server)) == {each.identity: each.fields for each, _ in made}


def test_the_last_of_two_items_of_an_activity_counts(server: Any) -> None:
    with sink_on(server.url) as sink:
        sink.deliver([item(sink, call(status="open")), item(sink, call(status="missed"))])
    assert [row["status"] for row in rows_in(server, "calls")] == ["missed"]


def test_ids_that_differ_in_capital_letters_are_two(server: Any) -> None:
    with sink_on(server.url) as sink:
        accepted(sink, call(1, id="abc"), call(2, id="ABC"))
    assert sorted(row["id"] for row in rows_in(server, "calls")) == ["ABC", "abc"]


def test_erased_activities_take_their_parts_along(server: Any) -> None:
    with sink_on(server.url) as sink:
        made = accepted(sink, *ROWS[:310], message(1), message(1, channel="whatsapp"))
        gone = [outcome.remote_id or "" for _, outcome in made[:309]] + ["message:sms:m1"]
        assert sink.erase([*gone, "nonsense", "message:sms", "call:"]) == gone
    assert [identity for identity, _ in records_in(server)] == ["call:c309", "message:whatsapp:m1"]
    assert len(rows_in(server, "segments")) == 1
    assert {row["channel"] for row in rows_in(server, "contacts")} == {"", "whatsapp"}


def test_the_texts_that_the_rules_leave_out_are_not_written(server: Any) -> None:
    with sink_on(server.url, calls=CallRules(transcript="none")) as sink:
        accepted(sink, call())
    [row] = rows_in(server, "calls")
    assert (row["summary"], row["transcription"]) == (call()["summary"], None)


def test_a_new_activity_that_was_there_already_is_told(server: Any) -> None:
    with sink_on(server.url) as sink:
        assert not any(outcome.was_there for _, outcome in accepted(sink, call(1), message(1)))
        again = accepted(sink, call(1), call(2), message(1), message(1, channel="whatsapp"))
    assert [outcome.was_there for _, outcome in again] == [True, False, True, False]


# What a server does not take


def test_one_activity_that_the_server_refuses_stops_no_other(server: Any) -> None:
    prepare(server)
    if server.kind == "sqlite":
        server.run("CREATE TRIGGER short BEFORE INSERT ON calls WHEN NEW.duration > 1000 "
                   "BEGIN SELECT RAISE(ABORT, 'constraint failed'); END")  # fmt: skip
    else:
        server.run("ALTER TABLE calls ADD CONSTRAINT short CHECK (duration < 1000)")
    rows = [call(number, duration=5000 if number == 37 else 10) for number in range(100)]
    with sink_on(server.url) as sink:
        outcomes = deliver(sink, [item(sink, row) for row in rows])
    refused = outcomes.pop("call:c37")
    assert (refused.status, "does not take a value" in refused.reason) == ("rejected", True)
    assert {outcome.status for outcome in outcomes.values()} == {"accepted"}
    assert len(rows_in(server, "calls")) == 99


@pytest.mark.parametrize("more", [{"id": "x" * 192}, {"extension": "1" * 192}, {"start_time": "2026-13-45T10:00:00Z"}])
def test_what_fits_no_column_is_rejected(server: Any, more: dict[str, str]) -> None:
    with sink_on(server.url) as sink:
        made = [item(sink, call(1)), item(sink, call(2, **more))]
        outcomes = {each.identity: each for each in sink.deliver(made)}
    assert outcomes["call:c1"].status == "accepted"
    refused = outcomes[made[1].identity]
    assert refused.status == "rejected"
    assert next(iter(more.values())) not in refused.reason


def test_a_text_longer_than_a_statement_of_mysql_is_rejected(mariadb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MySqlSession, "longest_row", lambda _: 50_000)
    with sink_on(mariadb.url) as sink:
        outcomes = deliver(sink, [item(sink, call(1)), item(sink, call(2, summary="'" * 30_000))])
    assert outcomes["call:c1"].status == "accepted"
    assert "raise that" in outcomes["call:c2"].reason
