"""An undo restores no forgotten number, also if the number came to the history after it was forgotten."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command
from tests.worlds.forgetting import ANN, BOB, CY
from tests.worlds.world import World


@pytest.mark.parametrize(
    ("typed", "kept", "name"),
    [
        ("2125550101;3125550104", [], "Dee Typed"),
        ("2125550101", ["all numbers that it had before were forgotten"], "Dee Row"),
    ],
)
def test_an_undone_adoption_gives_no_forgotten_number_back(
    synced: World, syncd: Command, typed: str, kept: list[str], name: str
) -> None:
    assert syncd("forget", "--number", ANN[2])[0] == 0
    # A person types the number in once more.
    synced.sandbox.store.add({"External ID": "4", "Name": "Dee Typed", "Phone": typed})
    synced.write([ANN, BOB, CY, ("4", "Dee Row", "3125550105")])
    assert synced.run().counts["adopt"] == 1
    run = json.loads(syncd("history", "--json")[1])["runs"][0]["run"]
    found = json.loads(syncd("undo", run, "--json")[1])
    assert [each["reason"] for each in found["sources"][0]["kept"]] == kept
    assert synced.there()["4"]["Name"] == name
    assert ANN[2] not in str(synced.there())
