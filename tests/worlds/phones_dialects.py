"""For each dialect of the lists and the media, what to look at and what each value makes of it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_dialects import Shows

LISTS = Shows()
DAY = 86_400.0
MIDNIGHT = 1_799_971_200.0
"""2027-01-15 in UTC, eight hours before the clock of the tests."""


def phones(name: str, value: str, **others: str) -> Any:
    dialects: Any = {name: value, **others}
    return closing(PhoneWorld(**dialects))


def ids(rows: list[dict[str, Any]]) -> str:
    return "".join(row["call_id"] for row in rows)


@LISTS.shows("calendar", utc="CBA", company="C", eastern="CB")
def show_whose_midnight_begins_a_day(name: str, value: str) -> Any:
    with phones(name, value) as held:
        for call, hours in (("A", 2.0), ("B", 5.5), ("C", 6.5)):
            held.phones.call(call_id=call, start=MIDNIGHT + hours * 3600)
        return ids(held.calls(start_date="2027-01-15", end_date="2027-01-15"))


@LISTS.shows("timezone_parameter", ignored="A", honoured="")
def show_a_range_in_another_zone(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.call(call_id="A", start=MIDNIGHT + 3600)
        return ids(held.calls(start_date="2027-01-15", end_date="2027-01-15", timezone="America/New_York"))


@LISTS.shows(
    "list_order",
    id=("CBA", [1, 2]),
    newest=("CBA", [2, 1]),
    updated=("CBA", [2, 1], "touched"),
    unstable=("unstable", None),
    oldest=("ABC", [1, 2]),
)
def show_the_order_of_both_lists(name: str, value: str) -> Any:
    with phones(name, value) as held:
        for at, call in enumerate("ABC"):
            held.phones.call(call_id=call, start=held.clock.now - 900 + at)
        if value == "unstable":
            seen = {ids(held.calls()) for _ in range(20)}
            return ("unstable", None) if len(seen) > 1 else seen
        held.store.add_all([{"External ID": "1"}, {"External ID": "2"}])
        contacts = [each["id"] for each in held.ask("GET", "/contacts").body["contacts"]]
        found = ids(held.calls()), contacts
        return (*found, "touched") if held.store.touched else found


@LISTS.shows("call_listed", end=["", "A", "A"], start=["A", "A", "A"], SECONDS=["", "", "A"])
def show_when_a_call_is_listed(name: str, value: str) -> Any:
    with phones(name, "90" if value == "SECONDS" else value) as held:
        held.phones.call(call_id="A", start=held.clock.now, talk=60)
        seen = []
        for wait in (10, 60, 100):
            held.clock.now += wait
            seen.append(ids(held.calls()))
        return seen


TWO_PHONES = ({"extension": "101", "talk": 0, "ring": 9}, {"extension": "102", "after": 9})


@LISTS.shows("call_rows", call=[("102", "answered", 2)], legs=[("102", "answered", 1), ("101", "missed", 1)])
def show_the_rows_of_a_call_that_rang_twice(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.call(segments=TWO_PHONES)
        rows = held.calls()
        assert len({row["call_id"] for row in rows}) == 1
        return sorted(((row["extension"], row["status"], len(row["journey"])) for row in rows), reverse=True)


@LISTS.shows("journey", plain=None, with_text="S")
def show_the_texts_of_a_listed_call(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.transcribe(held.phones.call(), "S", "T")
        return held.calls()[0]["journey"][0].get("summary")


@LISTS.shows("call_search", honoured="B", ignored="CBA")
def show_a_search_for_one_call(name: str, value: str) -> Any:
    with phones(name, value) as held:
        for call in "ABC":
            held.phones.call(call_id=call, remote_name="", name="")
        return ids(held.calls(search="B"))


@LISTS.shows("date_range", unlimited=200, **{"31d": 400})
def show_a_long_range(name: str, value: str) -> Any:
    with phones(name, value) as held:
        assert held.ask("GET", "/calls", start_date="2027-01-01", end_date="2027-01-31").status == 200
        return held.ask("GET", "/messages", start_date="2027-01-01", end_date="2027-02-01").status


@LISTS.shows("reach", unlimited=200, **{"90d": 400})
def show_a_range_of_long_ago(name: str, value: str) -> Any:
    with phones(name, value) as held:
        assert held.ask("GET", "/calls", start_date="2026-12-01").status == 200
        return held.ask("GET", "/calls", start_date="2026-10-01", end_date="2026-10-02").status


@LISTS.shows("list_cap", _500=(500, 150), _100=(100, 100))
def show_a_page_of_many_calls(name: str, value: str) -> Any:
    with phones(name, value) as held:
        for _ in range(150):
            held.phones.call()
        page = held.page("/calls", limit=500)
        return page["meta"]["limit"], len(page["calls"])


@LISTS.shows("message_ids", apart=2, shared=1)
def show_ids_of_two_channels(name: str, value: str) -> Any:
    with phones(name, value) as held:
        return len({held.phones.message(channel=channel) for channel in ("text", "whatsapp")})


@LISTS.shows("message_fields", list=("sent_time", ["id"]), webhook=("sent_at", ["url"]))
def show_the_fields_of_a_listed_message(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.message(attachments=[{}])
        [row] = held.messages()
        common = {"content_type", "filename", "size"}
        return next(key for key in row if key.startswith("sent_")), sorted(set(row["attachments"][0]) - common)


@LISTS.shows("withheld", empty="", anonymous="anonymous", restricted="Restricted", absent=None)
def show_a_withheld_caller(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.call(remote_number="", remote_name="")
        return held.calls()[0].get("remote_number")


@LISTS.shows("later_rows", same=("Ada", "S"), renamed=("Ada (corrected)", "S"), textless=("Ada", None))
def show_a_call_after_a_day(name: str, value: str) -> Any:
    with phones(name, value, journey="with_text") as held:
        held.phones.transcribe(held.phones.call(remote_name="Ada"), "S", "T")
        before = held.calls()
        assert (before[0]["remote_name"], before[0]["journey"][0]["summary"]) == ("Ada", "S")
        held.clock.now += DAY
        [row] = held.calls()
        return row["remote_name"], row["journey"][0]["summary"]


@LISTS.shows("listed_for", ever=(1, 1), SECONDS=(0, 0))
def show_activities_that_leave_their_lists(name: str, value: str) -> Any:
    with phones(name, "600" if value == "SECONDS" else value) as held:
        held.phones.call()
        held.phones.message()
        assert (len(held.calls()), len(held.messages())) == (1, 1)
        held.clock.now += 600
        return len(held.calls()), len(held.messages())


@LISTS.shows("recording_after", _0=[True, True], SECONDS=[False, True])
def show_when_a_recording_is_there(name: str, value: str) -> Any:
    with phones(name, "600" if value == "SECONDS" else value) as held:
        held.phones.call()
        return [_recorded(held, wait) for wait in (0, 600)]


@LISTS.shows("recording_for", ever=[True, True], SECONDS=[True, False])
def show_when_a_recording_goes(name: str, value: str) -> Any:
    with phones(name, "600" if value == "SECONDS" else value) as held:
        held.phones.call()
        return [_recorded(held, wait) for wait in (0, 600)]


def _recorded(held: PhoneWorld, wait: float) -> bool:
    held.clock.now += wait
    url = held.calls()[0]["journey"][0]["recording_url"]
    name = held.phones.truth_calls()[0]["journey"][0]["recording_url"].rpartition("/")[2]
    # The list and the media agree.
    assert held.ask("GET", f"/media/{name}").status == (200 if url else 404)
    return url is not None


@LISTS.shows(
    "long_recordings",
    same=[("audio/mp3", "mp3"), ("audio/mp3", "mp3")],
    absent=[("audio/mp3", "mp3"), None],
    wav=[("audio/mp3", "mp3"), ("audio/wav", "wav")],
    untyped=[("audio/mp3", "mp3"), ("application/octet-stream", "")],
)
def show_a_recording_of_ten_minutes_and_a_longer_one(name: str, value: str) -> Any:
    with phones(name, value) as held:
        return [_form_of(held, held.phones.call(talk=talk, size=100)) for talk in (600.0, 601.0)]


def _form_of(held: PhoneWorld, call: str) -> tuple[str, str] | None:
    [row] = [each for each in held.calls() if each["call_id"] == call]
    url = row["journey"][0]["recording_url"]
    if url is None:
        return None
    found = held.ask("GET", f"/media/{url.rpartition('/')[2]}").body
    return found["content_type"], found["format"]


@LISTS.shows("recording_format", mp3=("audio/mp3", b"ID3"), wav=("audio/wav", b"RIF"))
def show_the_format_of_a_recording(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.phones.call()
        recording = held.calls()[0]["journey"][0]["recording_url"].rpartition("/")[2]
        found = held.desk.media.find(recording)
        assert found is not None
        return held.ask("GET", f"/media/{recording}").body["content_type"], found.content(0, 3)
