"""Every dialect of the sandbox is understood: a push and a delete come out the same."""

from collections.abc import Iterator

import pytest

from syncd.rest import Client
from syncd.sandbox.server import Sandbox
from syncd.target.contacts import Accepted, Refused, Target

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
