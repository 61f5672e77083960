"""The check of a HubSpot sink, what it prepares, and the contacts that it makes of unknown callers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.errors import SinkInvalid, SourceDenied, SourceUnavailable
from syncd.sink import CallRules, SinkRules
from tests.worlds.hubspot_sink import RULES, Timeline

UNIQUE = {"name": "vocatech_id", "label": "Ours", "type": "string", "fieldType": "text", "groupName": "call"}


def texts(notes: Any, *, good: bool) -> str:
    return "\n".join(each.text for each in notes if each.good == good)


class TestPrepare:
    def test_it_makes_the_unique_properties_once(self) -> None:
        world = Timeline(prepared=False)
        assert not world.sink.wants().idempotent
        assert texts(world.sink.prepare(), good=True).count("made the unique property vocatech_id of c") == 2
        assert world.sink.wants().idempotent
        assert world.calls.schema.unique == {"vocatech_id", "hs_unique_creation_key"}
        assert world.calls.schema.made["vocatech_id"]["groupName"] == "call"
        assert world.sink.prepare() == []
        assert world.written() == {"property": 2}

    def test_check_names_the_command_that_makes_them(self) -> None:
        world = Timeline(prepared=False)
        command = f"run syncd activity prepare {world.sink.name};"
        assert f"calls have no unique property: {command}" in texts(world.sink.check(), good=False)

    def test_only_of_the_kinds_that_are_delivered(self) -> None:
        world = Timeline(rules=replace(RULES, messages=None))
        assert "vocatech_id" not in world.communications.types
        assert world.sink.wants().idempotent

    def test_a_property_that_is_not_unique_stays_so_and_is_refused(self) -> None:
        world = Timeline(prepared=False)
        world.calls.schema.make(UNIQUE)
        with pytest.raises(SinkInvalid, match=r"calls have a property vocatech_id that is not unique.*archive it"):
            world.sink.prepare()
        assert not world.sink.wants().idempotent
        notes = texts(world.sink.check(), good=False)
        assert "vocatech_id of calls is not unique" in notes
        assert f"run syncd activity prepare {world.sink.name}\n" in notes + "\n"

    def test_where_there_can_be_none_it_says_what_follows(self) -> None:
        world = Timeline(prepared=False, dialects={"unique": "none"})
        assert "HubSpot makes no unique property of calls" in texts(world.sink.prepare(), good=False)
        assert "waits until HubSpot's search shows the record" in texts(world.sink.check(), good=False)
        assert not world.sink.wants().idempotent

    def test_hubspot_s_own_key_is_used_where_it_can_be_written(self) -> None:
        world = Timeline(prepared=False, dialects={"unique": "creation_key"})
        assert "hs_unique_creation_key is used" in texts(world.sink.prepare(), good=True)
        assert world.sink.wants().idempotent

    def test_the_scope_that_it_needs_is_named(self) -> None:
        world = Timeline(prepared=False)
        world.fake.portal.scopes.discard("crm.schemas.contacts.write")
        with pytest.raises(SourceDenied, match=r"crm\.schemas\.contacts\.write"):
            world.sink.prepare()


class TestCheck:
    def test_it_writes_nothing_and_is_content(self) -> None:
        world = Timeline(rules=replace(RULES, owners={"101": "jane@example.com"}, outcomes={"missed": "no_answer"}))
        notes = world.sink.check()
        assert texts(notes, good=False) == ""
        assert "calls are delivered exactly once, by the unique property vocatech_id" in texts(notes, good=True)
        assert world.fake.portal.counts() == {"contacts": 3, "companies": 0, "calls": 0, "communications": 0}

    def test_all_missing_scopes_are_named_at_once(self) -> None:
        world = Timeline()
        world.fake.portal.scopes.clear()
        with pytest.raises(SourceDenied) as refused:
            world.sink.check()
        for scope in ("crm.schemas.contacts.read", "crm.objects.contacts.read", "crm.objects.contacts.write"):
            assert scope in str(refused.value)

    def test_owners_and_outcomes_that_there_are_not_are_told_by_their_place(self) -> None:
        owners = {"101": "jane@example.com", "102": "gone@example.com", "103": "12"}
        world = Timeline(rules=replace(RULES, owners=owners, outcomes={"answered": "connected", "missed": "nobody"}))
        told = texts(world.sink.check(), good=False)
        assert "owners.102, owners.103" in told
        assert "outcomes.missed; it has: busy, connected" in told
        assert "gone@" not in told

    def test_the_scope_of_owners_is_told_if_owners_are_configured(self) -> None:
        world = Timeline(rules=replace(RULES, owners={"101": "jane@example.com"}))
        world.fake.portal.scopes.discard("crm.objects.owners.read")
        assert "crm.objects.owners.read" in texts(world.sink.check(), good=False)

    def test_without_contacts_nothing_is_linked_and_it_says_so(self) -> None:
        world = Timeline(rules=SinkRules())
        assert not world.sink.wants().associates
        assert "contacts is not set" in texts(world.sink.check(), good=False)

    @pytest.mark.parametrize(
        ("rules", "told"),
        [
            (CallRules(transcript="api"), r"transcript: api does not work.*say body or none"),
            (CallRules(recording="http://files.example.com/{path}"), "https"),
            (CallRules(title="{who} called"), r"calls\.title: no call has a column 'who'"),
            (CallRules(recording="https://files.example.com/{file}"), r"calls\.recording: no call has a column 'file'"),
        ],
    )
    def test_what_hubspot_cannot_do_is_refused(self, rules: CallRules, told: str) -> None:
        world = Timeline(rules=replace(RULES, calls=rules), prepared=False)
        with pytest.raises(SinkInvalid, match=told):
            world.sink.check()
        with pytest.raises(SinkInvalid, match=told):
            world.sink.wants()


class TestContacts:
    @pytest.mark.parametrize("phone", ["2125550123", "+1 (212) 555-0123", "12125550123"])
    @pytest.mark.parametrize("field", ["phone", "mobilephone"])
    def test_a_number_that_a_contact_has_makes_no_second_one(self, phone: str, field: str) -> None:
        world = Timeline()
        number = world.contacts.add({"firstname": "Bea", field: phone})
        assert world.sink.create_contact("2125550123", "BEA") == str(number)
        assert world.written() == {}

    def test_an_unknown_number_becomes_a_contact(self) -> None:
        world = Timeline()
        number = int(world.sink.create_contact("2125550123", "Ann Mary Lee"))
        values = world.contacts.records[number].values
        assert values == {"phone": "2125550123", "firstname": "Ann", "lastname": "Mary Lee"}
        number = int(world.sink.create_contact("2125550124", None))
        assert world.contacts.records[number].values == {"phone": "2125550124"}

    def test_a_foreign_number_is_the_same_in_full_only(self) -> None:
        world = Timeline()
        world.contacts.add({"phone": "+44 20 5550 0123"})
        other = world.contacts.add({"phone": "+49 20 5550 0123"})
        assert world.sink.create_contact("492055500123", None) == str(other)

    def test_a_contact_whose_answer_is_lost_is_not_made_twice(self) -> None:
        world = Timeline()
        world.fake.arm({"kind": "drop", "path": "create", "times": 6})
        with pytest.raises(SourceUnavailable):
            world.sink.create_contact("2125550123", None)
        assert world.written() == {"create": 1}
