"""The first steps: contacts go from a company's export to the phone system.

Every step is a real command, as the command line runs it. Afterwards the step checks what the phone system holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.demo.stage import Stage, promise
from syncd.report.exit_code import DONE, WAITING

CONFIGURATION = """\
target:
  api_key: KEY
  base_url: URL
state: syncd.db
sources:
  tenants:
    connector: csv
    options: {path: tenants.csv}
    key: tenant_id
    where: "status <> 'former'"
    require: [Phone, Contact]
    phones: {region: {column: country}}
    mapping:
      External ID: tenant_id
      Contact: {from: "{first_name} {last_name}", case: title}
      Company: {first: [company, employer], default: Unknown}
      Phone: [mobile, home_phone, work_phone]
      Email: {from: email, case: lower}
      Portal: tenant_id
"""

# Two contacts that a person entered by hand. The first is in no export and must never be touched; the second is in the
# export too and must be adopted, not doubled.
FRONT_DESK = {"Contact": "Front desk", "Company": "Juniper Court", "Phone": "2125550100"}
OLD_FRIEND = {"External ID": "100012", "Contact": "S. O'Brien", "Company": "Harbor View Lofts", "Phone": "9295550100"}

WANTED = 284
"""Rows of the sample that make a contact: neither former, nor without a phone that can be read, nor broken."""

EDITS: Sequence[tuple[str, str, str]] = (
    (
        "line 264 gets the fields that it lacked",
        "100266,Prudence,Marlow,Old Mill Yard,prudence@example.com,(607) 555-0228\n",
        "100266,Prudence,Marlow,Old Mill Yard,,prudence@example.com,(607) 555-0228,,,US,active,2026-10-05 10:02\n",
    ),
    ("line 200 gets its key", "\n,Clement,Ashby,", "\n100309,Clement,Ashby,"),
    (
        "line 177 goes, since 107 is the same tenant",
        "100107,Viktor,Quigley,Elm Street Apartments,,,(845) 555-0226,,,US,active,2026-10-02 09:14\n",
        "",
    ),
    ("100217 has a second number", ",518.555.0168,", ",518.555.0168; 212-555-0230,"),
    ("100231 has moved out", "917 555 0178,,,US,active", "917 555 0178,,,US,former"),
)
"""The company's edits of its export: the description, the old text, the new text."""

NEWCOMER = "100310,Nell,Farrow,Juniper Court,,nell.farrow@example.com,212-555-0231,,,US,active,2026-10-05 11:20\n"


class Contacts:
    """The steps, in the order of the story. ``sample``: the export's text."""

    def __init__(self, stage: Stage, sample: str) -> None:
        self._stage = stage
        self._sandbox = stage.sandbox
        self._export = stage.folder / "tenants.csv"
        self._sample = sample

    def play(self) -> None:
        for step in (self.begin, self.look, self.push, self.edit, self.rest, self.guard):
            step()

    def begin(self) -> None:
        # Into the store, not by a request: the demo counts the requests of syncd.
        for contact in (FRONT_DESK, OLD_FRIEND):
            self._sandbox.store.add(contact)
        text = CONFIGURATION.replace("KEY", self._sandbox.key).replace("URL", self._sandbox.url)
        self._stage.configuration.write_text(text, encoding="utf-8")
        self._export.write_text(self._sample, encoding="utf-8")
        self._stage.tell(
            "A demo: syncd keeps the contacts of a phone system equal to a company's export, tenants.csv, and brings",
            "the calls back, whole.",
            f"The phone system is a sandbox on this machine ({self._sandbox.url}), and holds two contacts already.",
            "Nothing leaves the machine, and nothing stays behind. This is the whole configuration, syncd.yaml:",
        )
        self._stage.show(text)

    def look(self) -> None:
        self._stage.step("1. Look first", "A dry run reads the export, says what it would do, and sends nothing.")
        sent = self._stage.run("run", "--dry-run", ends=WAITING)
        promise("writing requests in the dry run", sent["POST"] + sent["DELETE"], 0)
        promise("contacts after the dry run", len(self._contacts()), 2)

    def push(self) -> None:
        self._stage.step(
            "2. Push", "The same in earnest, in batches of 500. A row that cannot be read costs no other row."
        )
        self._stage.run("run", ends=WAITING)
        self._promise_contacts(WANTED, {"100012": "Siobhan O'Brien", "100010": "Gloria Hathaway"}, "Contact")
        self._promise_contacts(WANTED, {"100015": "2125550212", "100034": "8005557368"}, "Phone")

    def edit(self) -> None:
        self._stage.step(
            "3. Edit the export", "The company mends the three rows and goes on with its day; in tenants.csv:"
        )
        text = self._sample
        for description, old, new in EDITS:
            # An edit that finds its text twice, or not at all, would make the later numbers wrong.
            promise(f"places where {description}", text.count(old), 1)
            text = text.replace(old, new)
            self._stage.point(description)
        self._stage.point("100310 has moved in, in a new last line")
        self._export.write_text(text + NEWCOMER, encoding="utf-8")
        self._stage.tell("Only what differs is sent, field by field:")
        self._stage.run("run", ends=DONE)
        numbers = {"100217": "5185550168;2125550230", "100266": "6075550228", "100309": "5855550227"}
        self._promise_contacts(WANTED + 2, {**numbers, "100310": "2125550231", "100231": None}, "Phone")

    def rest(self) -> None:
        self._stage.step("4. Run again", "Nothing has changed, so nothing is written: one request, to see the fields.")
        sent = self._stage.run("run", ends=DONE)
        promise("requests of a run with nothing to do", dict(sent), {"GET": 1})

    def guard(self) -> None:
        self._stage.step(
            "5. The export goes wrong", "One night it holds its header and no row. Must everybody be deleted?"
        )
        self._export.write_text(self._sample.partition("\n")[0] + "\n", encoding="utf-8")
        sent = self._stage.run("run", ends=WAITING)
        promise("deletes of an emptied export", sent["DELETE"], 0)
        self._promise_contacts(WANTED + 2, {}, "Phone")
        self._stage.tell(
            "",
            "No: everybody is still there. The deletes are held until syncd approve lets exactly this list go, once,",
            "or until the export is whole again and they no longer arise.",
        )

    def _contacts(self) -> list[Mapping[str, Any]]:
        return [contact["fields"] for contact in self._sandbox.store.contacts()]

    def _promise_contacts(self, count: int, values: Mapping[str, str | None], field: str) -> None:
        """Check that the phone system holds ``count`` tenants, these values of ``field``, and the front desk."""
        contacts = self._contacts()
        there = {fields["External ID"]: fields for fields in contacts if fields.get("External ID")}
        promise("tenants in the phone system", len(there), count)
        for tenant, value in values.items():
            promise(f"{field} of {tenant}", there.get(tenant, {}).get(field), value)
        untouched = [fields for fields in contacts if not fields.get("External ID")]
        promise("the contacts that no export holds", [fields.get("Contact") for fields in untouched], ["Front desk"])
