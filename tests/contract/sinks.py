"""What every sink must do, as tests. Subclass :class:`SinkContract` and give it a world:

class TestMySink(SinkContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> SinkWorld:
        return MyWorld(tmp_path)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import pytest
from pydantic import ValidationError

from syncd.core.activity.sent import compacted, digest_of
from syncd.errors import SinkError, SourceError
from syncd.sink import Item, Outcome, Row, Sink
from tests.contract.sink_rows import (
    BARE_CALL,
    BARE_MESSAGE,
    DAY,
    NAME,
    NUMBER,
    ODD_TEXTS,
    WITHHELD_CALL,
    WORDS,
    call,
    message,
    of_kind,
)

SECONDS = 10.0
"""How long a delivery may take to end after a cancel, on a busy machine."""

Kind = Literal["call", "message"]
Fields = Mapping[str, Any]


class SinkWorld(Protocol):
    """A place that holds records, and the sink that writes there."""

    def sink(self) -> Sink:
        """Return a new sink that writes to the place."""

    def records(self) -> Sequence[tuple[str, Fields]]:
        """Return every record of the place: the identity of its activity, and its fields in the words of ``render``.

        A sink that adds and never changes, such as a webhook: what a receiver would hold that knows the identities.
        """

    def contacts_of(self, identity: str) -> Sequence[str]:
        """Return the ids of the contacts that are associated with a record. Only if the sink ``associates``."""

    def contact(self) -> str:
        """Make a contact at the place and return its id. Only if the sink ``associates``."""

    def break_down(self) -> None:
        """Make the place unusable, as it may happen to it, also for sinks that are open."""

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        """Let the place not answer while the block lasts; the event is set once a delivery waits for it.

        None: a delivery never waits for the place.
        """


def identity_of(row: Row) -> str:
    """Return ``call:ID`` or ``message:CHANNEL:ID``."""
    return f"call:{row['id']}" if row["kind"] == "call" else f"message:{row['channel']}:{row['id']}"


def item(sink: Sink, row: Row, **more: Any) -> Item:
    """Return the item of a row, as a delivery makes it; it is a create unless ``more`` says otherwise."""
    fields = json.loads(json.dumps(sink.render(row)))
    day = (row.get("start_time") or row.get("sent_at") or "")[:10]
    given = {"change": "create", "day": day, "digest": digest_of(fields), **more}
    return Item(identity_of(row), row["kind"], fields=fields, **given)


def update(sink: Sink, before: Item, outcome: Outcome, row: Row) -> Item:
    """Return the item that follows ``before``, which was accepted, for the row as it is now."""
    return item(sink, row, change="update", remote_id=outcome.remote_id, sent=compacted(before.fields))


def deliver(sink: Sink, items: Sequence[Item]) -> dict[str, Outcome]:
    """Deliver as the shell does: in batches of the sink's size, or days. Each item must have one outcome at most."""
    wants = sink.wants()
    found: list[Outcome] = []
    if wants.days:
        for key in sorted({(each.kind, each.day) for each in items}):
            found += sink.deliver([each for each in items if (each.kind, each.day) == key])
    else:
        for start in range(0, len(items), wants.batch):
            found += sink.deliver(items[start : start + wants.batch])
    outcomes = {each.identity: each for each in found}
    assert len(outcomes) == len(found)
    assert outcomes.keys() <= {each.identity for each in items}
    return outcomes


def accepted(sink: Sink, *rows: Row) -> list[tuple[Item, Outcome]]:
    """Deliver rows as new, and return the item and the outcome of each; all must be accepted."""
    items = [item(sink, row) for row in rows]
    outcomes = deliver(sink, items)
    assert [outcomes[each.identity].status for each in items] == ["accepted"] * len(items)
    return [(each, outcomes[each.identity]) for each in items]


def names_nobody(text: str) -> bool:
    """Return whether a text holds nothing of the person of the rows."""
    return not [word for word in (*NAME.split(), NUMBER, NUMBER[4:], *WORDS.split()[:1]) if word in text]


