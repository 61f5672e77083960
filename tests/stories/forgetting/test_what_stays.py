"""``syncd forget --number`` takes the number alone from a contact that has another one."""

from __future__ import annotations

from tests.worlds.commands import Command
from tests.worlds.forgetting import ANN, CY, left_in_files
from tests.worlds.world import World


def test_a_contact_whose_newest_row_was_refused_keeps_its_other_number(synced: World, syncd: Command) -> None:
    synced.sandbox.dialect("phone_count", "refused")
    refused = ("2", "Bob Otherman", "2125550102;7185550102;2125550111;2125550112;2125550113")
    synced.write([ANN, refused, CY])
    assert [each["key"] for each in synced.run().rejected] == ["2"]
    code, out, _ = syncd("forget", "--number", "2125550102")
    assert code == 0
    assert "1 contact without the number now" in out
    assert synced.there()["2"]["Phone"] == "7185550102"
    assert left_in_files(synced.folder, "2125550102") == {}
    # The row is refused once more, and is sent as soon as it can be.
    assert [each["key"] for each in synced.run(full=True).rejected] == ["2"]
    assert synced.there()["2"]["Phone"] == "7185550102"
    synced.write([ANN, ("2", "Bob Otherman", "2125550102;2125550111"), CY])
    assert synced.run().exit_code == 0
    assert synced.there()["2"]["Phone"] == "2125550111"
