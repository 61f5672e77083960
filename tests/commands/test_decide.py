"""``syncd approve`` and ``syncd rejects``: held changes go on after an approval, rejected contacts after a retry."""

from __future__ import annotations

import json

from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import World


def test_held_changes_exit_3_until_they_are_approved(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    code, out, _ = syncd("run", "--json")
    assert code == 3
    digest = json.loads(out)["sources"][0]["held"][0]["digest"]
    assert len(company.there()) == 40
    code, out, _ = syncd("approve", "tenants", digest)
    assert (code, out) == (
        0,
        "tenants: 20 deletes approved, for one run and exactly as listed: syncd run tenants makes them.\n",
    )
    assert syncd("run")[0] == 0
    assert len(company.there()) == 20


def test_a_digest_may_be_pasted_with_spaces_and_in_capitals(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    digest = json.loads(syncd("run", "--json")[1])["sources"][0]["held"][0]["digest"]
    assert syncd("approve", "tenants", f" {digest.upper()}\n")[0] == 0
    assert syncd("run")[0] == 0
    assert len(company.there()) == 20


def test_an_empty_digest_is_told_as_such(company: World, syncd: Command) -> None:
    code, _, err = syncd("approve", "tenants", " ")
    assert code == 2
    assert errors(err)[0].startswith("tenants: the digest is empty, and names no list; nothing of it is held now")


def test_an_approval_of_what_is_not_held_exits_2(company: World, syncd: Command) -> None:
    assert "nothing of it is held now" in errors(syncd("approve", "tenants", "9f3c")[2])[0]
    assert not (company.folder / "syncd.db").exists()
    code, _, err = syncd("approve", "tenant", "9f3c")
    assert code == 2
    assert "did you mean 'tenants'?" in errors(err)[0]


def test_a_rejected_contact_is_listed_and_tried_again_on_demand(company: World, syncd: Command) -> None:
    company.sandbox.arm({"kind": "poison", "field": "Name", "value": "Person 7"})
    code, out, _ = syncd("run", "--json")
    assert code == 3
    assert [each["key"] for each in json.loads(out)["sources"][0]["rejected"]] == ["7"]
    assert "tenants    7  refused by Vocatech" in syncd("rejects")[1]
    assert [each["key"] for each in json.loads(syncd("rejects", "list", "--json")[1])["rejected"]] == ["7"]
    company.sandbox.disarm()
    assert syncd("run")[0] == 3
    assert syncd("rejects", "retry", "tenants")[1] == "1 contact will be sent again by the next run.\n"
    assert syncd("run")[0] == 0
    assert len(company.there()) == 40
    assert syncd("rejects")[1] == "No contact is rejected.\n"
