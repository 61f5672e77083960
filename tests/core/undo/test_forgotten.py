"""What was forgotten is taken out of the changes that an undo reads."""

from __future__ import annotations

from syncd.core.forgetting.marks import Marks, digest_of, key_text
from syncd.core.undo.forgotten import KEY_FORGOTTEN, NUMBERS_FORGOTTEN, PARTING, without_forgotten
from syncd.core.undo.world import Entry

SALT = "a salt"
GONE, OTHER = "2125550101", "2125550102"
MARKS = Marks(
    "tenants",
    SALT,
    "stamp",
    keys={digest_of("key", key_text("tenants", "9"), SALT): None},
    numbers={digest_of("number", GONE, SALT): None},
)


def update(key: str, before: dict[str, str] | None) -> Entry:
    return Entry(key, "update", before, {"Phone": OTHER}, "accepted")


def test_each_change_loses_the_number_and_is_barred_without_another() -> None:
    entries = [
        update("1", {"Name": GONE, "Phone": f"{GONE};{OTHER}"}),
        update("2", {"Phone": f"+{GONE}"}),
        update("3", {"Phone": "", "Mobile": OTHER}),
        update("4", None),
        update("9", {"Phone": OTHER}),
    ]
    found, barred = without_forgotten(entries, MARKS, ["Phone", "Mobile"], ["3", "5"])
    assert [each.before for each in found] == [
        {"Name": GONE, "Phone": OTHER},
        {"Phone": ""},
        {"Phone": "", "Mobile": OTHER},
        None,
        {"Phone": OTHER},
    ]
    assert barred == {"2": NUMBERS_FORGOTTEN, "3": PARTING, "9": KEY_FORGOTTEN}


def test_without_anything_forgotten_the_changes_are_as_they_were() -> None:
    entries = [update("1", {"Phone": GONE})]
    assert without_forgotten(entries, Marks("tenants"), ["Phone"], []) == (entries, {})