class SinkContract:
    """The contract. ``world`` is a fixture that the subclass provides."""

    @pytest.fixture
    def world(self) -> SinkWorld:
        raise NotImplementedError("a fixture called world makes the place")

    def shows(self, fields: Fields, text: str) -> bool:
        """Return whether a record shows a call's summary, or a message's body; a sink may word it in its own way."""
        return text in fields.values()

    @pytest.fixture(params=["call", "message"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_rendering_is_deterministic_json_and_asks_nothing(self, world: SinkWorld, kind: str) -> None:
        row = of_kind(kind)
        world.break_down()
        fields = world.sink().render(row)
        assert json.loads(json.dumps(fields)) == fields
        turned_round = dict(reversed(list(of_kind(kind).items())))
        assert digest_of(world.sink().render(turned_round)) == digest_of(fields)
        assert row == of_kind(kind)

    def test_a_new_activity_becomes_one_record_with_its_fields(self, world: SinkWorld, kind: str) -> None:
        with world.sink() as sink:
            [(made, outcome)] = accepted(sink, of_kind(kind))
        assert world.records() == [(made.identity, made.fields)]
        assert outcome.remote_id or not sink.wants().erases

    def test_no_items_are_no_records_and_no_outcomes(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            assert list(sink.deliver([])) == []
        assert world.records() == []

    def test_an_item_that_is_delivered_twice_makes_one_record(self, world: SinkWorld, kind: str) -> None:
        with world.sink() as sink:
            if not sink.wants().idempotent:
                pytest.skip("it is not idempotent")
            [(first, once)] = accepted(sink, of_kind(kind))
            again = deliver(sink, [item(sink, of_kind(kind), attempt=2)])[first.identity]
        assert again.status == "accepted"
        assert again.remote_id == once.remote_id
        assert world.records() == [(first.identity, first.fields)]

    def test_a_batch_has_an_outcome_for_each(self, world: SinkWorld) -> None:
        rows = [*(call(number) for number in range(30)), *(message(number) for number in range(30))]
        with world.sink() as sink:
            made = accepted(sink, *rows)
        found = world.records()
        assert sorted(identity for identity, _ in found) == sorted(each.identity for each, _ in made)
        assert dict(found) == {each.identity: each.fields for each, _ in made}

    def test_what_is_not_known_of_an_activity_is_not_there(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            made = accepted(sink, BARE_CALL, WITHHELD_CALL, BARE_MESSAGE)
        assert dict(world.records()) == {each.identity: each.fields for each, _ in made}
        assert "None" not in json.dumps([fields for _, fields in world.records()])

    def test_odd_texts_arrive_as_they_are(self, world: SinkWorld, kind: str) -> None:
        named = dict(enumerate(ODD_TEXTS))
        rows = [
            call(number, summary=ODD_TEXTS[odd]) if kind == "call" else message(number, body=ODD_TEXTS[odd])
            for number, odd in named.items()
        ]
        with world.sink() as sink:
            made = [each for each, _ in accepted(sink, *rows)]
        found = dict(world.records())
        assert [odd for number, odd in named.items() if found[made[number].identity] != made[number].fields] == []
        shown = [self.shows(found[made[number].identity], ODD_TEXTS[odd]) for number, odd in named.items()]
        assert [odd for number, odd in named.items() if not shown[number]] == []

    def test_what_no_place_can_store_does_not_stop_the_others(self, world: SinkWorld) -> None:
        rows = [call(1, summary="a\0b", remote_name="half \ud83d of a pair"), call(2), message(1, body="\0")]
        with world.sink() as sink:
            outcomes = deliver(sink, [item(sink, row) for row in rows])
        assert {outcomes["call:c1"].status, outcomes["message:sms:m1"].status} <= {"accepted", "rejected"}
        assert outcomes["call:c2"].status == "accepted"
        assert names_nobody(" ".join(outcome.reason for outcome in outcomes.values()))

    def test_an_update_changes_the_record(self, world: SinkWorld, kind: str) -> None:
        with world.sink() as sink:
            if not sink.wants().updates:
                pytest.skip("it updates nothing")
            [(before, outcome)] = accepted(sink, of_kind(kind, status="open"))
            now = update(sink, before, outcome, of_kind(kind, status="answered", contacts=[], segments=[]))
            assert deliver(sink, [now])[now.identity].status == "accepted"
        assert world.records() == [(now.identity, now.fields)]

    def test_an_update_leaves_the_other_records(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            if not sink.wants().updates:
                pytest.skip("it updates nothing")
            (first, outcome), (other, at) = accepted(sink, call(1), call(2))
            now = update(sink, first, outcome, call(1, status="missed"))
            same = item(sink, call(2), change="unchanged", remote_id=at.remote_id)
            deliver(sink, [now, *([same] if sink.wants().days else [])])
        assert dict(world.records()) == {now.identity: now.fields, other.identity: other.fields}

    def test_another_sink_goes_on_where_one_was_closed(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            [(before, outcome)] = accepted(sink, call())
        sink.close()
        with world.sink() as other:
            accepted(other, message())
            assert len(world.records()) == 2
        if sink.wants().updates:
            # The first may open the place again.
            now = update(sink, before, outcome, call(status="missed"))
            assert deliver(sink, [now])[now.identity].status == "accepted"
            assert dict(world.records())[now.identity] == now.fields
        sink.close()

    def test_it_finds_what_is_there_if_it_says_so(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            if not sink.wants().finds:
                pytest.skip("it finds nothing")
            [(made, outcome)] = accepted(sink, call(1))
            found = sink.find([item(sink, call(1), attempt=2), item(sink, call(2), attempt=2)])
        assert found[made.identity] == outcome.remote_id
        assert found.get("call:c2") is None

    def test_it_erases_what_it_is_told_if_it_says_so(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            if not sink.wants().erases:
                pytest.skip("it erases nothing")
            (_, gone), (stays, _), (_, too) = accepted(sink, call(1), call(2), message(1))
            ids = [each.remote_id for each in (gone, too) if each.remote_id]
            assert sorted(sink.erase(ids)) == sorted(ids)
            assert [identity for identity, _ in world.records()] == [stays.identity]
            # What is not there any more is gone.
            assert sorted(sink.erase(ids)) == sorted(ids)
            assert sink.erase([]) == []
            sink.erase(["of another sink"])
        assert [identity for identity, _ in world.records()] == [stays.identity]

    def test_it_associates_contacts_if_it_says_so(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            if not sink.wants().associates:
                pytest.skip("it associates nothing")
            ann, bob = world.contact(), world.contact()
            made = item(sink, call(), contacts=(ann,))
            outcome = deliver(sink, [made])[made.identity]
            assert outcome.contacts == (ann,)
            late = item(sink, call(), change="associate", remote_id=outcome.remote_id, contacts=(bob,))
            assert deliver(sink, [late])[late.identity].contacts == (bob,)
        assert sorted(world.contacts_of(made.identity)) == sorted([ann, bob])
        assert len(world.records()) == 1

    def test_it_makes_one_contact_of_a_number_if_it_says_so(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            if not sink.wants().makes_contacts:
                pytest.skip("it makes no contacts")
            assert sink.create_contact(NUMBER, None) == sink.create_contact(NUMBER, NAME)

    def test_a_check_and_a_preparation_write_no_record(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            notes = [*sink.check(), *sink.prepare(), *sink.check()]
            assert list(sink.prepare()) == []
        assert all(note.text for note in notes)
        assert world.records() == []

    def test_building_a_sink_opens_nothing(self, world: SinkWorld) -> None:
        world.break_down()
        assert world.sink().name

    def test_a_place_that_is_gone_is_an_error_that_names_nobody(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            accepted(sink, call(1))
            world.break_down()
            with pytest.raises((SinkError, SourceError)) as open_one:
                deliver(sink, [item(sink, call(2))])
        with world.sink() as sink, pytest.raises((SinkError, SourceError)) as new_one:
            deliver(sink, [item(sink, call(2)), item(sink, message(2))])
        for error in (open_one.value, new_one.value):
            assert str(error)
            assert names_nobody(f"{error} {error.__cause__ or ''}")

    def test_a_cancel_ends_a_delivery_that_waits(self, world: SinkWorld) -> None:
        stall = world.stalled()
        if stall is None:
            pytest.skip("it never waits")
        sink = world.sink()
        ended: list[BaseException] = []

        def work() -> None:
            try:
                deliver(sink, [item(sink, call())])
            except BaseException as error:  # noqa: BLE001  (any error will do)
                ended.append(error)

        delivering = threading.Thread(target=work, daemon=True)
        with sink, stall as waiting:
            delivering.start()
            assert waiting.wait(SECONDS)
            sink.cancel()
            delivering.join(SECONDS)
            assert not delivering.is_alive()
        assert ended

    def test_a_cancel_without_a_delivery_is_harmless(self, world: SinkWorld) -> None:
        sink = world.sink()
        sink.cancel()
        sink.close()
        sink.close()

    def test_unknown_options_are_refused_and_options_are_frozen(self, world: SinkWorld) -> None:
        options = world.sink().options
        with pytest.raises(ValidationError, match="no_such_option"):
            type(options)(**{**dict(options), "no_such_option": 1})
        name = next(iter(type(options).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(options, name, None)


__all__ = ["DAY", "Fields", "SinkContract", "SinkWorld", "accepted", "deliver", "identity_of", "item", "update"]
